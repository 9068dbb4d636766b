"""Chat completions and models (contract, section 7): what any OpenAI SDK expects. Quotes are the contract's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.api.schemas.chat import ChatCompletion, ModelList, OpenAIErrorEnvelope
from app.domain.usage import Usage
from app.ports import provider as port
from app.ports.provider import ChatRequest, ChatResult, ToolCall
from app.providers.offline import OfflineProvider
from tests.support.pictures import seeing
from tests.support.providers import InOnePiece
from tests.support.service import MockModelProcess, in_process
from tests.support.stage import accepted

pytestmark = pytest.mark.anyio

ASK = {"model": "any-name", "messages": [{"role": "user", "content": "Say hello."}]}


class Parrot(InOnePiece):
    """Keeps the request; answers with a fixed result, or fails with one error."""

    def __init__(self) -> None:
        self.name = "offline"
        self.asked: list[ChatRequest] = []
        self.answer: ChatResult | Exception | None = None
        self.silent = False

    async def complete(self, request: ChatRequest) -> ChatResult:
        self.asked.append(request)
        if self.silent:
            await asyncio.get_running_loop().create_future()
        answer, self.answer = self.answer, None
        if isinstance(answer, Exception):
            raise answer
        usage = Usage(prompt_tokens=12, completion_tokens=3, cached_tokens=4)
        return answer or ChatResult(content="hello", model="parrot-1", usage=usage)

    async def models(self) -> Sequence[str]:
        return ["parrot-1"]


@pytest.fixture(scope="module")
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture(autouse=True)
def _lane_of_its_own(parrot: Parrot, request: pytest.FixtureRequest) -> None:
    """What one test's provider refuses must not hold up the next one's calls."""
    parrot.name = request.node.name


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory, parrot: Parrot) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(tmp_path_factory.mktemp("data"), provider=parrot) as client:
        yield client


@pytest.fixture(scope="module")
async def keyless(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    """With no provider configured: the offline model answers."""
    async with in_process(tmp_path_factory.mktemp("keyless"), provider=OfflineProvider()) as client:
        yield client


async def complete(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/v1/chat/completions", json={**ASK, **fields})
    found: dict[str, Any] = accepted(response)
    ChatCompletion.model_validate_json(response.content)
    return found


def error(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    OpenAIErrorEnvelope.model_validate(body, strict=True)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    found: dict[str, Any] = body["error"]
    return found


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_an_answer_has_openais_shape(client: httpx2.AsyncClient) -> None:
    """OpenAI-compatible …. The answer adds ``latency_ms`` and ``usage.cost``."""
    answer = await complete(client)

    assert answer["id"].startswith("chatcmpl-")
    assert (answer["object"], answer["model"]) == ("chat.completion", "parrot-1")
    assert isinstance(answer["created"], int)
    [choice] = answer["choices"]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"] == {"role": "assistant", "content": "hello"}
    assert answer["latency_ms"] >= 0
    assert answer["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "cost": 0,
    }


async def test_tool_calls_are_handed_through(client: httpx2.AsyncClient, parrot: Parrot) -> None:
    """OpenAI-compatible, so any OpenAI SDK works."""
    call = ToolCall(id="call_1", name="look", arguments='{"at": "it"}')
    parrot.answer = ChatResult(content=None, model="m", finish_reason="tool_calls", tool_calls=(call,))
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    [choice] = (await complete(client, tools=tools, tool_choice="auto"))["choices"]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
    ]
    assert list(parrot.asked[-1].tools) == tools


async def test_extra_fields_are_accepted_and_context_is_folded_in(client: httpx2.AsyncClient, parrot: Parrot) -> None:
    """Extra fields (``context``, ``thinking``) are accepted; ``context`` is folded into the prompt and never forwarded
    as is."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
    thinking = {"type": "disabled"}
    await complete(client, messages=messages, context={"k": [1]}, thinking=thinking, temperature=0.5, surprise={"x": 1})
    asked = parrot.asked[-1]

    assert [message["role"] for message in asked.messages] == ["system", "system", "user"]
    assert asked.messages[0] == messages[0]
    assert '{"k":[1]}' in asked.messages[1]["content"]
    assert asked.messages[2] == messages[1]
    assert asked.options == {"temperature": 0.5}  # this model has no way to be told to think
    assert messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]


@pytest.mark.parametrize("context", [None, "", [], {}])
async def test_an_empty_context_changes_nothing(client: httpx2.AsyncClient, parrot: Parrot, context: Any) -> None:
    await complete(client, context=context)

    assert list(parrot.asked[-1].messages) == ASK["messages"]


async def test_all_kinds_of_messages_reach_the_model(tmp_path: Path) -> None:
    """OpenAI-compatible."""
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}}]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        {"role": "user", "content": "x", "name": "ann"},
    ]
    parrot = Parrot()
    async with seeing(tmp_path, parrot, default_model=ASK["model"]) as client:
        await complete(client, messages=messages, max_tokens=7, stop=["\n"], response_format={"type": "json_object"})
    asked = parrot.asked[-1]

    assert list(asked.messages) == messages
    assert asked.max_output_tokens == 7
    assert asked.response_format == {"type": "json_object"}
    assert asked.options == {"stop": ["\n"]}


async def test_models_are_listed(client: httpx2.AsyncClient) -> None:
    """``GET /v1/models``: OpenAI-compatible."""
    response = await client.get("/v1/models")
    ModelList.model_validate_json(response.content)
    listed = accepted(response)

    assert listed["object"] == "list"
    assert "offline" in [model["id"] for model in listed["data"]]
    assert all(model["object"] == "model" for model in listed["data"])


# --- JSON for clients that only know json.loads ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        'Return JSON with keys "a" and "b".',
        'Answer only with a JSON object with the keys "a" and "b", no markdown.',
        'Respond with JSON: {"a": "...", "b": ["..."]}',
    ],
)
@pytest.mark.parametrize("context", [None, {"k": 1}, '{"k": 1}', {"a": 1, "c": [2]}])
async def test_json_is_bare_and_has_the_keys_that_were_asked_for(
    keyless: httpx2.AsyncClient, prompt: str, context: Any
) -> None:
    """A client whose only parser is ``json.loads`` on the content gets bare JSON …, keyless too."""
    answer = await complete(keyless, messages=[{"role": "user", "content": prompt}], context=context)

    assert set(json.loads(answer["choices"][0]["message"]["content"])) == {"a", "b"}


async def test_a_response_format_is_kept_keyless(keyless: httpx2.AsyncClient) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await complete(keyless, response_format=form)

    assert isinstance(json.loads(answer["choices"][0]["message"]["content"])["n"], int)
    assert answer["usage"]["cost"] == 0


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages/0/role"),
        ({"messages": [{"content": "x"}]}, "messages/0/role"),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"thinking": 5.5}, "thinking"),
    ],
)
async def test_a_bad_request_is_openais_envelope(
    client: httpx2.AsyncClient, fields: dict[str, Any], param: str
) -> None:
    """Under ``/v1/chat/completions`` and ``/v1/models`` the OpenAI error envelope instead."""
    response = await client.post("/v1/chat/completions", json={**ASK, **fields})
    found = error(response, 400)

    assert (found["type"], found["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"model": NaN}'])
async def test_what_is_not_a_request_is_openais_envelope(client: httpx2.AsyncClient, body: bytes) -> None:
    assert error(await client.post("/v1/chat/completions", content=body), 400)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405)]
)
async def test_a_wrong_method_is_openais_envelope(
    client: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    """Under ``/v1/chat/completions`` and ``/v1/models`` the OpenAI error envelope instead."""
    error(await client.request(method, path), status)


async def test_a_foreign_host_is_openais_envelope(client: httpx2.AsyncClient) -> None:
    """… else 403; under ``/v1/chat/completions`` and ``/v1/models`` the OpenAI error envelope instead."""
    error(await client.post("/v1/chat/completions", json=ASK, headers={"Host": "evil.example"}), 403)
    error(await client.get("/v1/models", headers={"Host": "evil.example"}), 403)


async def test_a_body_that_is_too_large_is_openais_envelope(client: httpx2.AsyncClient) -> None:
    error(await client.post("/v1/chat/completions", content=b" " * (33 * 1024 * 1024)), 413)


@pytest.mark.parametrize("said", ["Too many requests", "rate_limit reached", ""])
@pytest.mark.parametrize(("retry_after_s", "header"), [(None, None), (0.2, "1"), (1.2, "2"), (30, "30")])
async def test_a_429_says_rate_limit(
    client: httpx2.AsyncClient, parrot: Parrot, said: str, retry_after_s: float | None, header: str | None
) -> None:
    """a 429 there says ``rate_limit`` in ``error.code`` and in the message."""
    parrot.answer = port.RateLimited(said, status=429, retry_after_s=retry_after_s)
    response = await client.post("/v1/chat/completions", json=ASK)
    found = error(response, 429)

    assert found["code"] == "rate_limit"
    assert "rate_limit" in found["message"]
    assert response.headers.get("Retry-After") == header


async def test_nobody_waits_for_a_provider_that_asked_to_be_left_alone(
    client: httpx2.AsyncClient, parrot: Parrot
) -> None:
    parrot.answer = port.RateLimited("slow down", status=429, retry_after_s=30)
    await client.post("/v1/chat/completions", json=ASK)
    asked = len(parrot.asked)

    response = await client.post("/v1/chat/completions", json=ASK)

    assert error(response, 429)["code"] == "rate_limit"
    assert 25 <= int(response.headers["Retry-After"]) <= 30
    assert len(parrot.asked) == asked


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (port.UnknownModel("no such model"), 404),
        (port.ProviderTimeout("slow"), 504),
        (port.Unavailable("down", status=503), 502),
        (port.MalformedAnswer("html"), 502),
        (port.AnswerTooLarge("huge"), 502),
        (port.Refused("bad image", status=400), 400),
        (port.QuotaExhausted("no credit", status=402), 429),
        (port.AuthenticationRejected("Incorrect API key sk-secret", status=401), 502),
        (RuntimeError("/secret/path.py sk-secret"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_every_failure_is_openais_envelope(
    client: httpx2.AsyncClient, parrot: Parrot, failure: Exception, status: int
) -> None:
    """No stack trace, key or file path ever leaves."""
    parrot.answer = failure
    response = await client.post("/v1/chat/completions", json=ASK)
    error(response, status)

    assert "secret" not in response.text


async def test_a_timeout_of_the_request_is_kept(client: httpx2.AsyncClient, parrot: Parrot) -> None:
    parrot.silent = True
    response = await client.post("/v1/chat/completions", json={**ASK, "timeout": 0.05})
    parrot.silent = False

    assert "0.05 s" in error(response, 504)["message"]


# --- through a provider ----------------------------------------------------------------------------------------------


async def test_neither_context_nor_an_unknown_field_reaches_the_provider(tmp_path_factory: Any) -> None:
    """``context`` … never forwarded as is: a provider that refuses unknown fields takes the request."""
    folder = tmp_path_factory.mktemp("strict")
    with MockModelProcess(folder, "--strict", "--reply", "fine") as mock:
        async with in_process(folder / "data", provider_base_url=mock.url, default_model="mock") as client:
            body = {**ASK, "model": "mock", "context": {"k": 1}, "surprise": 1, "metadata": {"a": "b"}}
            answer = accepted(await client.post("/v1/chat/completions", json=body))
            unknown = await client.post("/v1/chat/completions", json={**ASK, "model": "gpt-unheard-of"})
            models = accepted(await client.get("/v1/models"))

    assert answer["choices"][0]["message"]["content"] == "fine"
    assert answer["usage"]["cost"] is None  # no price is known: never a silent guess
    assert error(unknown, 404)["code"] == "model_not_found"
    assert {model["id"] for model in models["data"]} >= {"mock", "offline"}


async def test_calls_pass_the_same_limits_as_sub_agents(tmp_path_factory: Any) -> None:
    """All calls pass the same limits … as sub-agents."""
    folder = tmp_path_factory.mktemp("limits")
    with MockModelProcess(folder, "--latency-ms", "50", "--reply", "ok") as mock:
        settings: dict[str, Any] = {
            "provider_base_url": mock.url,
            "default_model": "mock",
            "provider_max_concurrency": 3,
        }
        async with in_process(folder / "data", **settings) as client, httpx2.AsyncClient() as model:
            calls = [client.post("/v1/chat/completions", json={**ASK, "model": "mock"}) for _ in range(10)]
            work = client.post("/v1/agents/batch-execute", json={"tasks": [{}] * 10})
            answers = await asyncio.gather(*calls, work)
            stats = (await model.get(f"{mock.root_url}/mock/stats")).json()

    assert {answer.status_code for answer in answers} == {200}
    assert (stats["received"], stats["max_in_flight"]) == (20, 3)
