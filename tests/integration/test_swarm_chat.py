"""``model: "swarm/<orchestrator>"`` runs a swarm (contract, section 7): its answer, its progress as content, its id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ports.provider import Refused
from app.providers.offline import OfflineProvider
from tests.support.accounts import mint
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = pytest.mark.anyio

GOAL = "Compare the following:\n1. ponds\n2. salt caverns\n3. hot sand"


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    """Everything is planned, done and merged by the offline model."""
    async with in_process(tmp_path_factory.mktemp("data"), provider=OfflineProvider()) as client:
        await team(client)
        yield client


async def team(client: httpx2.AsyncClient, **fields: Any) -> str:
    response = await client.post("/v1/agents/create", json={"name": "team", "model": "offline", **fields})
    found: str = accepted(response, 201)["agent_id"]
    return found


async def ask(
    client: httpx2.AsyncClient, messages: Any = GOAL, *, headers: dict[str, str] | None = None, **fields: Any
) -> httpx2.Response:
    listed = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    body = {"model": "swarm/team", "messages": listed, **fields}
    return await client.post("/v1/chat/completions", json=body, headers=headers)


def chunks(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    *blocks, done = response.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def content(found: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content", "") for chunk in found for choice in chunk["choices"])


def pointer(response: httpx2.Response) -> str:
    assert response.status_code == 400, response.text
    found: str = response.json()["error"]["param"]
    return found


async def run_of(client: httpx2.AsyncClient, response: httpx2.Response) -> dict[str, Any]:
    found: dict[str, Any] = accepted(await client.get(f"/v1/swarms/{response.headers['X-Swarm-Id']}"))
    return found


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_id", [False, True])
async def test_the_merged_value_is_the_answer(client: httpx2.AsyncClient, by_id: bool) -> None:
    """Wherever an orchestrator id is taken, its *name* is too."""
    model = f"swarm/{await team(client)}" if by_id else "swarm/team"
    response = await ask(client, model=model)
    answer = accepted(response)
    run = await run_of(client, response)

    assert (answer["object"], answer["model"], answer["choices"][0]["finish_reason"]) == (
        "chat.completion",
        "swarm/team",
        "stop",
    )
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": run["aggregated"]}
    assert answer["swarm"] == {"swarm_id": run["swarm_id"], "status": "completed", "missing": 0}
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (run["tokens"]["in"], run["tokens"]["out"])
    assert usage["cost"] == run["cost_usd"] == 0
    assert answer["latency_ms"] > 0
    assert run["counts"]["total"] >= 3
    assert run["agent_id"] == await team(client)


@pytest.mark.parametrize("include_usage", [False, True])
async def test_a_stream_tells_the_progress_then_the_answer(client: httpx2.AsyncClient, include_usage: bool) -> None:
    """runs a swarm and streams its progress as content"""
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if include_usage else {}
    response = await ask(client, stream=True, **options)
    found = chunks(response)
    run = await run_of(client, response)
    total = run["counts"]["total"]
    progress, _, answer = content(found).partition("\n\n")

    assert progress.splitlines()[0] == f"Planned {total} tasks."
    lines = progress.splitlines()[1:]
    assert [line.split(" ")[0] for line in lines] == [f"[{number}/{total}]" for number in range(1, total + 1)]
    assert all(": done in " in line for line in lines)
    assert answer == run["aggregated"]
    assert found[0]["choices"][0]["delta"]["role"] == "assistant"
    assert found[-1]["usage"]["prompt_tokens"] == run["tokens"]["in"]
    assert found[-1]["swarm"]["swarm_id"] == run["swarm_id"]
    assert (found[-1]["choices"] == []) is include_usage


async def test_an_answer_of_a_schema_is_that_alone(client: httpx2.AsyncClient) -> None:
    """Progress would not be JSON."""
    schema = {"type": "object", "properties": {"best": {"type": "string"}}, "required": ["best"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    streamed = await ask(client, stream=True, response_format=form)
    whole = accepted(await ask(client, response_format=form))

    assert isinstance(json.loads(content(chunks(streamed)))["best"], str)
    assert isinstance(json.loads(whole["choices"][0]["message"]["content"])["best"], str)


async def test_what_was_said_before_goes_to_every_sub_agent(tmp_path: Path) -> None:
    """``context`` is folded into the prompt; instructions and earlier turns are too."""
    asked = []

    class Listener(OfflineProvider):
        async def complete(self, request: Any) -> Any:
            asked.append(request)
            return await super().complete(request)

    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which stores?"},
        {"role": "assistant", "content": "Ponds and caverns."},
        {"role": "user", "content": [{"type": "text", "text": GOAL}]},
    ]
    async with in_process(tmp_path, provider=Listener()) as client:
        await team(client, system_prompt="You are a team.")
        accepted(await ask(client, talk, context={"k": 1}))

    leading = {request.messages[0]["content"] for request in asked}
    for text in leading:
        assert text.startswith('You are a team.\n\nBe brief.\n\n## Context\n{"k":1}\n\n## Conversation so far\n')
        assert "user: Which stores?\n\nassistant: Ponds and caverns." in text
        assert GOAL not in text


async def test_the_orchestrators_configuration_holds(tmp_path: Path) -> None:
    async with in_process(tmp_path, provider=OfflineProvider()) as client:
        config = {"max_parallel_agents": 2, "aggregation_strategy": "concat"}
        await team(client, swarm_config=config)
        response = await ask(client)
        run = await run_of(client, response)
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        refused = await ask(client, response_format=form)

    assert (run["max_parallel_agents"], run["aggregation"]["strategy"]) == (2, "concat")
    assert pointer(refused) == "response_format"


async def test_orchestrators_are_listed_as_models(client: httpx2.AsyncClient) -> None:
    listed = accepted(await client.get("/v1/models"))
    one = accepted(await client.get("/v1/models/swarm/team"))

    assert "swarm/team" in [model["id"] for model in listed["data"]]
    assert one == {"id": "swarm/team", "object": "model", "created": 0, "owned_by": "swarmd"}


# --- who leaves, who comes back --------------------------------------------------------------------------------------


async def test_a_repeated_request_follows_the_same_run(client: httpx2.AsyncClient) -> None:
    """(100 concurrent retries start one run)"""
    key = {"Idempotency-Key": "swarm-1"}
    several = await asyncio.gather(*(ask(client, headers=key) for _ in range(10)))
    again = await ask(client, headers=key)

    assert len({response.headers["X-Swarm-Id"] for response in [*several, again]}) == 1
    assert again.json() == several[0].json()
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_repeated_stream_tells_everything_again(client: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "swarm-2"}
    first = await ask(client, headers=key, stream=True)
    again = await ask(client, headers=key, stream=True)

    assert content(chunks(again)) == content(chunks(first))
    assert again.headers["Idempotent-Replayed"] == "true"


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["swarm/nobody", "swarm/", "swarm/agt_01M7ZYR9QFEMVR32C7CX0EQ070"])
async def test_an_unknown_orchestrator_is_an_unknown_model(
    client: httpx2.AsyncClient, model: str, stream: bool
) -> None:
    """unknown -> 404 model_not_found"""
    response = await ask(client, model=model, stream=stream)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    missing = await client.get(f"/v1/models/{model}x")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_another_tenants_orchestrator_is_unknown(tmp_path: Path) -> None:
    """Another tenant's id answers 404, on every path, body field and socket."""
    async with in_process(tmp_path, provider=OfflineProvider()) as client:
        agent_id = await team(client)
    key = await mint(tmp_path, "other")
    async with in_process(tmp_path, provider=OfflineProvider()) as client:
        client.headers.update(key)
        for model in (f"swarm/{agent_id}", "swarm/team"):
            assert (await ask(client, model=model)).status_code == 404
            assert (await client.get(f"/v1/models/{model}")).status_code == 404
        assert not any("team" in model["id"] for model in accepted(await client.get("/v1/models"))["data"])


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "system", "content": "x"}], "messages"),
        ("  ", "messages/0/content"),
        ([{"role": "user", "content": None}], "messages/0/content"),
        ([{"role": "user", "content": []}], "messages/0/content"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "messages/0/content/0"),
        ([{"role": "user", "content": [{"type": {}}]}], "messages/0/content/0"),
        ([{"role": "user", "content": [{"type": "text", "text": {}}]}], "messages/0/content/0/text"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}], None),
    ],
)
async def test_a_request_without_a_goal_is_refused(
    client: httpx2.AsyncClient, messages: Any, param: str | None
) -> None:
    found = pointer(await ask(client, messages))

    assert found == param if param else found.startswith("messages/0/content/0")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "tools"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
    ],
)
async def test_what_a_swarm_cannot_do_is_refused(client: httpx2.AsyncClient, fields: Any, param: str) -> None:
    """never silently ignored"""
    assert pointer(await ask(client, **fields)) == param


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_fails_is_an_error_that_no_sdk_repeats(tmp_path: Path, stream: bool) -> None:
    """Tried again it would be another run, paid for again."""

    class Broken(OfflineProvider):
        async def complete(self, request: Any) -> Any:
            raise Refused("no", status=400)

    async with in_process(tmp_path, provider=Broken()) as client:
        await team(client, swarm_config={"max_retries": 0})
        response = await ask(client, stream=stream)
        run = await run_of(client, response)

    assert run["status"] == "failed"
    if stream:
        last = response.text.strip().split("\n\n")[-1]
        assert last.startswith("event: error\ndata: ")
        error = json.loads(last.partition("data: ")[2])["error"]
    else:
        assert response.status_code == 502
        assert response.headers["x-should-retry"] == "false"
        error = response.json()["error"]
    assert error["code"] == "swarm_failed"
    assert run["swarm_id"] in error["message"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_its_keys_budget_pauses_is_told(tmp_path: Path, stream: bool) -> None:
    """It stays as it is: with a raised budget it goes on."""
    key = await mint(tmp_path, max_cost_per_day_usd=Decimal("0.0002"))
    async with in_process(tmp_path, provider=OfflineProvider()) as client:
        client.headers.update(key)
        accepted(await client.put("/v1/prices", json={"offline": {"input_per_mtok": 1, "output_per_mtok": 10}}))
        await team(client)
        response = await ask(client, stream=stream)
        run = await run_of(client, response)

    assert (run["status"], run["pause_reason"]) == ("paused", "key_budget")
    assert "insufficient_quota" in response.text
    assert f"/v1/swarms/{run['swarm_id']}/resume" in response.text
    assert response.status_code == (200 if stream else 429)
