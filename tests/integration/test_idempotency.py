"""``Idempotency-Key`` (contract, section 1): one run for one key, the same answer each time, 409 for another body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest

from app.ports.provider import Refused
from app.services.idempotency import Begin, IdempotencyService, KeyedRequest, Outcome
from tests.support.providers import Call
from tests.support.service import in_process
from tests.support.stage import Stage, accepted, pointers

pytestmark = pytest.mark.anyio

REPLAYED = "Idempotent-Replayed"
TASK = {"prompt": "Say hello."}
STARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a run": ("/v1/swarms", {"tasks": [TASK], "metadata": {"ü": [1, 2]}}),
    "a run, waited for": ("/v1/swarms?wait=20", {"tasks": [TASK]}),
    "spawn": ("/v1/agents/boss/spawn", {"task_type": "x", "input_data": {"a": 1}}),
    "execute": ("/v1/agents/execute", TASK),
    "a batch": ("/v1/agents/batch-execute", {"tasks": [TASK, TASK]}),
    "a batch, not waited for": ("/v1/agents/batch-execute", {"tasks": [TASK], "wait": False}),
    "a barrier": ("/v1/agents/barrier-execute", {"tasks": [TASK], "barrier_id": "b", "dependency_check": "lenient"}),
    "a barrier, not waited for": (
        "/v1/agents/barrier-execute",
        {"tasks": [TASK], "barrier_id": 7, "wait_for_completion": False, "dependency_check": "lenient"},
    ),
    "a barrier that fails": (
        "/v1/agents/barrier-execute",
        {"tasks": [TASK | {"depends_on": ["nothing"]}], "barrier_id": "c_1"},
    ),
    "an orchestrator": ("/v1/agents/create", {"model": "any"}),
    "a chat": (
        "/v1/chat/completions",
        {"model": "any", "messages": [{"role": "user", "content": '## Task\n{"id": "chat"}'}]},
    ),
}
RUNS = [name for name in STARTS if name not in {"a barrier that fails", "an orchestrator", "a chat"}]


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(tmp_path_factory.mktemp("data"), provider=stage.provider) as client:
        accepted(await client.post("/v1/agents/create", json={"model": "any", "name": "boss"}), 201)
        accepted(await client.post("/v1/agents/execute", json=TASK))  # makes the orchestrator of runs that name none
        yield client


@pytest.fixture
async def client(service: httpx2.AsyncClient) -> AsyncIterator[httpx2.AsyncClient]:
    """The module's service. No run of a test goes on into the next one, which counts calls."""
    yield service
    async with asyncio.timeout(30):
        while any(swarm["ended_at"] is None for swarm in await listed(service, "/v1/swarms")):
            await asyncio.sleep(0.005)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of the test's own: the tests of this module share one service."""
    return str(request.node.name).encode("ascii", "replace").decode()[:255]


async def send(client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], key: str) -> httpx2.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


async def listed(client: httpx2.AsyncClient, path: str) -> list[dict[str, Any]]:
    found = accepted(await client.get(path, params={"limit": 1000}))
    assert found["next_cursor"] is None
    items: list[dict[str, Any]] = found["items"]
    return items


async def count(client: httpx2.AsyncClient, path: str = "/v1/swarms") -> int:
    return len(await listed(client, path))


async def ended(client: httpx2.AsyncClient, swarm_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            swarm: dict[str, Any] = accepted(await client.get(f"/v1/swarms/{swarm_id}"))
            if swarm["ended_at"] is not None:
                return swarm
            await asyncio.sleep(0.005)


def conflict(response: httpx2.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict"), response.text
    assert REPLAYED not in response.headers


@pytest.mark.parametrize("name", STARTS)
async def test_a_repeated_request_gets_the_same_answer_and_does_nothing(
    client: httpx2.AsyncClient, stage: Stage, key: str, name: str
) -> None:
    path, body = STARTS[name]
    first = await send(client, path, body, key)
    assert first.status_code < 300, first.text
    if "swarm_id" in first.json() and first.json()["swarm_id"]:
        await ended(client, first.json()["swarm_id"])
    calls, runs, agents = len(stage.provider.calls), await count(client), await count(client, "/v1/agents")

    again = [await send(client, path, body, key) for _ in range(3)]

    assert REPLAYED not in first.headers
    for response in again:
        assert (response.status_code, response.content) == (first.status_code, first.content)
        assert response.headers[REPLAYED] == "true"
        assert response.headers["content-type"] == first.headers["content-type"]
    assert (len(stage.provider.calls), await count(client), await count(client, "/v1/agents")) == (calls, runs, agents)


@pytest.mark.parametrize("name", STARTS)
async def test_of_a_hundred_at_once_one_does_the_work(
    client: httpx2.AsyncClient, stage: Stage, key: str, name: str
) -> None:
    path, body = STARTS[name]
    calls, runs, agents = len(stage.provider.calls), await count(client), await count(client, "/v1/agents")

    responses = await asyncio.gather(*(send(client, path, body, key) for _ in range(100)))

    assert {response.status_code for response in responses} <= {200, 201, 202}
    assert len({response.content for response in responses}) == 1
    assert sum(REPLAYED not in response.headers for response in responses) == 1
    assert await count(client) == runs + (name in RUNS)
    assert await count(client, "/v1/agents") == agents + (name == "an orchestrator")
    if name in RUNS:
        newest = accepted(await client.get("/v1/swarms?limit=1"))["items"][0]["swarm_id"]
        await ended(client, newest)
    made = len(body.get("tasks", [body])) if name in RUNS else int(name == "a chat")
    assert len(stage.provider.calls) == calls + made


@pytest.mark.parametrize("name", STARTS)
async def test_another_request_with_the_key_is_a_conflict(client: httpx2.AsyncClient, key: str, name: str) -> None:
    path, body = STARTS[name]
    assert (await send(client, path, body, key)).status_code < 300
    runs = await count(client)
    other = body | {"model": "another"}

    answer = await send(client, path, other, key)

    if name == "a chat":
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")
    else:
        conflict(answer)
        conflict(await send(client, f"{path}{'&' if '?' in path else '?'}more=1", body, key))
    assert await count(client) == runs
    assert (await send(client, path, body, key)).status_code < 300


async def test_of_two_requests_at_once_with_the_key_the_second_is_a_conflict(
    client: httpx2.AsyncClient, stage: Stage, key: str
) -> None:
    body = {"id": key, **TASK}
    stage.hold(key)
    first = asyncio.create_task(send(client, "/v1/agents/execute", body, key))
    await stage.until_running(key)

    conflict(await send(client, "/v1/agents/execute", body | {"prompt": "Else."}, key))
    second = asyncio.create_task(send(client, "/v1/agents/execute", body, key))
    stage.release(key)

    assert accepted(await first) == accepted(await second)
    assert stage.order(key) == [key]


async def test_white_space_the_order_of_keys_and_how_long_to_wait_make_no_other_request(
    client: httpx2.AsyncClient, key: str
) -> None:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    texts = (
        '{"name":"n","tasks":[{"id":"a","prompt":"x"}]}',
        ' {"tasks": [{"prompt": "\\u0078", "id": "a"}], "name": "n"}\n',
    )
    first = await client.post("/v1/swarms?wait=20", content=texts[0], headers=headers)
    second = await client.post("/v1/swarms?wait=10", content=texts[1], headers=headers)

    assert accepted(first, 201) == accepted(second, 201)
    conflict(await client.post("/v1/swarms", content=texts[0], headers=headers))


async def test_the_answer_is_that_of_the_first_whatever_happened_since(
    client: httpx2.AsyncClient, stage: Stage, key: str
) -> None:
    body = {"tasks": [{"id": key, **TASK}]}
    stage.hold(key)
    first = await send(client, "/v1/swarms", body, key)
    swarm_id = accepted(first, 201)["swarm_id"]
    accepted(await client.patch(f"/v1/swarms/{swarm_id}", json={"max_parallel_agents": 3, "priority": 9}))
    stage.release(key)
    await ended(client, swarm_id)

    again = await send(client, "/v1/swarms", body, key)

    assert again.content == first.content
    assert again.json()["status"] == "running"


async def test_an_answer_does_not_depend_on_what_the_request_named(client: httpx2.AsyncClient, key: str) -> None:
    accepted(await client.post("/v1/agents/create", json={"model": "any", "name": "short-lived"}), 201)
    body = {"tasks": [TASK], "orchestrator_id": "short-lived"}
    first = await send(client, "/v1/agents/batch-execute", body, key)
    assert (await client.delete("/v1/agents/short-lived")).status_code == 204

    again = await send(client, "/v1/agents/batch-execute", body, key)

    assert accepted(again) == accepted(first)


@pytest.mark.parametrize("name", [name for name in STARTS if name != "a barrier that fails"])
async def test_a_refused_request_leaves_its_key_free(client: httpx2.AsyncClient, key: str, name: str) -> None:
    path, body = STARTS[name]
    wrong = body | ({"model": 5} if name in {"an orchestrator", "a chat"} else {"priority": "most", "tasks": [5]})
    wrong |= {"task_type": 5}
    for _ in range(2):
        refused = await send(client, path, wrong, key)
        assert refused.status_code in {400, 422}, refused.text
        assert REPLAYED not in refused.headers

    first = await send(client, path, body, key)

    assert first.status_code < 300, first.text
    assert REPLAYED not in first.headers


async def test_an_unknown_orchestrator_leaves_the_key_free(client: httpx2.AsyncClient, key: str) -> None:
    body = {"tasks": [TASK], "orchestrator_id": key}
    answers = await asyncio.gather(*(send(client, "/v1/agents/batch-execute", body, key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {404}
    accepted(await client.post("/v1/agents/create", json={"model": "any", "name": key}), 201)

    assert accepted(await send(client, "/v1/agents/batch-execute", body, key))["summary"]["successful"] == 1


async def test_a_failed_call_is_not_kept_and_those_that_waited_for_it_fail_alike(
    client: httpx2.AsyncClient, stage: Stage, key: str
) -> None:
    path, body = STARTS["a chat"]
    calls, begun, all_wait = len(stage.provider.calls), 0, asyncio.Event()
    start = IdempotencyService.start

    async def counted(self: IdempotencyService, request: KeyedRequest | None, begin: Begin) -> Outcome:
        nonlocal begun
        begun += 1
        if begun == 20:
            all_wait.set()
        return await start(self, request, begin)

    async def refuse(_: Call) -> None:
        await all_wait.wait()  # who comes after the failure tries again
        raise Refused("no", status=400)

    with (
        mock.patch.object(stage.provider, "_behaviour", refuse),
        mock.patch.object(IdempotencyService, "start", counted),
    ):
        async with asyncio.timeout(30):
            answers = await asyncio.gather(*(send(client, path, body, key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {400}
    assert len(stage.provider.calls) == calls + 1

    answer = await send(client, path, body, key)

    assert (answer.status_code, REPLAYED in answer.headers) == (200, False)


@pytest.mark.parametrize("path", ["retry", "tasks/{task}/retry"])
async def test_tasks_are_retried_once_for_a_key(client: httpx2.AsyncClient, stage: Stage, key: str, path: str) -> None:
    task = key.replace("/", "-")
    stage.fail(task)
    body = {"tasks": [{"id": task, **TASK}]}
    swarm_id = accepted(await client.post("/v1/swarms?wait=20", json=body), 201)["swarm_id"]
    path = f"/v1/swarms/{swarm_id}/{path.format(task=task)}"

    first, *again = await asyncio.gather(*(send(client, path, {}, key) for _ in range(20)))
    await ended(client, swarm_id)
    again.append(await send(client, path, {}, key))

    assert first.status_code == 202, first.text
    assert {response.content for response in again} == {first.content}
    assert len(stage.order(task)) == 2
    conflict(await send(client, path, {"states": ["cancelled"]}, key))
    assert (await send(client, path, {}, key + "2")).status_code == 202
    await ended(client, swarm_id)
    assert len(stage.order(task)) == 3


@pytest.mark.parametrize(
    "value", ["", "x" * 256, "tab\tinside", "ü".encode(), b"\x7f"], ids=["empty", "long", "tab", "utf-8", "delete"]
)
@pytest.mark.parametrize("name", [*STARTS, "cancel", "a ticket"])
async def test_a_key_of_another_form_is_refused(client: httpx2.AsyncClient, name: str, value: str | bytes) -> None:
    further: dict[str, tuple[str, dict[str, Any]]] = {
        "cancel": ("/v1/swarms/x/cancel", {}),
        "a ticket": ("/v1/stream-tickets", {}),
    }
    path, body = (STARTS | further)[name]
    header: Any = (b"Idempotency-Key", value) if isinstance(value, bytes) else ("Idempotency-Key", value)
    answer = await client.post(path, json=body, headers=[header])

    if name == "a chat":
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, "Idempotency-Key")
    else:
        assert pointers(answer) == ["/Idempotency-Key"]


async def test_every_printable_character_makes_a_key(client: httpx2.AsyncClient) -> None:
    printable = "".join(map(chr, range(0x21, 0x7F)))
    for key in (printable, "two words", "x" * 255):
        path, body = STARTS["a run"]
        first, again = [await send(client, path, body, key) for _ in range(2)]
        assert accepted(first, 201) == accepted(again, 201)


async def test_a_request_that_can_be_repeated_takes_any_key(client: httpx2.AsyncClient, key: str) -> None:
    swarm_id = accepted(await client.post("/v1/swarms?wait=20", json={"tasks": [TASK]}), 201)["swarm_id"]

    assert (await send(client, f"/v1/swarms/{swarm_id}/cancel", {}, key)).status_code == 202
    assert (await send(client, "/v1/stream-tickets", {}, key)).status_code == 201
    assert (await send(client, "/v1/agents/clear-memory", {}, key)).status_code == 200


async def test_a_deleted_run_frees_its_key(client: httpx2.AsyncClient, key: str) -> None:
    path, body = STARTS["a run, waited for"]
    first = accepted(await send(client, path, body, key), 201)
    assert (await client.delete(f"/v1/swarms/{first['swarm_id']}")).status_code == 204

    second = await send(client, path, body, key)

    assert accepted(second, 201)["swarm_id"] != first["swarm_id"]
    assert REPLAYED not in second.headers


@pytest.mark.parametrize("name", STARTS)
async def test_after_a_restart_the_answer_is_the_same(tmp_path: Path, name: str) -> None:
    path, body = STARTS[name]
    stage = Stage()
    async with in_process(tmp_path, provider=stage.provider) as client:
        accepted(await client.post("/v1/agents/create", json={"model": "any", "name": "boss"}), 201)
        first = await send(client, path, body, "k")
        if name in RUNS:
            await ended(client, accepted(await client.get("/v1/swarms"))["items"][0]["swarm_id"])
    calls = len(stage.provider.calls)

    async with in_process(tmp_path, provider=stage.provider) as client:
        again = await send(client, path, body, "k")

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers[REPLAYED] == "true"
    assert len(stage.provider.calls) == calls
