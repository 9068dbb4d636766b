"""Does with the SDK what programs do: ``smoke.py SERVICE_URL API_KEY``. Ends with 0 when all of it went as it must.

``tests/e2e/sdk`` runs it against a service.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from swarmd_client import ApiProblem, AuthenticatedClient, ok, stream_agent, stream_swarm
from swarmd_client.api.agents import create_agent, execute_batch
from swarmd_client.api.gateway import create_chat_completion
from swarmd_client.api.operations import get_health
from swarmd_client.api.swarms import (
    cancel_swarm,
    create_swarm,
    delete_swarm,
    export_swarm,
    get_swarm,
    get_swarm_results,
    list_swarms,
    list_tasks,
)
from swarmd_client.models import (
    AgentCreate,
    BatchExecute,
    BatchOut,
    ChatCompletion,
    ChatCompletionCreate,
    Problem,
    SwarmConfigIn,
    SwarmCreate,
    TaskIn,
    TaskStatus,
)
from swarmd_client.types import UNSET

LEAVES, MERGES = 100, 10


def graph() -> list[TaskIn]:
    """100 tasks, 10 that each wait for ten of them, and one that waits for those."""
    leaves = [TaskIn(id=f"leaf-{n}", prompt="Say something about lakes.") for n in range(LEAVES)]
    merges = [
        TaskIn(id=f"merge-{n}", prompt="Merge.", depends_on=[f"leaf-{m}" for m in range(n, LEAVES, MERGES)])
        for n in range(MERGES)
    ]
    return [*leaves, *merges, TaskIn(id="report", prompt="Report.", depends_on=[f"merge-{n}" for n in range(MERGES)])]


async def run_a_graph(url: str, key: str) -> None:
    async with AuthenticatedClient(base_url=url, token=key) as client:
        await follow_a_graph(client)
        await meet_refusals(client, url)


async def follow_a_graph(client: AuthenticatedClient) -> None:
    config = SwarmConfigIn(max_parallel_agents=50)
    agent = ok(
        await create_agent.asyncio_detailed(
            client=client, body=AgentCreate(name="python-sdk", model="offline", swarm_config=config)
        )
    )
    body = SwarmCreate(agent=agent.agent_id, name="100-10-1", tasks=graph())
    swarm = ok(await create_swarm.asyncio_detailed(client=client, body=body, idempotency_key="python-sdk-1"))
    again = ok(await create_swarm.asyncio_detailed(client=client, body=body, idempotency_key="python-sdk-1"))
    assert again.swarm_id == swarm.swarm_id

    async with stream_swarm(client, swarm.swarm_id) as stream:
        events = [event async for event in stream if event.type_ != "metrics_snapshot"]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type_, events[-1].type_) == ("swarm_started", "swarm_completed")
    assert events[-1]["status"] == "completed"
    assert stream.after == str(len(events))
    assert sum(event.type_ == "agent_completed" for event in events) == LEAVES + MERGES + 1
    rest = [event async for event in stream_swarm(client, swarm.swarm_id, after=len(events) - 3)]
    assert [event for event in rest if event.type_ != "metrics_snapshot"] == events[-3:]

    # The orchestrator's stream has the same events, and a cursor in each; it does not end by itself.
    async with stream_agent(client, agent.agent_id) as merged:
        async for event in merged:
            if event.type_ == "swarm_completed":
                assert merged.after == event["cursor"]
                break

    done = ok(await get_swarm.asyncio_detailed(swarm.swarm_id, client=client))
    assert (done.status, done.counts.completed, done.counts.total) == ("completed", 111, 111)
    results = ok(await get_swarm_results.asyncio_detailed(swarm.swarm_id, client=client))
    assert len(results.outputs) == 111
    assert all(output.status == TaskStatus.COMPLETED and output.output for output in results.outputs)
    assert results.missing == []
    table = ok(await export_swarm.asyncio_detailed(swarm.swarm_id, client=client))
    assert table.payload.read().startswith(b"task_id,")
    print("graph: 111 tasks,", len(events), "events")


def page_through(client: AuthenticatedClient) -> None:
    swarm_id = ok(list_swarms.sync_detailed(client=client, name="100-10-1")).items[0].swarm_id
    task_ids: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor is not None:
        page = ok(list_tasks.sync_detailed(swarm_id, client=client, limit=25, cursor=cursor or UNSET))
        task_ids += [task.task_id for task in page.items]
        pages, cursor = pages + 1, page.next_cursor
    assert (pages, len(set(task_ids))) == (5, 111)
    completed = ok(list_tasks.sync_detailed(swarm_id, client=client, state=TaskStatus.COMPLETED, limit=1000))
    assert len(completed.items) == 111
    print("pages:", pages)


def refusal(attempt: Callable[[], object]) -> Problem:
    try:
        attempt()
    except ApiProblem as refused:
        return refused.problem
    raise AssertionError("it was taken")


def meet_errors(client: AuthenticatedClient) -> None:
    answer = get_swarm.sync("swm_unknown", client=client)
    assert isinstance(answer, Problem)
    assert (answer.status, answer.code) == (404, "not_found")
    body = SwarmCreate(
        tasks=[TaskIn(id="a", prompt="x", depends_on=["b"]), TaskIn(id="b", prompt="x", depends_on=["a"])]
    )
    problem = refusal(lambda: ok(create_swarm.sync_detailed(client=client, body=body)))
    assert problem.status == 422
    assert problem.errors
    assert problem.errors[0].pointer.startswith("/tasks")
    print("errors: typed")


async def meet_refusals(client: AuthenticatedClient, url: str) -> None:
    async with AuthenticatedClient(base_url=url, token="sk-wrong") as stranger:
        for stream, status in (
            (stream_swarm(stranger, "swm_unknown"), 401),
            (stream_swarm(client, "swm_unknown"), 404),
            (stream_agent(client, "no one"), 404),
            (stream_swarm(client, "swm_unknown", after=-1), 422),
        ):
            [refused] = await asyncio.gather(anext(stream), return_exceptions=True)
            assert isinstance(refused, ApiProblem), refused
            assert refused.problem.status == status
        refused_answer = await list_swarms.asyncio_detailed(client=stranger)
        assert isinstance(refused_answer.parsed, Problem)
        assert refused_answer.parsed.status == 401


def cancel(client: AuthenticatedClient) -> None:
    body = SwarmCreate.from_dict(
        {"tasks": [{"id": "later", "prompt": "x"}], "start_at": "2026-12-31T00:00:00Z", "name": "to cancel"}
    )
    swarm = ok(create_swarm.sync_detailed(client=client, body=body))
    cancelled = ok(cancel_swarm.sync_detailed(swarm.swarm_id, client=client))
    assert cancelled.status == "cancelled"
    ok(delete_swarm.sync_detailed(swarm.swarm_id, client=client))
    assert isinstance(get_swarm.sync(swarm.swarm_id, client=client), Problem)
    print("cancel: done")


def other_ways_in(client: AuthenticatedClient) -> None:
    batch = ok(
        execute_batch.sync_detailed(
            client=client,
            body=BatchExecute.from_dict({"tasks": [{"id": "one", "type": "summary", "source": "a text"}]}),
        )
    )
    assert isinstance(batch, BatchOut)
    assert [output.status for output in batch.outputs] == ["completed"]
    chat = ok(
        create_chat_completion.sync_detailed(
            client=client,
            body=ChatCompletionCreate.from_dict(
                {"model": "offline", "messages": [{"role": "user", "content": "Hello"}]}
            ),
        )
    )
    assert isinstance(chat, ChatCompletion)
    assert chat.choices[0]["message"]["content"]
    health = get_health.sync(client=client)
    assert not isinstance(health, Problem)
    assert health is not None
    print("batch, chat and health: answered")


def main(url: str, key: str) -> None:
    asyncio.run(run_a_graph(url, key))
    with AuthenticatedClient(base_url=url, token=key) as client:
        page_through(client)
        meet_errors(client)
        cancel(client)
        other_ways_in(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
