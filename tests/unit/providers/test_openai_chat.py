"""Chat completions over real sockets: what is sent, what is read, and the error that each status becomes."""

from __future__ import annotations

import gzip
from email.utils import formatdate

import aiohttp
import orjson
import pytest

from app.ports.provider import (
    AuthenticationRejected,
    MalformedAnswer,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    RateLimitHeaders,
    Refused,
    Unavailable,
)
from app.providers.openai_chat import OpenAIChat
from tests.support.upstream import COMPLETION, KEY, NOW_S, Upstream, ask, failure, made

pytestmark = pytest.mark.anyio

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


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"remaining_requests": "59", "remaining_tokens": "149984", "reset_requests": "1s", "reset_tokens": "6m0s"},
            RateLimitHeaders(remaining_requests=59, remaining_tokens=149984, reset_s=360.0),
        ),
        ({"remaining_requests": "0", "reset_requests": "20ms"}, RateLimitHeaders(remaining_requests=0, reset_s=0.02)),
        (
            {"remaining_tokens": "7", "reset_tokens": "1h2m3.5s"},
            RateLimitHeaders(remaining_tokens=7, reset_s=3723.5),
        ),
        ({"remaining_tokens": "7", "reset_tokens": "12.5"}, RateLimitHeaders(remaining_tokens=7, reset_s=12.5)),
        ({"remaining_tokens": "7", "reset_tokens": "99d"}, RateLimitHeaders(remaining_tokens=7, reset_s=604_800.0)),
        ({"remaining_tokens": "7", "reset_tokens": "soon"}, RateLimitHeaders(remaining_tokens=7)),
        ({"remaining_tokens": "7", "reset_tokens": "-1s"}, RateLimitHeaders(remaining_tokens=7)),
        ({"remaining_tokens": "7", "reset_tokens": "9" * 40}, RateLimitHeaders(remaining_tokens=7)),
        ({"remaining_tokens": "many"}, None),
        ({"remaining_tokens": "-1"}, None),
        ({"remaining_tokens": "9" * 400}, None),
        ({"reset_tokens": "1s"}, None),
        ({}, None),
    ],
)
async def test_what_is_left_of_the_allowance_is_read(
    upstream: Upstream, chat: OpenAIChat, headers: dict[str, str], expected: RateLimitHeaders | None
) -> None:
    upstream.answers(200, COMPLETION, **{f"x_ratelimit_{name}": value for name, value in headers.items()})

    assert (await chat.complete(ask())).rate_limit == expected


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
    assert not error.may_be_billed
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
