"""What the measurements rest on: the model server answers when it should, the bodies have the promised sizes."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import aiohttp
import orjson
import pytest

from scripts.benchmarks.model_server import model_server
from scripts.benchmarks.processes import Children, ProcessFailure
from scripts.benchmarks.swarm_bodies import independent


@pytest.mark.anyio
async def test_the_model_server_answers_after_its_delay_and_ends_with_the_block(tmp_path: Path) -> None:
    async with model_server(Children(tmp_path), 0.1, 0.02) as server, aiohttp.ClientSession() as session:
        began = time.monotonic()
        async with session.post(server.url, json={"model": "mock", "messages": []}) as response:
            answer = orjson.loads(await response.read())
        elapsed = time.monotonic() - began
        process_id = server.child.process.pid

    assert answer["choices"][0]["message"]["content"]
    assert elapsed >= 0.08
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


@pytest.mark.anyio
async def test_a_child_that_fails_is_named_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]

    async with Children(tmp_path).started("stumbler", command) as child:
        with pytest.raises(ProcessFailure, match=r"stumbler ended early; its log ends with:\nno such thing"):
            await child.ask(b"", 20.0)


@pytest.mark.anyio
async def test_a_child_that_ignores_the_request_to_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.benchmarks.processes._STOP_S", 0.2)
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )

    async with Children(tmp_path).started("deaf", [sys.executable, "-c", program]) as child:
        await child.ask(b"", 20.0)

    assert await asyncio.wait_for(child.process.wait(), 1) == -signal.SIGKILL


def test_padded_tasks_hold_the_bytes_that_were_asked_for() -> None:
    tasks = orjson.loads(independent(12, 1, padding_bytes=1_000))["tasks"]

    assert {len(task["prompt"]) for task in tasks} == {1_000}
    assert len({task["prompt"] for task in tasks}) == 12
