"""Child processes that answer commands, one line of JSON each way, while their event loop runs on."""

from __future__ import annotations

import asyncio
import gc
import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

_GC_THRESHOLD = 50_000

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer_commands(answer: Answer, first: dict[str, Any]) -> None:
    """Print ``first``, then what ``answer`` makes of each line of standard input, until that ends."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    _print(first)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _print(await answer(orjson.loads(line)))


def _print(value: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the ``ordered`` values that ``percent`` % of them do not exceed (nearest rank)."""
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]


def new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ModuleNotFoundError:  # not built for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
