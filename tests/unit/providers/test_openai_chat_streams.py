"""Streamed answers over real sockets: pieces as they are written, and every way in which a stream can break."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import aiohttp
import orjson
import pytest
from aiohttp import web

from app.ports.provider import (
    AnswerTooLarge,
    AuthenticationRejected,
    ChatDelta,
    ChatResult,
    MalformedAnswer,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    Refused,
    ToolCall,
    Unavailable,
)
from app.providers.openai_chat import OpenAIChat
from tests.support.upstream import COMPLETION, KEY, Handler, Upstream, ask

pytestmark = pytest.mark.anyio

DONE = b"data: [DONE]\n\n"


def event(delta: object, finish_reason: str | None = None, **fields: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + orjson.dumps({"model": "m-1", "choices": [choice], **fields}) + b"\n\n"


HELLO = (event({"role": "assistant"}), event({"content": "Hel"}), event({"content": "lo"}), event({}, "stop"))
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'


def streaming(*events: bytes, after: Callable[[web.StreamResponse], object] | None = None) -> Handler:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for one in events:
            await response.write(one)
        if after is not None:
            await asyncio.sleep(0.02)
            after(response)
        return response

    return handler


async def streamed(chat: OpenAIChat, timeout_s: float = 10.0) -> tuple[list[ChatDelta], ChatResult]:
    deltas: list[ChatDelta] = []

    async def sink(delta: ChatDelta) -> None:
        deltas.append(delta)

    return deltas, await chat.stream(ask(timeout_s), sink)


async def failure(chat: OpenAIChat, timeout_s: float = 10.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await streamed(chat, timeout_s)
    return caught.value


def texts(deltas: Sequence[ChatDelta]) -> list[str | None]:
    return [delta.content for delta in deltas]


# --- good answers ----------------------------------------------------------------------------------------------------


async def test_pieces_come_as_they_are_written_and_the_whole_at_the_end(upstream: Upstream, chat: OpenAIChat) -> None:
    gate = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(HELLO[0] + HELLO[1])
        await gate.wait()
        await response.write(HELLO[2] + HELLO[3] + USAGE + DONE)
        return response

    upstream.handler = handler
    deltas: list[ChatDelta] = []

    async def sink(delta: ChatDelta) -> None:
        deltas.append(delta)
        gate.set()  # the rest is written only once the first piece is here

    result = await chat.stream(ask(), sink)

    assert texts(deltas) == ["Hel", "lo"]
    assert (result.content, result.model, result.finish_reason) == ("Hello", "m-1", "stop")
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (3, 2)
    assert orjson.loads(upstream.bodies[0]) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_connections_are_used_again(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.handler = streaming(*HELLO, USAGE, DONE)
    for _ in range(3):
        await streamed(chat)

    assert len({request.transport for request in upstream.requests}) == 1


async def test_an_upstream_that_does_not_stream_answers_in_one_piece(upstream: Upstream, chat: OpenAIChat) -> None:
    call = {"id": "c", "function": {"name": "look", "arguments": "{}"}}
    upstream.answers(
        body={**COMPLETION, "choices": [{"message": {"content": "hi", "tool_calls": [call]}}]},
        Content_Type="application/json; charset=utf-8",
        x_ratelimit_remaining_requests="5",
    )

    [delta], result = await streamed(chat)

    assert (delta.content, delta.tool_calls[0].name) == ("hi", "look")
    assert result.tool_calls == (ToolCall(id="c", name="look", arguments="{}"),)
    assert result.rate_limit is not None
    assert result.rate_limit.remaining_requests == 5


@pytest.mark.parametrize("status", [400, 422])
async def test_an_upstream_that_refuses_stream_options_is_asked_without(
    upstream: Upstream, chat: OpenAIChat, status: int
) -> None:
    """And never again with them."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if b"stream_options" in upstream.bodies[-1]:
            return web.json_response(
                {"error": {"message": "stream_options: extra fields not permitted"}}, status=status
            )
        return await streaming(*HELLO, DONE)(request)

    upstream.handler = handler
    for _ in range(2):
        _, result = await streamed(chat)
        assert (result.content, result.usage_reported) == ("Hello", False)

    assert [b"stream_options" in body for body in upstream.bodies] == [True, False, False]


@pytest.mark.parametrize("end", [b"", b"data: [DONE]", b"data: [DONE]\r\n\r\n"])
async def test_the_end_may_be_told_in_several_ways(upstream: Upstream, chat: OpenAIChat, end: bytes) -> None:
    upstream.handler = streaming(*HELLO, end)

    _, result = await streamed(chat)

    assert result.content == "Hello"


async def test_done_ends_a_stream_that_is_not_closed(upstream: Upstream, chat: OpenAIChat) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await streaming(*HELLO, DONE)(request)
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    upstream.handler = handler
    started = time.monotonic()
    _, result = await streamed(chat)

    assert result.content == "Hello"
    assert time.monotonic() - started < 20


# --- broken streams --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ((b"<html>502</html>",), MalformedAnswer),
        ((), MalformedAnswer),
        (HELLO[:2], MalformedAnswer),
        ((b'data: {"choices":[]}\n\n', DONE), MalformedAnswer),
        ((HELLO[1], b"data: {\n\n"), MalformedAnswer),
        ((HELLO[1], b"data: \xff\n\n"), MalformedAnswer),
        ((HELLO[1], b'data: {"x":"\\ud800"}\n\n'), MalformedAnswer),
        ((HELLO[1], b'data: {"error":{"message":"cut","code":"server_error"}}\n\n'), Unavailable),
        ((b'data: {"error":{"message":"wait","code":429}}\n\n',), RateLimited),
        ((b'data: {"error":{"message":"pay","code":402}}\n\n',), QuotaExhausted),
    ],
)
async def test_what_breaks_off_is_a_typed_error_that_may_be_billed(
    upstream: Upstream, chat: OpenAIChat, events: tuple[bytes, ...], kind: type[ProviderError]
) -> None:
    upstream.handler = streaming(*events)

    error = await failure(chat)

    assert type(error) is kind
    assert error.may_be_billed


async def test_an_error_in_the_stream_is_not_an_outage_and_tells_no_key(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.handler = streaming(HELLO[1], b'data: {"error":{"message":"of ' + KEY.encode() + b'"}}\n\n')

    error = await failure(chat)

    assert not error.outage
    assert KEY not in error.message
    assert "of ***" in error.message


def reset(response: web.StreamResponse) -> None:
    transport = response._req.transport if response._req else None
    assert transport is not None
    transport.abort()


async def test_a_connection_that_is_lost_midway(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.handler = streaming(*HELLO[:2], after=reset)

    error = await failure(chat)

    assert type(error) is Unavailable
    assert (error.may_be_billed, error.outage) == (True, True)


async def test_a_stream_that_hangs_midway_ends_with_the_deadline(upstream: Upstream, chat: OpenAIChat) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(HELLO[1])
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    upstream.handler = handler
    started = time.monotonic()
    error = await failure(chat, timeout_s=0.2)

    assert type(error) is ProviderTimeout
    assert error.may_be_billed
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationRejected), (429, RateLimited), (500, Unavailable), (400, Refused)]
)
async def test_a_refused_stream_is_what_a_refused_call_is(
    upstream: Upstream, chat: OpenAIChat, status: int, kind: type[ProviderError]
) -> None:
    upstream.answers(status, {"error": {"message": "no"}}, Retry_After="3")

    error = await failure(chat)

    assert type(error) is kind
    assert not error.may_be_billed
    assert len(upstream.requests) == 1


async def test_an_endless_event_is_cut_off(upstream: Upstream, chat: OpenAIChat) -> None:
    written = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: ")
        for _ in range(50):
            await response.write(b"x" * 1_000_000)
            written += 1
        return response

    upstream.handler = handler

    error = await failure(chat)

    assert type(error) is AnswerTooLarge
    assert error.may_be_billed
    assert written < 50


# --- who reads -------------------------------------------------------------------------------------------------------


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    while True:
        await response.write(event({"content": "x" * 1000}))


async def test_a_cancelled_stream_closes_its_connection(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.handler = endless
    first = asyncio.Event()

    async def sink(_: ChatDelta) -> None:
        first.set()

    call = asyncio.create_task(chat.stream(ask(), sink))
    await first.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(20):
        while upstream.connections:
            await asyncio.sleep(0.005)


async def test_what_the_reader_raises_closes_the_connection_and_comes_out(upstream: Upstream, chat: OpenAIChat) -> None:
    class Enough(Exception):
        pass

    async def sink(_: ChatDelta) -> None:
        raise Enough

    upstream.handler = endless
    with pytest.raises(Enough):
        await chat.stream(ask(), sink)
    async with asyncio.timeout(30):
        while upstream.connections:
            await asyncio.sleep(0.005)


async def test_a_reader_that_waits_holds_up_the_upstream(
    upstream: Upstream, chat: OpenAIChat, session: aiohttp.ClientSession
) -> None:
    """Nothing is read ahead of a slow reader but what the buffers of sockets hold: a few hundred kB, not 200 MB."""
    written = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(2_000):
            await response.write(event({"content": "x" * 100_000}))
            written += 100_000
        return response

    upstream.handler = handler
    held = asyncio.Event()

    async def sink(_: ChatDelta) -> None:
        held.set()
        await asyncio.get_running_loop().create_future()

    call = asyncio.create_task(chat.stream(ask(), sink))
    await held.wait()
    before = -1
    async with asyncio.timeout(30):
        while before != written:  # until the upstream is stuck
            before = written
            await asyncio.sleep(0.1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert written < 20_000_000
