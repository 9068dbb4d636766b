"""Chat completions over real sockets: what an upstream does becomes one typed error, and a cancel closes the socket."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import orjson
import pytest
from aiohttp import web

from app.ports.provider import (
    AnswerTooLarge,
    AuthenticationRejected,
    ChatRequest,
    MalformedAnswer,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    Refused,
    Unavailable,
)
from app.providers.openai_chat import OpenAIChat, new_session
from app.providers.wire import PROFILES

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"
NOW_S = 1_800_000_000
COMPLETION = {"model": "m", "choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 1}}

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Clock:
    def now_ms(self) -> int:
        return NOW_S * 1000

    def monotonic(self) -> float:
        return 0.0


class Upstream:
    """A provider's server that answers as ``handler`` says; keeps the requests and its open connections."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.requests: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        self.connections += 1
        try:
            assert self.handler is not None
            return await self.handler(request)
        finally:
            self.connections -= 1

    def answers(self, status: int = 200, body: object = COMPLETION, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def handler(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=status, body=raw, headers=named)

        self.handler = handler


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    runner = web.ServerRunner(web.Server(upstream.handle, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield upstream
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session() as session:
        yield session


@pytest.fixture
def chat(upstream: Upstream, session: aiohttp.ClientSession) -> OpenAIChat:
    return made(upstream.url, session)


def made(url: str, session: aiohttp.ClientSession, key: str | None = KEY) -> OpenAIChat:
    return OpenAIChat("upstream", url, api_key=key, profile=PROFILES["generic"], session=session, clock=Clock())


def ask(timeout_s: float = 10.0, content: str = "Hello") -> ChatRequest:
    return ChatRequest(model="m", messages=[{"role": "user", "content": content}], timeout_s=timeout_s)


async def failure(chat: OpenAIChat, timeout_s: float = 10.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await chat.complete(ask(timeout_s))
    return caught.value


# --- good answers ----------------------------------------------------------------------------------------------------


async def test_a_call_is_one_post_with_the_key(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers()

    result = await chat.complete(ask())

    assert result.content == "hi"
    [request] = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert "Cookie" not in request.headers
    assert orjson.loads(upstream.bodies[0]) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


async def test_without_a_key_none_is_sent(upstream: Upstream, session: aiohttp.ClientSession) -> None:
    upstream.answers(Set_Cookie="a=b")
    chat = made(upstream.url + "/", session, key=None)

    for _ in range(2):
        await chat.complete(ask())

    assert all("Authorization" not in request.headers for request in upstream.requests)
    assert all("Cookie" not in request.headers for request in upstream.requests)
    assert [request.path for request in upstream.requests] == ["/v1/chat/completions"] * 2


async def test_a_compressed_answer_is_read(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body=gzip.compress(orjson.dumps(COMPLETION)), Content_Encoding="gzip")

    assert (await chat.complete(ask())).content == "hi"


async def test_the_models_are_listed(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body={"data": [{"id": "a"}, {"id": 5}, {"id": "b"}]})
    assert list(await chat.models()) == ["a", "b"]
    assert upstream.requests[0].method == "GET"

    others: list[object] = [b"<html>", {}, [], {"data": None}, {"data": [5]}, {"data": [{}]}, {"data": "ab"}]
    for body in others:
        upstream.answers(body=body)
        with pytest.raises(MalformedAnswer):
            await chat.models()


# --- errors by status ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (404, Refused),
        (422, Refused),
        (401, AuthenticationRejected),
        (403, AuthenticationRejected),
        (402, QuotaExhausted),
        (408, ProviderTimeout),
        (409, Unavailable),
        (425, Unavailable),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
        (529, Unavailable),
    ],
)
@pytest.mark.parametrize(
    "body", [{"error": {"message": "because"}}, {"error": "because"}, b"because", b"\xff\xfe", b""]
)
async def test_a_status_becomes_its_error(
    upstream: Upstream, chat: OpenAIChat, status: int, kind: type[ProviderError], body: object
) -> None:
    upstream.answers(status, body)

    error = await failure(chat)

    assert type(error) is kind
    assert error.status == status
    assert error.message.startswith(f"upstream answered {status}: ")
    assert ("because" in error.message) == (b"because" in (body if isinstance(body, bytes) else orjson.dumps(body)))


@pytest.mark.parametrize("code", ["insufficient_quota", "exceeded_current_quota_error", "insufficient_balance"])
async def test_a_429_that_no_wait_mends_is_told_apart(upstream: Upstream, chat: OpenAIChat, code: str) -> None:
    upstream.answers(429, {"error": {"code": code, "message": "pay"}})

    assert type(await failure(chat)) is QuotaExhausted


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "1.5"}, 1.5),
        ({"Retry_After": formatdate(NOW_S + 90, usegmt=True)}, 90.0),
        ({"Retry_After": formatdate(NOW_S - 90, usegmt=True)}, 0.0),
        ({"Retry_After": "9" * 50}, 3600.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after_ms": "250", "Retry_After": "9"}, 0.25),
        ({"retry_after_ms": "nan"}, None),
        ({"retry_after_ms": "inf"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_the_upstream_asks_for_is_read(
    upstream: Upstream, chat: OpenAIChat, headers: dict[str, str], expected: float | None, status: int
) -> None:
    upstream.answers(status, {"error": {"message": "slow down"}}, **headers)

    assert (await failure(chat)).retry_after_s == expected


@pytest.mark.parametrize("padding", [0, 480, 495])
async def test_a_key_that_the_upstream_repeats_is_masked(upstream: Upstream, chat: OpenAIChat, padding: int) -> None:
    for body in ({"error": {"message": "x" * padding + f"Incorrect API key: {KEY}"}}, f"{'x' * padding}{KEY}".encode()):
        upstream.answers(401, body)

        message = (await failure(chat)).message

        assert not any(KEY[:length] in message for length in range(8, len(KEY) + 1))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(
    upstream: Upstream, chat: OpenAIChat, session: aiohttp.ClientSession, status: int
) -> None:
    upstream.answers(status, b"", Location=f"{upstream.url}/elsewhere")

    assert type(await failure(chat)) is Refused
    assert len(upstream.requests) == 1


# --- answers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"<html>502</html>", b"", {"choices": []}, b'{"choices": [', rb'{"x": "\ud800"}'])
async def test_a_200_that_is_no_completion_is_malformed(upstream: Upstream, chat: OpenAIChat, body: object) -> None:
    upstream.answers(200, body)

    assert type(await failure(chat)) is MalformedAnswer


async def test_null_content_and_no_usage_are_for_the_caller_to_judge(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body={"choices": [{"message": {"content": None}}]})

    result = await chat.complete(ask())

    assert (result.content, result.usage_reported) == (None, False)


async def test_50_mb_are_refused_by_their_length(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.answers(body=b"x" * 50_000_000)

    assert type(await failure(chat)) is AnswerTooLarge


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
    assert KEY not in error.message


async def test_nobody_listening_is_unavailable(session: aiohttp.ClientSession) -> None:
    assert type(await failure(made("http://127.0.0.1:9/v1", session))) is Unavailable
    assert type(await failure(made("http://no-such-host.invalid/v1", session))) is Unavailable


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

    assert type(await failure(chat, timeout_s=0.1)) is ProviderTimeout

    assert time.monotonic() - began < 1
    await until_closed(upstream, 1.0)


async def until_closed(upstream: Upstream, deadline_s: float) -> None:
    async with asyncio.timeout(deadline_s):
        while upstream.connections:
            await asyncio.sleep(0.001)


async def test_a_cancel_closes_300_sockets_within_250_ms(upstream: Upstream, chat: OpenAIChat) -> None:
    upstream.handler = hang
    calls = [asyncio.ensure_future(chat.complete(ask(60))) for _ in range(300)]
    async with asyncio.timeout(10):
        while upstream.connections < 300:
            await asyncio.sleep(0.001)
    began = time.monotonic()

    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await until_closed(upstream, 2.0)

    assert time.monotonic() - began < 0.25
    assert all(call.cancelled() for call in calls)
    assert len(upstream.requests) == 300


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
