"""What goes wrong between us and an upstream: bodies, connections, time; and a cancel closes the socket."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from app.ports.provider import AnswerTooLarge, MalformedAnswer, ProviderTimeout, Refused, Unavailable
from app.providers.openai_chat import OpenAIChat
from tests.support.upstream import KEY, Handler, Upstream, ask, failure, made

pytestmark = pytest.mark.anyio


# --- answers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"<html>502</html>", b"", {"choices": []}, b'{"choices": [', rb'{"x": "\ud800"}'])
async def test_a_200_that_is_no_completion_is_malformed(upstream: Upstream, chat: OpenAIChat, body: object) -> None:
    upstream.answers(200, body)

    error = await failure(chat)

    assert type(error) is MalformedAnswer
    assert error.may_be_billed


async def test_null_content_and_no_usage_are_for_the_caller_to_judge(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body={"choices": [{"message": {"content": None}}]})

    result = await chat.complete(ask())

    assert (result.content, result.usage_reported) == (None, False)


async def test_50_mb_are_refused_by_their_length(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body=b"x" * 50_000_000)
    error = await failure(chat)
    assert type(error) is AnswerTooLarge
    assert error.may_be_billed

    upstream.answers(500, b"x" * 50_000_000)
    error = await failure(chat)
    assert type(error) is AnswerTooLarge
    assert not error.may_be_billed


async def test_50_mb_are_refused_while_they_come_in(upstream: Upstream, chat: OpenAIChat) -> None:
    written = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b"x" * 1_000_000)
            written += 1
        return response

    upstream.handler = handler

    assert type(await failure(chat)) is AnswerTooLarge
    assert written < 50


async def test_a_compressed_bomb_is_refused(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body=gzip.compress(b"\0" * 200_000_000, 9), Content_Encoding="gzip")

    assert type(await failure(chat)) in {AnswerTooLarge, Unavailable}


# --- broken connections ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def raw_server(answer: bytes | None, *, reset: bool = False) -> AsyncIterator[str]:
    """A server that writes ``answer`` whatever it is asked, then closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if answer is not None:
                writer.write(answer)
                await writer.drain()
            if reset:
                writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01\x02 not http at all\r\n\r\n",
        b"HTTP/1.1 200 \xff\xfe\r\nBad\xffHeader: \xff\r\n\r\n",
        b"HTTP/1.1 999999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nConten",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_a_broken_answer_is_unavailable(session: aiohttp.ClientSession, answer: bytes, reset: bool) -> None:
    async with raw_server(answer, reset=reset) as url:
        error = await failure(made(url, session))

    assert type(error) in {Unavailable, MalformedAnswer}
    assert error.retryable
    assert error.may_be_billed
    assert KEY not in error.message


async def test_an_error_whose_body_breaks_off_was_not_billed(session: aiohttp.ClientSession) -> None:
    async with raw_server(b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n{") as url:
        error = await failure(made(url, session))

    assert type(error) is Unavailable
    assert not error.may_be_billed


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1", "http:///v1"])
async def test_nobody_listening_is_unavailable(session: aiohttp.ClientSession, url: str) -> None:
    error = await failure(made(url, session))

    assert type(error) is Unavailable
    assert not error.may_be_billed


async def test_a_connection_that_is_not_made_in_time_was_not_billed(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.providers.openai_chat._CONNECT_TIMEOUT_S", 0.05)

    async def never(*_: object, **__: object) -> object:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", never)
    error = await failure(made("http://127.0.0.1:9/v1", session))

    assert type(error) is ProviderTimeout
    assert not error.may_be_billed


# --- time ------------------------------------------------------------------------------------------------------------


async def hang(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def drip(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(10_000):
        await response.write(b" ")
        await asyncio.sleep(0.01)
    return response


@pytest.mark.parametrize("handler", [hang, drip])
async def test_the_deadline_is_of_the_whole_call(upstream: Upstream, chat: OpenAIChat, handler: Handler) -> None:
    upstream.handler = handler
    began = time.monotonic()

    error = await failure(chat, timeout_s=0.1)
    assert type(error) is ProviderTimeout
    assert error.may_be_billed

    assert time.monotonic() - began < 20
    await until_closed(upstream, 20.0)


async def until_closed(upstream: Upstream, deadline_s: float) -> None:
    async with asyncio.timeout(deadline_s):
        while upstream.connections:
            await asyncio.sleep(0.001)


async def test_a_cancel_closes_300_sockets_within_250_ms(upstream: Upstream, chat: OpenAIChat) -> None:
    """The quickest of ten, as the machine may be busy with something else."""
    upstream.handler = hang
    took_s: list[float] = []
    while not took_s or (min(took_s) >= 0.25 and len(took_s) < 10):
        upstream.requests.clear()
        calls = [asyncio.ensure_future(chat.complete(ask(60))) for _ in range(300)]
        async with asyncio.timeout(60):
            while upstream.connections < 300:
                await asyncio.sleep(0.001)
        began = time.monotonic()

        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until_closed(upstream, 20.0)

        took_s.append(time.monotonic() - began)
        assert all(call.cancelled() for call in calls)
        assert len(upstream.requests) == 300
    assert min(took_s) < 0.25


async def test_connections_are_kept_and_used_again(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers()
    for _ in range(20):
        await chat.complete(ask())

    ports = {request.transport.get_extra_info("peername")[1] for request in upstream.requests if request.transport}
    assert len(ports) == 1


async def test_a_request_that_is_no_utf8_is_refused_before_it_is_sent(upstream: Upstream, chat: OpenAIChat) -> None:
    with pytest.raises(Refused):
        await chat.complete(ask(content="\ud800"))

    assert upstream.requests == []
