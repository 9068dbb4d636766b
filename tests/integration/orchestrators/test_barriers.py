"""Barrier-execute and barrier-status (contract, section 2). Quotes are the contract's."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from app.api.schemas.batches import BarrierExecuted, BarrierOut
from tests.support.stage import Stage, accepted, pointers

pytestmark = pytest.mark.anyio


async def post(
    client: httpx2.AsyncClient, agent: str, barrier_id: Any, *task_ids: str, **fields: Any
) -> httpx2.Response:
    tasks = fields.pop("tasks", [{"id": task_id} for task_id in task_ids])
    body = {"tasks": tasks, "barrier_id": barrier_id, "orchestrator_id": agent, **fields}
    return await client.post("/v1/agents/barrier-execute", json=body)


async def barrier(
    client: httpx2.AsyncClient, agent: str, barrier_id: Any, *task_ids: str, **fields: Any
) -> dict[str, Any]:
    response = await post(client, agent, barrier_id, *task_ids, **fields)
    found: dict[str, Any] = accepted(response, 200 if fields.get("wait_for_completion", True) else 202)
    BarrierExecuted.model_validate_json(response.content)
    return found


async def status(client: httpx2.AsyncClient, barrier_id: Any, agent: str | None = None) -> dict[str, Any]:
    params = {"orchestrator_id": agent} if agent else {}
    response = await client.get(f"/v1/agents/barrier-status/{quote(str(barrier_id), safe='')}", params=params)
    found: dict[str, Any] = accepted(response)
    BarrierOut.model_validate_json(response.content)
    return found


async def until(client: httpx2.AsyncClient, barrier_id: Any, agent: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (found := await status(client, barrier_id, agent))["state"] != state:
            await asyncio.sleep(0.005)
    return found


async def test_a_barrier_waits_for_all_its_tasks(client: httpx2.AsyncClient, agent: str) -> None:
    """``tasks[]``, ``barrier_id``, ``wait_for_completion`` …: ``{"barrier_id","state","outputs",…}``."""
    done = await barrier(client, agent, "phase_1", "b", "a", wait_for_completion=True)
    asked = await status(client, "phase_1", agent)

    assert (done["barrier_id"], done["state"], done["error"]) == ("phase_1", "completed", None)
    assert [(output["id"], output["output"]) for output in done["outputs"]] == [("b", "done b"), ("a", "done a")]
    assert set(asked) >= {"barrier_id", "state", "error", "total", "completed", "failed"}
    assert (asked["barrier_id"], asked["state"], asked["error"]) == ("phase_1", "completed", None)
    assert (asked["total"], asked["completed"], asked["failed"]) == (2, 2, 0)


async def test_a_barrier_in_the_background_is_polled(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``"state": "pending"|"running"|"completed"|"failed"`` …."""
    stage.hold("held")
    begun = await barrier(client, agent, "bg", "held", "free", wait_for_completion=False)
    await stage.until_running("held")
    running = await until(client, "bg", agent, "running")
    stage.release("held")
    done = await until(client, "bg", agent, "completed")

    assert begun["state"] in {"pending", "running"}
    assert begun["swarm_id"] == running["swarm_id"] == done["swarm_id"]
    assert (running["total"], running["failed"]) == (2, 0)
    assert done["completed"] == 2


async def test_a_barrier_whose_tasks_all_wait_is_pending(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``"state": "pending"`` …."""
    stage.hold("far")
    accepted(await client.post(f"/v1/agents/{agent}/spawn", json={"task_type": "x", "id": "far"}), 202)
    tasks = [{"id": "near", "depends_on": ["far"]}]
    await barrier(client, agent, "later", tasks=tasks, wait_for_completion=False, dependency_check="lenient")
    assert (await status(client, "later", agent))["state"] == "pending"
    stage.release("far")

    assert (await until(client, "later", agent, "completed"))["completed"] == 1


@pytest.mark.parametrize(("sent", "echoed"), [("0", "0"), ("barrier_0", "barrier_0"), (0, 0)])
async def test_barrier_0_and_0_name_the_same_barrier(
    client: httpx2.AsyncClient, agent: str, sent: Any, echoed: Any
) -> None:
    """``barrier_0`` and ``0`` name the same barrier."""
    made = await barrier(client, agent, sent, "t")

    assert made["barrier_id"] == echoed
    for name in ("0", "barrier_0"):
        asked = await status(client, name, agent)
        assert (asked["barrier_id"], asked["swarm_id"]) == (name, made["swarm_id"])


async def test_a_barrier_with_any_failed_task_is_failed(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """A barrier with any failed task is ``failed``."""
    stage.fail("broken")
    tasks = [{"id": "fine"}, {"id": "broken"}, {"id": "heir", "depends_on": ["broken"]}]
    done = await barrier(client, agent, "b", tasks=tasks)
    asked = await status(client, "b", agent)

    assert done["state"] == asked["state"] == "failed"
    assert [output["status"] for output in done["outputs"]] == ["completed", "failed", "skipped"]
    assert isinstance(asked["error"], str)
    assert (asked["total"], asked["completed"], asked["failed"]) == (3, 1, 2)


async def test_strict_wants_every_earlier_barrier_completed(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """ "strict": every earlier barrier's tasks … must have completed, else it fails and says which; … a failed strict
    check answers 200 with ``state: "failed"``."""
    stage.fail("bad")
    await barrier(client, agent, "phase_1", "ok")
    await barrier(client, agent, "phase_2", "bad")
    refused = await barrier(client, agent, "phase_10", "never", dependency_check="strict")
    asked = await status(client, "phase_10", agent)

    assert refused["state"] == asked["state"] == "failed"
    assert "phase_2" in refused["error"]
    assert "phase_1'" not in refused["error"]
    assert refused["outputs"] == []
    assert asked["total"] == 1
    assert "never" not in stage.provider.asked


async def test_strict_is_the_default_and_a_running_barrier_has_not_completed(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """ "strict": every earlier barrier's tasks … must have completed."""
    stage.hold("running still")
    await barrier(client, agent, 1, "running still", wait_for_completion=False)
    refused = await barrier(client, agent, 2, "x")
    stage.release("running still")
    await until(client, 1, agent, "completed")

    assert refused["state"] == "failed"
    assert "barrier_1" in refused["error"]
    assert (await barrier(client, agent, 2, "x"))["state"] == "completed"


async def test_lenient_asks_no_earlier_barrier(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``dependency_check`` ("strict" …; "lenient")."""
    stage.fail("bad one")
    await barrier(client, agent, "p1", "bad one")

    assert (await barrier(client, agent, "p2", "x", dependency_check="lenient"))["state"] == "completed"


async def test_earlier_is_same_orchestrator_same_prefix_smaller_number_newest_run(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """ "earlier" = same orchestrator, same name prefix, smaller trailing number, newest run."""
    other = f"{agent} of another"
    accepted(await client.post("/v1/agents/create", json={"model": "m", "name": other}), 201)
    stage.fail("no")
    await barrier(client, agent, "step_1", "no")
    await barrier(client, agent, "step_1", "yes")  # the newest run counts
    await barrier(client, agent, "step_3", "no", dependency_check="lenient")  # a larger number
    await barrier(client, agent, "phase_1", "no")  # another prefix
    await barrier(client, agent, "step", "no")  # no number
    await barrier(client, other, "step_1", "no")  # another orchestrator

    assert (await barrier(client, agent, "step_2", "x"))["error"] is None


@pytest.mark.parametrize("field", ["depends_on", "sources"])
async def test_strict_wants_every_named_dependency_completed(
    client: httpx2.AsyncClient, stage: Stage, agent: str, field: str
) -> None:
    """… and every named dependency must have completed, else it fails and says which. A ``sources`` entry that names
    such a task is a dependency too."""
    name = f"pending {field}"
    stage.hold(name)
    accepted(await client.post(f"/v1/agents/{agent}/spawn", json={"task_type": "x", "id": name}), 202)
    tasks = [{"id": "own"}, {"id": "heir", field: [name, "own"]}]
    refused = await barrier(client, agent, "b", tasks=tasks, dependency_check="strict")
    stage.release(name)
    await client.get(f"/v1/agents/{agent}/results")
    allowed = await barrier(client, agent, "b", tasks=tasks, dependency_check="strict")

    assert refused["state"] == "failed"
    assert name in refused["error"]
    assert "own" not in refused["error"]
    assert allowed["state"] == "completed"


async def test_an_unknown_dependency_fails_strict_and_is_refused_by_lenient(
    client: httpx2.AsyncClient, agent: str
) -> None:
    """else it fails and says which; … an unknown dependency … is a 422 naming it."""
    tasks = [{"id": "a", "depends_on": ["nobody"], "sources": ["plain data"]}]
    strict = await barrier(client, agent, "b", tasks=tasks)
    lenient = await post(client, agent, "b", tasks=tasks, dependency_check="lenient")

    assert strict["state"] == "failed"
    assert "'nobody'" in strict["error"]
    assert "plain data" not in strict["error"]
    assert pointers(lenient) == ["/tasks/0/depends_on/0"]


async def test_reusing_an_id_starts_anew(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """reusing an id starts anew."""
    stage.fail("turns")
    first = await barrier(client, agent, "again", "turns")
    stage.say("turns", "well")
    second = await barrier(client, agent, "again", "turns")
    asked = await status(client, "again", agent)

    assert (first["state"], second["state"]) == ("failed", "completed")
    assert asked["swarm_id"] == second["swarm_id"] != first["swarm_id"]
    assert asked["state"] == "completed"


async def test_an_answer_is_about_its_own_run(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """reusing an id starts anew: who still waits for the run before hears of that one."""
    stage.hold("old run", "new run")
    waiting = asyncio.create_task(barrier(client, agent, "shared", "old run"))
    await stage.until_running("old run")
    newer = await barrier(client, agent, "shared", "new run", wait_for_completion=False)
    stage.release("old run")
    older = await waiting
    stage.release("new run")
    await until(client, "shared", agent, "completed")

    assert older["state"] == "completed"
    assert older["swarm_id"] == older["outputs"][0]["swarm_id"] != newer["swarm_id"]


async def test_status_looks_across_the_tenant_and_orchestrator_id_narrows(
    client: httpx2.AsyncClient, agent: str
) -> None:
    """Looks across the tenant, newest first; ``?orchestrator_id=`` narrows."""
    other = f"{agent} two"
    accepted(await client.post("/v1/agents/create", json={"model": "m", "name": other}), 201)
    older = await barrier(client, agent, "everywhere", "x")
    newer = await barrier(client, other, "everywhere", "x")

    assert (await status(client, "everywhere"))["swarm_id"] == newer["swarm_id"]
    assert (await status(client, "everywhere", agent))["swarm_id"] == older["swarm_id"]
    assert (await status(client, "everywhere", other))["swarm_id"] == newer["swarm_id"]


@pytest.mark.parametrize("barrier_id", ["nobody", "77", "a/b", "x" * 256])
@pytest.mark.parametrize("orchestrator", [None, "default", "no such orchestrator"])
async def test_an_unknown_barrier_is_a_404_with_a_state(
    client: httpx2.AsyncClient, barrier_id: str, orchestrator: str | None
) -> None:
    """Unknown: 404 whose problem body *also* has ``"state": "failed"`` and ``"error"``."""
    accepted(await client.post("/v1/agents/execute", json={}))  # makes the default orchestrator
    params = {"orchestrator_id": orchestrator} if orchestrator else {}
    response = await client.get(f"/v1/agents/barrier-status/{quote(barrier_id, safe='')}", params=params)
    body = response.json()

    assert response.status_code == body["status"] == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert body["state"] == "failed"
    assert isinstance(body["error"], str)
    assert body["error"]


@pytest.mark.parametrize("barrier_id", ["a/b", "x y?z#1", "ü", "%2F", "x" * 256], ids=range(5))
async def test_any_name_that_is_taken_can_be_asked_for(client: httpx2.AsyncClient, agent: str, barrier_id: str) -> None:
    await barrier(client, agent, barrier_id, "t")

    assert (await status(client, barrier_id, agent))["state"] == "completed"


@pytest.mark.parametrize("barrier_id", ["", "x" * 257, "x" * 10_000, -1, 1.5, True, None, [], {}])
async def test_a_wrong_barrier_id_is_refused(client: httpx2.AsyncClient, agent: str, barrier_id: Any) -> None:
    """Bad input: a barrier id of 10 kB."""
    response = await post(client, agent, barrier_id, "t")

    assert pointers(response) == ["/barrier_id"]


async def test_a_barrier_id_of_10_kb_in_the_path_is_refused(client: httpx2.AsyncClient) -> None:
    """Bad input: a barrier id of 10 kB."""
    assert (await client.get(f"/v1/agents/barrier-status/{'x' * 10_000}")).status_code in {404, 422}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tasks", []),
        ("tasks", None),
        ("tasks", {}),
        ("wait_for_completion", "yes"),
        ("dependency_check", "maybe"),
        ("orchestrator_id", 5),
    ],
)
async def test_a_wrong_field_is_named(client: httpx2.AsyncClient, field: str, value: Any) -> None:
    """``errors[]`` with a JSON pointer per invalid field."""
    body = {"tasks": [{}], "barrier_id": "b"} | {field: value}

    assert pointers(await client.post("/v1/agents/barrier-execute", json=body)) == [f"/{field}"]
