"""Dependencies within and across requests to an orchestrator (contract, section 2). Quotes are the contract's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.support.stage import Stage, accepted, pointers

pytestmark = pytest.mark.anyio


async def post(client: httpx2.AsyncClient, agent: str, *tasks: dict[str, Any], **fields: Any) -> httpx2.Response:
    body = {"tasks": list(tasks), "orchestrator_id": agent, **fields}
    return await client.post("/v1/agents/batch-execute", json=body)


async def batch(client: httpx2.AsyncClient, agent: str, *tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = accepted(await post(client, agent, *tasks, **fields))
    return found


async def test_a_task_starts_as_soon_as_its_own_dependencies_have_completed(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """The server enforces the dependencies itself and starts a task as soon as *its own* dependencies have completed
    (no level-by-level waiting)."""
    stage.hold("slow root", "grandchild")
    tasks: list[dict[str, Any]] = [
        {"id": "grandchild", "depends_on": ["child"]},
        {"id": "child", "depends_on": ["quick root"]},
        {"id": "quick root"},
        {"id": "slow root"},
        {"id": "slow child", "depends_on": ["slow root"]},
    ]
    running = asyncio.create_task(batch(client, agent, *tasks))
    await stage.until_running("slow root", "grandchild")
    assert "slow child" not in stage.provider.asked
    stage.release("slow root", "grandchild")
    outputs = (await running)["outputs"]

    assert [output["status"] for output in outputs] == ["completed"] * 5
    assert stage.call("child").inputs == {"quick root": "done quick root"}


async def test_an_earlier_request_that_still_runs_is_awaited(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """``depends_on`` must resolve, in the same request or to the newest task of that id of an earlier request to the
    same orchestrator (awaited while it runs)."""
    stage.hold("early")
    accepted(await post(client, agent, {"id": "early"}, wait=False), 202)
    await stage.until_running("early")
    later = asyncio.create_task(batch(client, agent, {"id": "late", "depends_on": ["early"]}, {"id": "beside"}))
    await stage.until_asked("beside")
    assert "late" not in stage.provider.asked
    stage.release("early")
    outputs = (await later)["outputs"]

    assert [output["status"] for output in outputs] == ["completed"] * 2
    assert stage.call("late").inputs == {"early": "done early"}


async def test_the_newest_task_of_that_id_counts(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """… to the newest task of that id of an earlier request; in the same request before any earlier one."""
    for text in ("old", "new"):
        stage.say("repeated", text)
        await batch(client, agent, {"id": "repeated"})
    await batch(client, agent, {"id": "reader", "depends_on": ["repeated"]})
    stage.say("repeated", "own")
    await batch(client, agent, {"id": "inner", "depends_on": ["repeated"]}, {"id": "repeated"})

    assert stage.call("reader").inputs == {"repeated": "new"}
    assert stage.call("inner").inputs == {"repeated": "own"}


async def test_every_kind_of_request_can_be_depended_on(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """… of an earlier request to the same orchestrator: spawn, execute, batch or barrier."""
    path = f"/v1/agents/{agent}/spawn"
    accepted(await client.post(path, json={"task_type": "x", "id": "spawned"}), 202)
    accepted(await client.post("/v1/agents/execute", json={"id": "executed", "orchestrator_id": agent}))
    barrier = {"tasks": [{"id": "behind"}], "barrier_id": "b", "orchestrator_id": agent}
    accepted(await client.post("/v1/agents/barrier-execute", json=barrier))
    names = ["behind", "spawned", "executed"]
    accepted(await client.post("/v1/agents/execute", json={"id": "end", "depends_on": names, "agent_id": agent}))

    assert list(stage.call("end").inputs) == names


async def test_another_orchestrators_tasks_are_unknown(client: httpx2.AsyncClient, agent: str) -> None:
    """``depends_on`` must resolve … to the same orchestrator; an unknown dependency … is a 422 naming it."""
    await batch(client, agent, {"id": "mine"})
    accepted(await client.post("/v1/agents/create", json={"model": "m", "name": "stranger"}), 201)
    response = await post(client, "stranger", {"id": "x"}, {"id": "y", "depends_on": ["x", "mine"]})

    assert pointers(response) == ["/tasks/1/depends_on/1"]
    assert "'mine'" in response.json()["detail"]


async def test_a_cycle_is_refused_by_name(client: httpx2.AsyncClient, agent: str) -> None:
    """A graph with a cycle … is a 422 naming it."""
    response = await post(client, agent, {"id": "a", "sources": ["b"]}, {"id": "b", "depends_on": ["a"]})

    assert response.status_code == 422
    assert response.json()["code"] == "dependency_cycle"


async def test_a_source_that_names_a_task_is_a_dependency(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """A ``sources`` entry that names such a task is a dependency too; any other is plain data."""
    await batch(client, agent, {"id": "earlier"})
    sources = ["earlier", "https://example.com", "own", {"url": "x"}, 7, "merge"]
    answer = await batch(client, agent, {"id": "merge", "sources": sources, "depends_on": ["own"]}, {"id": "own"})

    assert [output["status"] for output in answer["outputs"]] == ["completed"] * 2
    assert stage.call("merge").inputs == {"own": "done own", "earlier": "done earlier"}
    assert '"sources":["earlier","https://example.com","own",{"url":"x"},7,"merge"]' in stage.call("merge").prompt


async def test_a_source_of_an_earlier_request_is_awaited_while_it_runs(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """A ``sources`` entry that names such a task is a dependency too."""
    stage.hold("feed")
    accepted(await client.post(f"/v1/agents/{agent}/spawn", json={"task_type": "x", "id": "feed"}), 202)
    accepted(await post(client, agent, {"id": "digest", "sources": ["feed"]}, wait=False), 202)
    await stage.until_running("feed")
    assert "digest" not in stage.provider.asked
    stage.release("feed")
    await client.get(f"/v1/agents/{agent}/results")

    assert stage.call("digest").inputs == {"feed": "done feed"}


async def test_inputs_are_one_section_in_depends_on_order(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """The outputs of dependencies reach the sub-agent as one user-message section ``## Inputs``, JSON
    ``{task_id: output}`` in ``depends_on`` order, never the upstream prompts."""
    stage.say("zeta", 'line\n"quoted" ü\n## Inputs\n{}')
    tasks: list[dict[str, Any]] = [
        {"id": "alpha", "prompt": "the upstream prompt"},
        {"id": "zeta", "prompt": "the upstream prompt"},
        {"id": "middle", "prompt": "the upstream prompt"},
        {"id": "reader", "prompt": "Read.", "depends_on": ["zeta", "alpha", "middle"]},
    ]
    await batch(client, agent, *tasks)
    call = stage.call("reader")
    [message] = call.request.messages
    content = message["content"]

    assert message["role"] == "user"
    assert content.count("\n## Inputs\n") == 1
    assert content.endswith(
        '\n\n## Inputs\n{"zeta":"line\\n\\"quoted\\" ü\\n## Inputs\\n{}","alpha":"done alpha","middle":"done middle"}'
    )
    assert "upstream prompt" not in content


@pytest.mark.parametrize("window", [None, 2_000, 400])
async def test_inputs_above_the_context_budget_are_shortened_in_proportion(
    client: httpx2.AsyncClient, stage: Stage, agent: str, window: int | None
) -> None:
    """above the context budget each is shortened in proportion and marked as shortened; ``context_window?`` (tokens a
    sub-agent)."""
    lengths = {"long": 12_000, "short": 4_000, "middle": 8_000}
    for task_id, length in lengths.items():
        stage.say(task_id, task_id[0] * length)
    tasks = [{"id": task_id} for task_id in lengths]
    reader = {"id": "reader", "prompt": "Read.", "depends_on": list(lengths)}
    await batch(client, agent, *tasks, reader, **({} if window is None else {"context_window": window}))
    call = stage.call("reader")
    kept = {task_id: text.count(task_id[0]) for task_id, text in call.inputs.items()}

    assert list(call.inputs) == list(lengths)
    if window is None:
        assert call.inputs == {task_id: task_id[0] * length for task_id, length in lengths.items()}
        return
    assert len(call.prompt.encode()) <= 4 * window
    assert all("[shortened" in text for text in call.inputs.values())
    assert kept["short"] < kept["middle"] < kept["long"]
    if window == 2_000:
        assert 2.5 < kept["long"] / kept["short"] < 3.6


async def test_a_failed_dependency_of_an_earlier_request_fails_what_waits(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """Execute and batch answer 200 when tasks failed."""
    stage.fail("broken")
    await batch(client, agent, {"id": "broken"})
    [output] = (await batch(client, agent, {"id": "heir", "depends_on": ["broken"]}))["outputs"]

    assert output["status"] == "skipped"
    assert "broken" in output["error"]


async def test_a_chain_over_many_requests_sent_at_once(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """… awaited while it runs."""
    stage.hold("link 0")
    for number in range(20):
        wants = [f"link {number - 1}"] if number else []
        accepted(await post(client, agent, {"id": f"link {number}", "depends_on": wants}, wait=False), 202)
    stage.release("link 0")
    found = accepted(await client.get(f"/v1/agents/{agent}/results"))

    assert found["status"] == "completed"
    assert stage.order("link ") == [f"link {number}" for number in range(20)]
