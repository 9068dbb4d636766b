"""An answer that is written while it is made: to a client that reads, leaves, dawdles, or is cut off by the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi.responses import Response
from starlette.types import Message, Scope

from app.api import event_stream
from app.api.event_stream import EventStream, Writer

pytestmark = pytest.mark.anyio

SCOPE: Scope = {"type": "http", "path": "/v1/chat/completions", "method": "POST"}
Work = Callable[[Writer], Awaitable[Response | None]]


class Client:
    """What came, in order; ``leave`` closes the connection, and with ``room`` of 0 nothing more is taken."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.messages.append(message)

    async def ask(self, work: Work, slow_client_s: float = 5.0) -> None:
        await EventStream(work, slow_client_s)(SCOPE, self.receive, self.send)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def whole(self) -> bool:
        return bool(self.messages) and self.messages[-1].get("more_body") is False


class Endless:
    """Writes until it is stopped."""

    def __init__(self, piece: bytes = b"data: x\n\n") -> None:
        self.piece = piece
        self.written = 0
        self.stopped = False

    async def __call__(self, writer: Writer) -> Response | None:
        try:
            while True:
                await writer.write(self.piece)
                self.written += 1
                await asyncio.sleep(0)
        finally:
            self.stopped = True


async def test_events_are_sent_as_they_are_written() -> None:
    client = Client()

    async def work(writer: Writer) -> None:
        writer.headers["X-Mine"] = "1"
        await writer.write(b"data: a\n\n")
        assert client.body == b"data: a\n\n"
        await writer.write(b"data: b\n\n")

    await client.ask(work)

    assert (client.body, client.whole) == (b"data: a\n\ndata: b\n\n", True)
    assert (client.messages[0]["type"], client.messages[0]["status"]) == ("http.response.start", 200)
    assert {(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-mine", b"1")} <= set(
        client.messages[0]["headers"]
    )


async def test_before_the_first_event_another_answer_may_be_given() -> None:
    client = Client()

    async def work(_: Writer) -> Response:
        return Response(b"no", 429)

    await client.ask(work)

    assert client.messages[0]["status"] == 429
    assert client.body == b"no"


async def test_a_fault_before_the_first_event_is_the_routes_and_afterwards_an_error_event() -> None:
    async def crash(_: Writer) -> None:
        raise RuntimeError("secret")

    async def crash_late(writer: Writer) -> None:
        await writer.write(b"data: a\n\n")
        raise RuntimeError("secret")

    client = Client()
    with pytest.raises(RuntimeError):
        await client.ask(crash)
    assert client.messages == []

    await client.ask(crash_late)
    assert client.body.startswith(b'data: a\n\nevent: error\ndata: {"error":{')
    assert b"secret" not in client.body
    assert client.whole


async def test_a_client_that_leaves_stops_the_work() -> None:
    client, work = Client(), Endless()
    answer = asyncio.create_task(client.ask(work))
    while not work.written:
        await asyncio.sleep(0)
    client.left.set()
    await answer

    assert work.stopped
    assert not client.whole


async def test_a_client_that_leaves_before_the_first_event_stops_the_work() -> None:
    stopped = asyncio.Event()

    async def work(_: Writer) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            stopped.set()

    client = Client()
    client.left.set()
    await client.ask(work)

    assert stopped.is_set()
    assert client.messages == []


async def test_a_client_that_takes_nothing_stops_the_work_and_is_left() -> None:
    client, work = Client(), Endless()
    client.reads.clear()
    async with asyncio.timeout(30):
        await client.ask(work, slow_client_s=0.05)

    assert work.stopped
    assert work.written == 0  # nothing is made that is not taken


async def test_a_client_that_takes_nothing_at_the_end_is_left_too() -> None:
    client = Client()

    async def work(writer: Writer) -> None:
        await writer.write(b"data: a\n\n")
        client.reads.clear()

    async with asyncio.timeout(30):
        await client.ask(work, slow_client_s=0.05)

    assert not client.whole


async def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    """But only once the answer has begun: before, its status is not known."""
    monkeypatch.setattr(event_stream, "_KEEP_ALIVE_S", 0.01)
    client = Client()
    enough = asyncio.Event()

    async def work(writer: Writer) -> None:
        await asyncio.sleep(0.05)
        assert client.messages == []
        await writer.write(b"data: a\n\n")
        async with asyncio.timeout(30):
            while client.body.count(b": keep-alive\n\n") < 2:
                await asyncio.sleep(0.001)
        enough.set()

    await client.ask(work)

    assert enough.is_set()
    assert client.body.startswith(b"data: a\n\n: keep-alive\n\n")


@pytest.mark.parametrize("begun", [True, False])
async def test_a_service_that_stops_says_so(begun: bool) -> None:
    client = Client()
    waits = asyncio.Event()

    async def work(writer: Writer) -> None:
        if begun:
            await writer.write(b"data: a\n\n")
        waits.set()
        await asyncio.get_running_loop().create_future()

    answer: asyncio.Task[Any] = asyncio.create_task(client.ask(work))
    await waits.wait()
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)

    assert answer.cancelled()
    assert (b'"code":"draining"' in client.body) is begun
