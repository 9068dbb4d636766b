"""Streamed chat completions (contract, section 7): the events on the wire, errors before and after the first of them,
and the same limits, budgets and idempotency as for whole answers. Quotes are the contract's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.api.schemas.chat import ChatCompletionChunk, OpenAIErrorEnvelope
from app.domain.usage import Usage
from app.ports import provider as port
from app.ports.provider import ChatDelta, ChatRequest, ChatResult, Sink, ToolCall, ToolCallDelta
from tests.support.accounts import mint
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = pytest.mark.anyio

ASK = {"model": "any-name", "messages": [{"role": "user", "content": "Say hello."}], "stream": True}
USAGE = Usage(prompt_tokens=12, completion_tokens=3, cached_tokens=4)


class Speaker:
    """Says ``pieces`` one by one, then fails with ``failure`` or ends with their whole."""

    def __init__(self) -> None:
        self.name = "offline"
        self.asked: list[ChatRequest] = []
        self.pieces: list[ChatDelta] = [said("hel"), said("lo")]
        self.failure: Exception | None = None
        self.calls: tuple[ToolCall, ...] = ()

    async def complete(self, request: ChatRequest) -> ChatResult:
        async def nowhere(_: ChatDelta) -> None:
            pass

        return await self.stream(request, nowhere)

    async def stream(self, request: ChatRequest, sink: Sink) -> ChatResult:
        self.asked.append(request)
        for piece in self.pieces:
            await sink(piece)
            await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        content = "".join(piece.content or "" for piece in self.pieces)
        reason = "tool_calls" if self.calls else "stop"
        return ChatResult(
            content=content or None, model="s-1", usage=USAGE, finish_reason=reason, tool_calls=self.calls
        )

    async def models(self) -> Sequence[str]:
        return ["s-1"]


def said(content: str) -> ChatDelta:
    return ChatDelta(model="s-1", content=content)


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[httpx2.AsyncClient, Speaker]]:
    speaker = Speaker()
    async with in_process(tmp_path_factory.mktemp("data"), provider=speaker) as client:
        yield client, speaker


@pytest.fixture
def client(served: tuple[httpx2.AsyncClient, Speaker]) -> httpx2.AsyncClient:
    return served[0]


@pytest.fixture
def speaker(served: tuple[httpx2.AsyncClient, Speaker], request: pytest.FixtureRequest) -> Speaker:
    speaker = served[1]
    speaker.__init__()  # type: ignore[misc]
    speaker.name = request.node.name  # a lane of its own: what one test refuses must not hold up the next one
    return speaker


def events(response: httpx2.Response) -> list[Any]:
    """The data of each event; every one but ``[DONE]`` and an error is a chunk."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = []
    for block in response.text.strip().split("\n\n"):
        name, _, data = block.rpartition("\n")
        assert name in {"", "event: error"}
        found.append(data if data == "data: [DONE]" else json.loads(data.removeprefix("data: ")))
        if name:
            OpenAIErrorEnvelope.model_validate(found[-1], strict=True)
        elif data != "data: [DONE]":
            ChatCompletionChunk.model_validate(found[-1], strict=True)
    return found


async def ask(client: httpx2.AsyncClient, headers: dict[str, str] | None = None, **fields: Any) -> httpx2.Response:
    return await client.post("/v1/chat/completions", json={**ASK, **fields}, headers=headers)


# --- events ----------------------------------------------------------------------------------------------------------


async def test_the_role_comes_first_then_the_words_then_why_it_ended(
    client: httpx2.AsyncClient, speaker: Speaker
) -> None:
    """OpenAI-compatible …. The answer adds ``latency_ms`` and ``usage.cost``."""
    *chunks, done = events(await ask(client))

    assert done == "data: [DONE]"
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["id"].startswith("chatcmpl-")
    assert {(chunk["object"], chunk["model"]) for chunk in chunks} == {("chat.completion.chunk", "s-1")}
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert chunks[-1]["latency_ms"] >= 0
    assert (chunks[-1]["usage"]["total_tokens"], chunks[-1]["usage"]["cost"]) == (15, 0)
    assert all("usage" not in chunk and "latency_ms" not in chunk for chunk in chunks[:-1])


async def test_usage_has_an_event_of_its_own_where_asked_for(client: httpx2.AsyncClient, speaker: Speaker) -> None:
    """``stream_options: {"include_usage": true}``, as OpenAI's API reference has it."""
    *chunks, usage, done = events(await ask(client, stream_options={"include_usage": True}))

    assert done == "data: [DONE]"
    assert all(chunk["usage"] is None for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "cost": 0,
    }
    assert usage["latency_ms"] >= 0


async def test_tool_calls_come_in_pieces_with_their_index(client: httpx2.AsyncClient, speaker: Speaker) -> None:
    speaker.calls = (ToolCall(id="a", name="look", arguments="{}"),)
    pieces = [ToolCallDelta(index=0, id="a", name="look"), ToolCallDelta(index=0, arguments="{}")]
    speaker.pieces = [ChatDelta(model="s-1", tool_calls=(piece,)) for piece in pieces]
    *chunks, _ = events(await ask(client))

    assert [chunk["choices"][0]["delta"].get("tool_calls") for chunk in chunks] == [
        None,
        [{"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": "{}"}}],
        None,
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_an_answer_without_a_word_is_a_stream_too(client: httpx2.AsyncClient, speaker: Speaker) -> None:
    speaker.pieces = []
    *chunks, done = events(await ask(client))

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [{"role": "assistant", "content": ""}, {}]
    assert done == "data: [DONE]"


async def test_words_of_any_script_and_any_control_character_pass(client: httpx2.AsyncClient, speaker: Speaker) -> None:
    """A line feed in the text must not end an event."""
    text = 'é 漢字 🎉 "quoted" \\ \n\n\r\n\tdata: [DONE]\u2028\x00'
    speaker.pieces = [said(text)]
    *chunks, _ = events(await ask(client))

    assert chunks[1]["choices"][0]["delta"]["content"] == text


@pytest.mark.parametrize("stream", [False, None])
async def test_stream_may_be_sent_and_be_off(client: httpx2.AsyncClient, speaker: Speaker, stream: bool | None) -> None:
    assert accepted(await ask(client, stream=stream))["object"] == "chat.completion"


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (port.RateLimited("slow", status=429, retry_after_s=2), 429, "rate_limit"),
        (port.ProviderTimeout("slow"), 504, "timeout"),
        (port.Unavailable("down"), 502, "provider_unavailable"),
        (port.Refused("bad", status=400), 400, "request_refused"),
        (port.QuotaExhausted("pay", status=402), 429, "insufficient_quota"),
        (RuntimeError("/secret/path.py"), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
@pytest.mark.parametrize("begun", [False, True])
async def test_a_failure_is_a_status_before_the_first_word_and_an_event_afterwards(
    client: httpx2.AsyncClient, speaker: Speaker, failure: Exception, status: int, code: str, begun: bool
) -> None:
    """Under ``/v1/chat/completions`` and ``/v1/models`` the OpenAI error envelope instead, and a 429 there says
    ``rate_limit``. No stack trace, key or file path ever leaves."""
    speaker.failure = failure
    speaker.pieces = [said("hel")] if begun else []
    response = await ask(client)

    assert "secret" not in response.text
    if begun:
        *chunks, error = events(response)
        assert chunks[1]["choices"][0]["delta"] == {"content": "hel"}
        assert error["error"]["code"] == code
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        assert response.headers["content-type"] == "application/json"
        assert response.headers.get("Retry-After") == ("2" if status == 429 and code == "rate_limit" else None)


@pytest.mark.parametrize(
    ("fields", "status"), [({"messages": []}, 400), ({"model": ""}, 400), ({"model": "swarm/nobody"}, 404)]
)
async def test_a_bad_request_is_refused_with_its_status(
    client: httpx2.AsyncClient, fields: dict[str, Any], status: int
) -> None:
    assert (await ask(client, **fields)).status_code == status


@pytest.mark.parametrize(
    ("failure", "header"),
    [
        (port.QuotaExhausted("no credit", status=402), "false"),
        (port.AuthenticationRejected("no", status=401), "false"),
        (port.Unavailable("down"), None),
    ],
)
async def test_sdks_are_told_not_to_repeat_what_no_wait_mends(
    client: httpx2.AsyncClient, speaker: Speaker, failure: Exception, header: str | None
) -> None:
    speaker.failure, speaker.pieces = failure, []
    response = await ask(client)

    assert response.headers.get("x-should-retry") == header


# --- idempotency -----------------------------------------------------------------------------------------------------


async def test_a_repeated_request_gets_the_same_answer_and_makes_no_call(
    client: httpx2.AsyncClient, speaker: Speaker
) -> None:
    """same key + same body = the same answer"""
    key = {"Idempotency-Key": "stream-1"}
    first = await ask(client, key)
    again = await ask(client, key)
    other = await ask(client, key, stream=False)

    assert len(speaker.asked) == 1
    assert other.status_code == 409
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    before, after = events(first), events(again)
    assert after[0] == before[0]
    assert after[-2] == before[-2]
    assert after[1]["choices"][0]["delta"] == {"content": "hello"}


async def test_requests_at_once_with_one_key_make_one_call(client: httpx2.AsyncClient, speaker: Speaker) -> None:
    answers = await asyncio.gather(*(ask(client, {"Idempotency-Key": "stream-2"}) for _ in range(20)))

    assert len(speaker.asked) == 1
    said_by_each = {
        "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in events(answer)[:-1]) for answer in answers
    }
    assert said_by_each == {"hello"}


async def test_a_stream_that_broke_frees_its_key(client: httpx2.AsyncClient, speaker: Speaker) -> None:
    speaker.failure = port.Unavailable("cut")
    assert "error" in events(await ask(client, {"Idempotency-Key": "stream-3"}))[-1]
    speaker.failure = None

    assert events(await ask(client, {"Idempotency-Key": "stream-3"}))[-1] == "data: [DONE]"
    assert len(speaker.asked) == 2


# --- usage and budgets -----------------------------------------------------------------------------------------------

PRICE = {"offline": {"input_per_mtok": 1, "output_per_mtok": 10}}


async def test_a_stream_is_counted_and_one_that_broke_costs_its_worst_case(tmp_path: Path) -> None:
    speaker = Speaker()
    async with in_process(tmp_path, provider=speaker) as client:
        accepted(await client.put("/v1/prices", json=PRICE))
        *_, last, _ = events(await ask(client, max_tokens=50))
        speaker.failure = port.MalformedAnswer("cut")
        events(await ask(client, max_tokens=50))
        [row] = accepted(await client.get("/v1/usage", params={"group_by": "model"}))["items"]

    assert last["usage"]["cost"] == (12 * 1_000 + 3 * 10_000) / 10**9
    assert (row["calls"], row["unpriced_calls"], row["cost_usd"]) == (2, 1, last["usage"]["cost"])
    assert 50 * 10_000 / 10**9 < row["unsettled_cost_usd"] < 0.001


async def test_a_stream_that_the_keys_day_does_not_cover_is_not_begun(tmp_path: Path) -> None:
    key = await mint(tmp_path, max_cost_per_day_usd=Decimal("0.0009"))
    speaker = Speaker()
    async with in_process(tmp_path, provider=speaker) as client:
        client.headers.update(key)
        accepted(await client.put("/v1/prices", json=PRICE))
        assert events(await ask(client, max_tokens=50))[-1] == "data: [DONE]"
        refused = await ask(client, max_tokens=5_000)

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert len(speaker.asked) == 1
