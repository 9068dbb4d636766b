"""Sending a stream over a socket: how it ends, for clients that read, that stop, that go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from starlette.websockets import WebSocket

from app.api import ws

pytestmark = pytest.mark.anyio


class Client:
    """The far end of a socket.

    Attributes:
        reads: how many messages it takes before it stops reading, None for all.
    """

    def __init__(self, reads: int | None = None) -> None:
        self.reads = reads
        self.got: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.again = asyncio.Event()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> dict[str, Any]:
        return await self._said.get()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.accept":
            return
        if self.reads is not None and len(self.got) >= self.reads:
            await self.again.wait()
        if message["type"] == "websocket.close":
            self.closed = (message["code"], message["reason"])
            self.leave()
        else:
            self.got.append(json.loads(message["text"]))

    def say(self, text: str) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def serve(self, frames: AsyncGenerator[list[str], None], *, batched: bool = False, slow_s: float = 5) -> None:
        socket = WebSocket({"type": "websocket", "headers": []}, self.receive, self.send)
        async with asyncio.timeout(20):
            await ws.serve(socket, frames, batched=batched, slow_client_s=slow_s)


class Frames:
    """A stream; ``over`` says whether it was finished or closed."""

    def __init__(self, batches: Sequence[Sequence[dict[str, Any]]], then: BaseException | str = "end") -> None:
        self.over = False
        self._batches, self._then = batches, then

    async def __call__(self) -> AsyncGenerator[list[str], None]:
        try:
            for batch in self._batches:
                yield [json.dumps(frame) for frame in batch]
            if isinstance(self._then, BaseException):
                raise self._then
            if self._then == "wait":
                await asyncio.get_running_loop().create_future()
        finally:
            self.over = True


EVENTS = [[{"seq": 1}, {"seq": 2}], [{"seq": 3}]]


async def test_plain_frames_then_1000() -> None:
    client, frames = Client(), Frames(EVENTS)
    await client.serve(frames())
    assert client.got == [{"seq": 1}, {"seq": 2}, {"seq": 3}]
    assert client.closed == (1000, "")
    assert frames.over


async def test_batches_then_1000() -> None:
    client = Client()
    await client.serve(Frames(EVENTS)(), batched=True)
    assert client.got == [{"type": "batch", "events": events} for events in EVENTS]
    assert client.closed == (1000, "")


@pytest.mark.parametrize("reads", [0, 2])
async def test_a_client_that_goes_ends_it(reads: int) -> None:
    client, frames = Client(reads or None), Frames(EVENTS, "wait")
    serving = asyncio.create_task(client.serve(frames()))
    for _ in range(10):
        await asyncio.sleep(0)
    client.leave()
    await serving
    assert client.closed is None
    assert frames.over


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([[{"seq": 7}], [{"seq": 8}]], "reads too slowly; resume after seq 7"),
        ([[{"seq": 7, "cursor": "3-7"}], [{"seq": 8, "cursor": "4-8"}]], "reads too slowly; resume after cursor 3-7"),
    ],
)
@pytest.mark.parametrize("batched", [False, True])
async def test_a_client_that_stops_reading_is_closed_with_its_last_place(
    events: list[list[dict[str, Any]]], reason: str, batched: bool
) -> None:
    client, frames = Client(1), Frames(events, "wait")
    serving = asyncio.create_task(client.serve(frames(), batched=batched, slow_s=0.01))
    async with asyncio.timeout(20):
        while not frames.over:
            await asyncio.sleep(0.001)
    client.again.set()
    await serving
    assert client.closed == (4008, reason)
    assert len(client.got) == 1
    assert len(reason.encode()) <= 123


async def test_a_client_that_never_reads_again_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws, "_CLOSE_WAIT_S", 0.01)
    stopped = Client(1)
    await stopped.serve(Frames(EVENTS, "wait")(), slow_s=0.01)
    at_the_end = Client(3)
    await at_the_end.serve(Frames(EVENTS)(), slow_s=5)
    assert stopped.closed is at_the_end.closed is None


async def test_a_fault_of_the_stream_closes_with_1011() -> None:
    """The client must not take it for the end of the run."""
    client = Client()
    await client.serve(Frames(EVENTS, ValueError("secret"))())
    assert client.closed is not None
    assert client.closed[0] == 1011
    assert "secret" not in client.closed[1]


async def test_what_the_client_says_is_ignored() -> None:
    client = Client()
    for number in range(100):
        client.say(f"hello {number}")
    await client.serve(Frames(EVENTS)())
    assert len(client.got) == 3
