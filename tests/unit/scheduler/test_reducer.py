"""The reducer: all completed outputs in the order of the request, whatever their number; or level by level."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.domain.facts import AggregateCompleted, MergesPlanned
from app.domain.swarm import SwarmStatus
from app.domain.usage import Usage
from app.ports.doorbell import NEW_SWARMS
from app.ports.provider import ChatRequest, ChatResult, Refused
from app.ports.runs import Command
from app.ports.store import TaskFilter
from app.providers.offline.tokens import cut_to_tokens, estimate_messages, estimate_tokens
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.driving import until
from tests.support.providers import Call, ScriptedProvider, hang
from tests.support.runs import completed, failed, grant, new_swarm, turn
from tests.support.scheduling import Scheduling, machinery, scheduling

pytestmark = pytest.mark.anyio

CONTEXT = 32_768
LARGE = 8_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return place_database(tmp_path / "x.db")


@pytest.mark.parametrize(("count", "broken"), [(2500, 0), (2500, 1), (1, 0)])
async def test_outputs_of_any_number_are_merged_in_order(path: Path, count: int, broken: int) -> None:
    async with open_database(path) as store:
        names: dict[str, list[str]] = {f"t{index}": [] for index in range(count)}
        await store.swarms.create(
            new_swarm(names, max_parallel_agents=count, max_steps=9999, aggregate={"strategy": "concat"})
        )
        [lease] = await store.runs.claim("me", limit=1)
        state = await store.runs.load(lease)
        await store.runs.commit(lease, turn(state, grant(count)))
        facts = [completed(state, index, f'"{index}"') for index in range(broken, count)]
        for task in state.tasks[:broken]:
            task.max_retries = 0
            await store.runs.commit(lease, turn(state, failed(state, task.index)))
        await store.runs.commit(lease, turn(state, *facts))

        fact = await machinery(store, ScriptedProvider()).reducer.reduce(state)

    assert isinstance(fact, AggregateCompleted)
    assert fact.aggregated == "\n\n".join(str(index) for index in range(broken, count))
    assert fact.aggregation == {
        "strategy": "concat",
        "status": "partial" if broken else "completed",
        "inputs": count - broken,
        "missing": [f"t{index}" for index in range(broken)],
        "agreement": None,
        "cost_usd": 0.0,
        "error": None,
    }


# --- with a model ----------------------------------------------------------------------------------------------------


def names(count: int) -> dict[str, list[str]]:
    return {f"t{index}": [] for index in range(count)}


def size_of(request: ChatRequest) -> int:
    """The most tokens that a request may come to, prompt and completion."""
    return estimate_messages(message["content"] for message in request.messages) + (request.max_output_tokens or 0)


def of_tokens(tokens: int | None, call: Call) -> ChatResult:
    """An answer of so many tokens that begins with the id of its task."""
    tokens = tokens or LARGE
    content = cut_to_tokens(f"[{call.task_id}] " + "finding 42. " * (tokens // 2), tokens)
    usage = Usage(prompt_tokens=size_of(call.request), completion_tokens=estimate_tokens(content))
    return ChatResult(content=content, model="scripted", usage=usage)


async def large(call: Call) -> ChatResult:
    return of_tokens(LARGE, call)


def merges(provider: ScriptedProvider) -> list[Call]:
    return [call for call in provider.calls if call.task_id.startswith("~")]


async def events_of(work: Scheduling, swarm_id: str, kind: str) -> list[str]:
    events = await work.store.events.list(swarm_id, after=0, limit=10_000)
    return [event.body for event in events if event.type == kind]


def check_each_is_taken_in_once(calls: Sequence[Call], count: int) -> None:
    """Every output of the run and every merge but the last is an input of exactly one merge."""
    taken = Counter(name for call in calls for name in call.inputs)
    assert set(taken.values()) == {1}
    assert {name for name in taken if not name.startswith("~")} == set(names(count))
    assert {name for name in taken if name.startswith("~")} == {call.task_id for call in calls[:-1]}


async def test_no_merge_of_300_large_outputs_passes_the_context_of_its_model(path: Path) -> None:
    provider = ScriptedProvider(large)
    swarm = new_swarm(
        names(300),
        aggregate={"strategy": "hierarchical"},
        max_output_tokens=LARGE,
        max_parallel_agents=300,
        system_prompt="Be exact.",
        shared_context="All figures are in euros. " * 40,
        goal="Compare the filings. " * 100,
    )
    async with scheduling(path, provider, context_tokens=CONTEXT) as work:
        row = await work.end(await work.add(swarm))

    assert row.status is SwarmStatus.COMPLETED
    assert row.aggregation is not None
    assert (row.aggregation["status"], row.aggregation["inputs"]) == ("completed", 300)
    calls = merges(provider)
    assert max(size_of(call.request) for call in calls) <= CONTEXT
    assert max(size_of(call.request) for call in calls) > CONTEXT * 2 // 3  # nor is half of it left empty
    check_each_is_taken_in_once(calls, 300)
    assert all(len(call.inputs) > 1 for call in calls)
    assert row.aggregated.startswith(f"[{calls[-1].task_id}] ")
    assert not any("[shortened:" in call.prompt for call in calls)
    assert row.counts.total == 300  # merges are not among what the client asked for


async def test_a_merge_has_no_more_inputs_than_the_fan_in(path: Path) -> None:
    provider = ScriptedProvider()
    async with scheduling(path, provider) as work:
        strategy = {"strategy": "hierarchical", "batch_size": 3, "prompt": "Group by year."}
        row = await work.end(await work.add(new_swarm(names(9), aggregate=strategy)))

    assert row.aggregated == f"done {merges(provider)[-1].task_id}"
    assert [len(call.inputs) for call in merges(provider)] == [3, 3, 3, 3]
    assert all("Group by year." in call.prompt for call in merges(provider))
    check_each_is_taken_in_once(merges(provider), 9)


async def test_a_restart_in_the_middle_of_a_level_repeats_no_merge_that_is_done(path: Path) -> None:
    """9 outputs, 3 at once: 3 merges, of which one hangs when the process ends, then the last one."""

    async def behaviour(call: Call) -> None:
        if "t8" in call.inputs:
            await hang(call)

    first = ScriptedProvider(behaviour)
    async with scheduling(path, first) as work:
        swarm_id = await work.add(new_swarm(names(9), aggregate={"strategy": "hierarchical", "batch_size": 3}))
        await until(lambda: len(merges(first)) == 3 and len(first.running) == 1)
        await until_completed(work, swarm_id, 11)

    second = ScriptedProvider()
    async with scheduling(path, second) as work:
        row = await work.end(swarm_id)

    assert [sorted(call.inputs) for call in second.calls] == [
        ["t6", "t7", "t8"],
        sorted(call.task_id for call in merges(first)),
    ]
    assert row.aggregated == f"done {second.calls[-1].task_id}"


async def until_completed(work: Scheduling, swarm_id: str, count: int) -> None:
    async with asyncio.timeout(30):
        while True:
            rows = await work.store.tasks.list(swarm_id, TaskFilter(kind=None), limit=100, cursor=None)
            if sum(row.status == "completed" for row in rows.items) >= count:
                return
            await asyncio.sleep(0.001)


async def test_between_two_levels_only_the_next_one_is_planned(path: Path) -> None:
    """4 outputs, 2 at once; the process is gone when both merges of the first level are stored."""
    async with open_database(path) as store:
        swarm = new_swarm(names(4), aggregate={"strategy": "hierarchical", "batch_size": 2})
        await store.swarms.create(swarm)
        [lease] = await store.runs.claim("me", limit=1)
        state = await store.runs.load(lease)
        reducer = machinery(store, ScriptedProvider()).reducer
        await store.runs.commit(lease, turn(state, grant(4)))
        await store.runs.commit(lease, turn(state, *(completed(state, index) for index in range(4))))
        planned = await reducer.reduce(state)
        assert isinstance(planned, MergesPlanned)
        assert [new.spec.depends_on for new in planned.tasks] == [("t0", "t1"), ("t2", "t3")]
        lane = planned.tasks[0].lane
        await store.runs.commit(lease, turn(state, planned, grant(2, lane)))
        assert await reducer.reduce(state) is None  # two are under way
        await store.runs.commit(lease, turn(state, completed(state, 4)))
        assert await reducer.reduce(state) is None
        await store.runs.commit(lease, turn(state, completed(state, 5)))

        loaded = await store.runs.load(lease)
        fact = await reducer.reduce(loaded)

        assert isinstance(fact, MergesPlanned)
        [last] = fact.tasks
        assert last.spec.depends_on == tuple(new.spec.task_id for new in planned.tasks)
        await store.runs.commit(lease, turn(loaded, fact, grant(1, lane)))
        await store.runs.commit(lease, turn(loaded, completed(loaded, 6, '"the answer"')))
        ended = await reducer.reduce(await store.runs.load(lease))
        assert isinstance(ended, AggregateCompleted)
        assert ended.aggregated == "the answer"


async def test_a_merge_that_fails_is_told_and_the_run_is_completed_all_the_same(path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if "t3" in call.inputs:
            raise Refused("this prompt is against the rules", status=400)

    provider = ScriptedProvider(behaviour)
    async with scheduling(path, provider) as work:
        swarm_id = await work.add(new_swarm(names(9), aggregate={"strategy": "hierarchical", "batch_size": 3}))
        row = await work.end(swarm_id)

    assert (row.status, row.counts.completed, row.aggregated) == (SwarmStatus.COMPLETED, 9, None)
    assert row.aggregation is not None
    assert (row.aggregation["status"], row.aggregation["inputs"], row.aggregation["missing"]) == ("failed", 9, [])
    assert "this prompt is against the rules" in row.aggregation["error"]
    assert len(merges(provider)) == 3  # no further level on top of what is not whole


async def test_an_output_above_the_context_is_shortened_and_marked(path: Path) -> None:
    async def behaviour(call: Call) -> ChatResult:
        return of_tokens(40_000 if call.task_id == "t1" else 500, call)

    provider = ScriptedProvider(behaviour)
    swarm = new_swarm(names(3), aggregate={"strategy": "synthesis"}, max_output_tokens=1_000, goal="Compare.")
    async with scheduling(path, provider, context_tokens=CONTEXT) as work:
        row = await work.end(await work.add(swarm))

    assert row.aggregation is not None
    assert row.aggregation["status"] == "completed"
    [cut] = [call for call in merges(provider) if "t1" in call.inputs]
    assert list(cut.inputs) == ["t1"]
    assert cut.inputs["t1"].startswith("[t1] finding 42. ")
    assert cut.inputs["t1"].endswith("[shortened: the output has 160000 characters]")
    assert len(cut.inputs["t1"]) > 80_000  # as much of it as fits
    assert max(size_of(call.request) for call in merges(provider)) <= CONTEXT
    check_each_is_taken_in_once(merges(provider), 3)


@pytest.mark.parametrize(("context", "status"), [(1_500, "failed"), (8_000, "completed")])
async def test_a_context_that_holds_no_two_outputs_is_said_to_be_too_small(
    path: Path, context: int, status: str
) -> None:
    provider = ScriptedProvider()
    async with scheduling(path, provider, context_tokens=context) as work:
        row = await work.end(await work.add(new_swarm(names(2), aggregate={"strategy": "hierarchical"})))

    assert row.status is SwarmStatus.COMPLETED
    assert row.aggregation is not None
    assert row.aggregation["status"] == status
    if status == "failed":
        assert f"{context} tokens" in row.aggregation["error"]
        assert merges(provider) == []


async def test_outputs_of_which_no_two_fit_one_call_are_made_shorter_one_by_one_first(path: Path) -> None:
    async def behaviour(call: Call) -> ChatResult:
        return of_tokens(call.request.max_output_tokens if call.task_id.startswith("~") else 16_000, call)

    provider = ScriptedProvider(behaviour)
    async with scheduling(path, provider, context_tokens=CONTEXT) as work:
        swarm = new_swarm(names(5), aggregate={"strategy": "hierarchical"}, max_output_tokens=16_000)
        row = await work.end(await work.add(swarm))

    assert row.aggregation is not None
    assert row.aggregation["status"] == "completed"
    assert [list(call.inputs) for call in merges(provider)[:5]] == [[name] for name in names(5)]
    assert max(size_of(call.request) for call in merges(provider)) <= CONTEXT
    assert not any("[shortened:" in call.prompt for call in merges(provider))
    check_each_is_taken_in_once(merges(provider), 5)


LONG = "各社の報告書を比べてください。" * 1_400  # 58,800 bytes: 14,700 tokens
PROPERTIES = {f"figure_{n}": {"type": "number", "description": "in millions of euros"} for n in range(800)}


@pytest.mark.parametrize(
    "words",
    [
        {"goal": LONG},
        {"aggregate": {"strategy": "hierarchical", "prompt": LONG}},
        {"roles": {"synthesizer": {"system_prompt": LONG}}},
        {"aggregate": {"strategy": "hierarchical", "output_schema": {"type": "object", "properties": PROPERTIES}}},
    ],
    ids=["goal", "instructions", "role", "schema"],
)
async def test_room_is_left_for_long_words_in_any_script(path: Path, words: dict[str, Any]) -> None:
    async def behaviour(call: Call) -> ChatResult | str:
        return of_tokens(7_000, call) if not call.task_id.startswith("~") else "{}"

    provider = ScriptedProvider(behaviour)
    fields: dict[str, Any] = {"aggregate": {"strategy": "hierarchical"}, "max_output_tokens": LARGE}
    async with scheduling(path, provider, context_tokens=CONTEXT) as work:
        row = await work.end(await work.add(new_swarm(names(6), **(fields | words))))

    assert row.aggregation is not None
    assert row.aggregation["status"] == "completed"
    assert max(size_of(call.request) for call in merges(provider)) <= CONTEXT
    check_each_is_taken_in_once(merges(provider), 6)


async def test_a_merge_that_failed_is_made_again_on_request_from_what_there_is(path: Path) -> None:
    provider = ScriptedProvider()

    async def behaviour(call: Call) -> None:
        if "t3" in call.inputs and len(merges(provider)) <= 3:
            raise Refused("the account is empty", status=400)

    provider._behaviour = behaviour
    async with scheduling(path, provider) as work:
        strategy = {"strategy": "hierarchical", "batch_size": 3}
        swarm_id = await work.add(new_swarm(names(9), aggregate=strategy, max_parallel_agents=1))
        row = await work.end(swarm_id)
        assert row.aggregation is not None
        assert row.aggregation["status"] == "failed"
        before = len(merges(provider))
        async with asyncio.timeout(30):
            await work.store.swarms.command("default", swarm_id, Command("retry", {"indices": []}))
            work.shared.doorbell.ring(NEW_SWARMS)
            while row.aggregated is None:
                await asyncio.sleep(0.001)
                found = await work.store.swarms.get("default", swarm_id)
                assert found is not None
                row = found

    again = merges(provider)[before:]
    assert [call.task_id for call in provider.calls if not call.task_id.startswith("~")] == list(names(9))
    assert any("t3" in call.inputs for call in again)
    assert not any("t0" in call.inputs for call in again)  # whose merge was good
    assert row.aggregated == f"done {again[-1].task_id}"
    assert row.status is SwarmStatus.COMPLETED


# --- checkpoints -----------------------------------------------------------------------------------------------------


def one_by_one(count: int) -> dict[str, list[str]]:
    return {f"t{index}": [f"t{index - 1}"] if index else [] for index in range(count)}


async def test_every_second_completion_stores_and_announces_what_there_is(path: Path) -> None:
    seen: list[Any] = []

    async def behaviour(call: Call) -> None:
        if call.task_id == "t4":
            await until(lambda: bool(seen))

    async with scheduling(path, ScriptedProvider(behaviour)) as work:
        strategy = {"strategy": "concat", "checkpoint_every": 2}
        swarm_id = await work.add(new_swarm(one_by_one(5), aggregate=strategy))
        async with asyncio.timeout(30):
            while not seen:
                row = await work.store.swarms.get("default", swarm_id)
                assert row is not None
                if row.aggregation is not None and row.aggregation["inputs"] == 4:
                    seen.append(row)
                await asyncio.sleep(0.001)
        row = await work.end(swarm_id)
        told = await events_of(work, swarm_id, "checkpoint")

    assert seen[0].status is SwarmStatus.RUNNING
    assert seen[0].aggregated == "\n\n".join(f"done t{index}" for index in range(4))
    assert (seen[0].aggregation["status"], seen[0].aggregation["missing"]) == ("checkpoint", ["t4"])
    assert len(told) == 2
    assert row.aggregated == "\n\n".join(f"done t{index}" for index in range(5))
    assert row.aggregation is not None
    assert row.aggregation["status"] == "completed"


async def test_a_checkpoint_with_a_model_is_a_merge_that_the_last_one_builds_on(path: Path) -> None:
    provider = ScriptedProvider()

    async def behaviour(call: Call) -> None:
        if call.task_id == "t4":
            await until(lambda: len(merges(provider)) == 1 and provider.running == ["t4"])

    provider._behaviour = behaviour
    async with scheduling(path, provider) as work:
        strategy = {"strategy": "hierarchical", "checkpoint_every": 4}
        swarm_id = await work.add(new_swarm(one_by_one(5), aggregate=strategy))
        row = await work.end(swarm_id)

    first, last = merges(provider)
    assert list(first.inputs) == ["t0", "t1", "t2", "t3"]
    assert sorted(last.inputs) == ["t4", first.task_id]
    assert row.aggregated == f"done {last.task_id}"
