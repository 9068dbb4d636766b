"""The mock model server over real sockets: OpenAI's wire format, and each fault as a client sees it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.providers.mock_model import MockModelConfig, listening

pytestmark = pytest.mark.anyio


class Client:
    """A client of one server."""

    def __init__(self, session: aiohttp.ClientSession, root_url: str) -> None:
        self.session = session
        self.root_url = root_url

    async def ask(
        self, text: str = "hello", *, headers: dict[str, str] | None = None, **body: Any
    ) -> tuple[int, bytes]:
        request = {"model": "m", "messages": [{"role": "user", "content": text}], **body}
        async with self.session.post(f"{self.root_url}/v1/chat/completions", json=request, headers=headers) as response:
            return response.status, await response.read()

    async def ask_json(self, text: str = "hello", **body: Any) -> Any:
        status, raw = await self.ask(text, **body)
        assert status == 200, raw
        return json.loads(raw)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, self.root_url + path, json=body) as response:
            return response.status, await response.json()

    async def stats_when(self, name: str, value: int) -> dict[str, Any]:
        """The stats once ``name`` has come to ``value``."""
        async with asyncio.timeout(30):
            while True:
                _, stats = await self.call("GET", "/mock/stats")
                if stats[name] == value:
                    return dict(stats)


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[Client]:
    async with listening(MockModelConfig(**options)) as server, aiohttp.ClientSession() as session:
        yield Client(session, server.root_url)


async def test_an_answer_is_a_chat_completion_of_the_offline_model() -> None:
    async with client() as mock:
        body = await mock.ask_json("1. Compare A\n2. Compare B")
    assert body["model"] == "m"
    assert body["object"] == "chat.completion"
    message = {"role": "assistant", "content": "1. Compare A\n2. Compare B"}
    assert body["choices"] == [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]


async def test_a_fixed_reply_has_the_same_shape() -> None:
    async with client(reply='done "now"') as mock:
        fixed = await mock.ask_json(model='my "model"')
    async with client() as mock:
        modelled = await mock.ask_json()
    assert fixed["choices"][0]["message"]["content"] == 'done "now"'
    assert fixed["model"] == 'my "model"'
    assert fixed.keys() == modelled.keys()
    assert fixed["usage"]["total_tokens"] == fixed["usage"]["prompt_tokens"] + fixed["usage"]["completion_tokens"]


async def test_tools_are_called_over_the_wire() -> None:
    tool = {"type": "function", "function": {"name": "web_search", "parameters": {"type": "object", "properties": {}}}}
    async with client() as mock:
        choice = (await mock.ask_json("Search the web for cats", tools=[tool]))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "web_search", "arguments": "{}"}


def _events(raw: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def test_a_stream_says_the_same_in_pieces_and_ends_with_the_usage() -> None:
    text = "Rivers flow into lakes because water runs downhill, and lakes keep it for a while. ok"
    async with client() as mock:
        whole = await mock.ask_json(text)
        events = _events((await mock.ask(text, stream=True, stream_options={"include_usage": True}))[1])
        bare = _events((await mock.ask(text, stream=True))[1])
    assert events[-1] == bare[-1] == "[DONE]"
    deltas = [choice["delta"].get("content") or "" for event in events[:-1] for choice in event["choices"]]
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert len(deltas) > 3
    assert events[-2]["usage"] == whole["usage"]
    assert events[-2]["choices"] == []
    assert all(event["usage"] is None for event in events[:-2])
    assert not any("usage" in event for event in bare[:-1])


async def test_streamed_tool_calls_are_put_together_from_their_halves() -> None:
    script = {"tool_calls": [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": "{}"}]}
    async with client() as mock:
        await mock.call("POST", "/mock/script", [script])
        events = _events((await mock.ask(stream=True))[1])
    said = [
        call for event in events[:-1] for choice in event["choices"] for call in choice["delta"].get("tool_calls", ())
    ]
    joined = {
        index: "".join(call["function"]["arguments"] for call in said if call["index"] == index) for index in (0, 1)
    }
    assert joined == {0: '{"a":1}', 1: "{}"}


async def test_models_and_unknown_paths() -> None:
    async with client() as mock:
        assert (await mock.call("GET", "/v1/models"))[1]["data"][0]["id"] == "offline"
        status, body = await mock.call("GET", "/v2/x")
    assert (status, body["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("body", [{"messages": []}, {"messages": "x"}, {"model": None}])
async def test_a_request_without_its_parts_is_refused(body: dict[str, Any]) -> None:
    async with client() as mock:
        status, raw = await mock.ask(**body)
    assert status == 400
    assert json.loads(raw)["error"]["type"] == "invalid_request_error"


async def test_strict_refuses_unknown_fields_and_the_key_is_checked() -> None:
    async with client(strict=True, api_key="k") as mock:
        assert (await mock.ask())[0] == 401
        assert (await mock.call("GET", "/v1/models"))[0] == 401
        bearer = {"Authorization": "Bearer k"}
        assert (await mock.ask(headers=bearer, temperature=0))[0] == 200
        status, raw = await mock.ask(headers=bearer, context="x")
    assert status == 422
    assert "context" in json.loads(raw)["error"]["message"]


async def test_errors_limits_and_retry_after() -> None:
    async with client(error_rate=1.0, error_status=503, reply="x") as mock:
        assert (await mock.ask())[0] == 503
        await mock.call("PATCH", "/mock/config", {"error_rate": 0, "rate_limit": 0.001})
        assert (await mock.ask())[0] == 200
        request = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        async with mock.session.post(f"{mock.root_url}/v1/chat/completions", json=request) as response:
            assert response.status == 429
            assert 900 < int(response.headers["Retry-After"]) <= 1000
            assert (await response.json())["error"]["code"] == "rate_limit_exceeded"
        stats = await mock.stats_when("answered", 3)
    assert stats["by_status"] == {"200": 1, "429": 1, "503": 1}


async def test_a_hang_ends_when_the_client_leaves_and_blocks_nobody_else() -> None:
    async with client(concurrency_limit=1) as mock:
        await mock.call("POST", "/mock/script", [{"match": "stuck", "hang": True}])
        hanging = asyncio.create_task(mock.ask("stuck"))
        await mock.stats_when("in_flight", 1)
        assert (await mock.ask("other"))[0] == 429
        hanging.cancel()
        stats = await mock.stats_when("dropped", 1)
        assert stats["in_flight"] == 0
        assert stats["max_in_flight"] == 2
        assert (await mock.ask("other"))[0] == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("point", ["before", "body"])
async def test_a_reset_breaks_the_connection(point: str, stream: bool) -> None:
    async with client(reset_rate=1.0, reset_point=point) as mock:
        with pytest.raises(aiohttp.ClientError):
            await mock.ask("hello there", stream=stream)
        assert (await mock.stats_when("in_flight", 0))["received"] == 1


async def test_a_reset_after_the_answer_comes_too_late_to_harm() -> None:
    async with client(reset_rate=1.0, reset_point="after", reply="x") as mock:
        assert (await mock.ask_json())["choices"][0]["message"]["content"] == "x"


@pytest.mark.parametrize("reply", [None, "fixed"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["truncate", "garbage", "bad_utf8", "surrogate"])
async def test_damaged_bodies_cannot_be_read(fault: str, stream: bool, reply: str | None) -> None:
    async with client(reply=reply, **{f"{fault}_rate": 1.0}) as mock:
        status, raw = await mock.ask("some text to answer", stream=stream)
    assert status == 200
    with pytest.raises((ValueError, AssertionError)):
        _read(raw, stream)


def _read(raw: bytes, stream: bool) -> bytes:
    """The answer as a careful client reads it: complete, JSON, and text that can be encoded."""
    value = _events(raw) if stream else json.loads(raw)
    assert not stream or value[-1] == "[DONE]"
    return json.dumps(value, ensure_ascii=False).encode()


async def test_answers_with_parts_missing_or_senseless() -> None:
    async with client(reply="x") as mock:
        faults = ("empty_choices", "null_content", "no_usage", "tool_garbage")
        await mock.call("POST", "/mock/script", [{"fault": fault} for fault in faults])
        bodies = [await mock.ask_json() for _ in faults]
    assert bodies[0]["choices"] == []
    assert bodies[1]["choices"][0]["message"]["content"] is None
    assert "usage" not in bodies[2]
    arguments = bodies[3]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(arguments)


async def test_large_and_slow_bodies() -> None:
    async with client(huge_body_mb=3, reply="x") as mock:
        assert len((await mock.ask())[1]) > 3_000_000
        await mock.call("PATCH", "/mock/config", {"huge_body_mb": 0, "slow_body": 1e7})
        assert (await mock.ask_json())["choices"][0]["message"]["content"] == "x"


async def test_scripts_answer_what_matches() -> None:
    scripts: list[dict[str, Any]] = [
        {"match": "two", "content": "second", "usage": {"prompt_tokens": 7}, "finish_reason": "length"},
        {"match": "bad", "status": 429, "retry_after_s": 2.5, "times": 1},
        {"match": "raw", "raw": "not json"},
    ]
    async with client(reply="x") as mock:
        assert await mock.call("POST", "/mock/script", scripts) == (200, {"queued": 3})
        assert (await mock.ask_json("one"))["choices"][0]["message"]["content"] == "x"
        second = await mock.ask_json("two")
        assert (await mock.ask("bad"))[0] == 429
        assert (await mock.ask("raw"))[1] == b"not json"
        assert (await mock.call("POST", "/mock/script", [{"x": 1}]))[0] == 422
        assert (await mock.call("PATCH", "/mock/config", {"x": 1}))[0] == 422
        assert (await mock.call("POST", "/mock/reset"))[1]["received"] == 0
    assert second["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "second"},
        "logprobs": None,
        "finish_reason": "length",
    }
    assert second["usage"] == {"prompt_tokens": 7}


async def test_the_call_log_has_a_line_for_each_arrival_and_each_end(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    text = 'Do it.\n\n## Task\n{"id": "t-7", "swarm_id": "swm_1"}'
    async with client(call_log=str(log), reply="x") as mock:
        await mock.call("POST", "/mock/script", [{"match": "stuck", "hang": True}])
        await mock.ask(text, headers={"Authorization": "Bearer secret", "Idempotency-Key": "a1"})
        hanging = asyncio.create_task(mock.ask("stuck"))
        await mock.stats_when("in_flight", 1)
        hanging.cancel()
        await mock.stats_when("dropped", 1)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["n"], line["event"], line["status"]) for line in lines] == [
        (1, "received", None),
        (1, "answered", 200),
        (2, "received", None),
        (2, "dropped", None),
    ]
    messages = json.dumps([{"role": "user", "content": text}], separators=(",", ":")).encode()
    assert lines[0]["messages_sha256"] == hashlib.sha256(messages).hexdigest()
    assert lines[0]["authorization_sha256"] == hashlib.sha256(b"Bearer secret").hexdigest()
    assert (lines[0]["task_id"], lines[0]["swarm_id"], lines[0]["key"], lines[0]["model"]) == (
        "t-7",
        "swm_1",
        "a1",
        "m",
    )
    assert lines[0]["t"] <= lines[1]["t"]
    assert "secret" not in log.read_text()


def test_the_process_says_where_it_listens_and_ends_on_sigterm() -> None:
    code = "from app.providers.mock_model import *; run(MockModelConfig(reply='x'))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("mock-model listening on http://127.0.0.1:")
        finally:
            process.terminate()
        assert process.wait(timeout=10) == 0
