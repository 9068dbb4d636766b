"""Parsers of hostile formats run in processes of their own: bounded, without secrets, killed when nobody waits.

A thread would not do: it shares the memory, and cannot be stopped. Measured on 2 cores: a process answers after 0.15 to
0.3 s, most of it for loading its library; so one of the kind used last is kept warm for a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from app.documents.limits import CPU_S, MAX_ANSWER_BYTES, MEMORY_BYTES, WALL_S
from app.ports.documents import EVERYTHING, Document, Part, Selection
from app.ports.workspace import UnreadableDocument

_PACKAGES = str(Path(__file__).resolve().parents[2])
_WARM_S = 60.0
_CHUNK_BYTES = 1024 * 1024
_TOO_HEAVY = f"reading it took more than {MEMORY_BYTES >> 20:,} MB of memory or {CPU_S} s"


def read_blocking(kind: str, content: bytes, selection: Selection = EVERYTHING) -> Document:
    """Parse in a process and wait for it, for callers in a thread; see ``Workers.read`` for the other ones."""
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and module
            _command(kind),
            input=_header(selection) + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            timeout=WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise UnreadableDocument(_TOO_HEAVY) from exc
    return _document(ended.stdout)


class Workers:
    """Processes that parse one document each. An async context manager: leaving it ends them all.

    Args:
        at_once: processes that parse at the same time; further documents wait.
        wall_s: for one document, from its start.
    """

    def __init__(self, *, at_once: int = max(2, os.cpu_count() or 2), wall_s: float = WALL_S) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._wall_s = wall_s
        self._warm: tuple[str, Process] | None = None
        self._cooling: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if self._cooling is not None:
            self._cooling.cancel()
        if self._warm is not None:
            await _end(self._warm[1])
            self._warm = None

    async def read(self, kind: str, content: bytes, selection: Selection = EVERYTHING) -> Document:
        """Parse one document of a kind that ``worker.reader_of`` knows.

        Raises:
            UnreadableDocument: see ``ports.documents.DocumentReader``.
        """
        async with self._free:
            process = self._taken(kind) or await _started(kind)
            try:
                async with asyncio.timeout(self._wall_s):
                    answer = await _conversation(process, _header(selection), content)
                    await process.wait()
            except TimeoutError as exc:
                raise UnreadableDocument(_TOO_HEAVY) from exc
            finally:
                await _end(process)
        await self._warm_up(kind)
        return await asyncio.to_thread(_document, answer)

    def _taken(self, kind: str) -> Process | None:
        if self._warm is None or self._warm[0] != kind:
            return None
        process, self._warm = self._warm[1], None
        return process if process.returncode is None else None

    async def _warm_up(self, kind: str) -> None:
        if self._closed or (self._warm is not None and self._warm[0] == kind and self._warm[1].returncode is None):
            return
        old, self._warm = self._warm, None
        if old is not None:
            await _end(old[1])
        started = await _started(kind)
        if self._closed or self._warm is not None:
            await _end(started)
            return
        self._warm = (kind, started)
        if self._cooling is not None:
            self._cooling.cancel()
        self._cooling = asyncio.get_running_loop().call_later(_WARM_S, self._cool_down)

    def _cool_down(self) -> None:
        if self._warm is not None and self._warm[1].returncode is None:
            self._warm[1].kill()  # reaped by the loop's child watcher; a dead one is not taken


async def _started(kind: str) -> Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(*_command(kind), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment())
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:  # half started, nobody would end it
        await _end(await starting)
        raise


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.shield(process.wait())


async def _conversation(process: Process, header: bytes, content: bytes) -> bytes:
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(process, header, content))
        return await _received(process)


async def _send(process: Process, header: bytes, content: bytes) -> None:
    assert process.stdin is not None
    # It has died: its answer tells, or that there is none. The last of these is how uvloop says so.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        process.stdin.write(header)
        for at in range(0, len(content), _CHUNK_BYTES):
            process.stdin.write(content[at : at + _CHUNK_BYTES])
            await process.stdin.drain()
    process.stdin.close()


async def _received(process: Process) -> bytes:
    """What the process says until it ends; nothing where that is more than any document may give."""
    assert process.stdout is not None
    pieces: list[bytes] = []
    length = 0
    while piece := await process.stdout.read(_CHUNK_BYTES):
        length += len(piece)
        if length > MAX_ANSWER_BYTES:
            return b""
        pieces.append(piece)
    return b"".join(pieces)


def _command(kind: str) -> list[str]:
    return [sys.executable, "-P", "-X", "utf8", "-m", "app.documents.worker", kind]


def _environment() -> dict[str, str]:
    """No key of the service: what a document makes of its parser finds none."""
    return {"PYTHONPATH": _PACKAGES, "PYTHONDONTWRITEBYTECODE": "1"}


def _header(selection: Selection) -> bytes:
    return json.dumps({"pages": selection.pages, "sheet": selection.sheet}).encode() + b"\n"


def _document(answer: bytes) -> Document:
    if not answer:  # killed by one of its limits
        raise UnreadableDocument(_TOO_HEAVY)
    told: dict[str, Any] = orjson.loads(answer)
    if "refused" in told:
        raise UnreadableDocument(told["refused"])
    parts = tuple(Part(**{**part, "text": part["text"].replace("\0", "\ufffd")}) for part in told["parts"])
    return Document(**{**told, "parts": parts, "names": tuple(told["names"])})
