"""What the scheduler relies on (``ports.runs.RunStore``): claims, fences, atomic turns, and what a load gives back."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from app.domain.changes import TaskClosed, TaskCompleted
from app.domain.errors import LeaseLost
from app.domain.facts import AggregateCompleted, AttemptAbandoned, CancelRequested
from app.domain.retry import TaskError
from app.domain.swarm import Counts, SwarmState
from app.domain.task import Awaited, TaskSpec, TaskStatus
from app.domain.usage import Usage
from app.ports.events import EncodedEvent, LogCursor
from app.ports.runs import Command, Commit, Lease
from app.storage.database import Database
from tests.support.runs import USAGE, comparable, completed, grant, new_swarm, random_dag, random_facts, turn

pytestmark = pytest.mark.anyio


async def started(store: Database, tasks: dict[str, list[str]], **options: Any) -> tuple[Lease, SwarmState]:
    """Store a run, claim it and load it."""
    await store.swarms.create(new_swarm(tasks, **options))
    [lease] = await store.runs.claim("me", limit=1)
    return lease, await store.runs.load(lease)


async def everything(store: Database, swarm_id: str) -> Any:
    """All that clients could see of a swarm."""
    return (
        await store.swarms.snapshot("default", swarm_id),
        await store.events.list(swarm_id, after=0, limit=10_000),
        [await store.tasks.get(swarm_id, f"t{index}") for index in range(12)],
        await store.events.list_of_agent("agt_default", after=LogCursor(), limit=10_000),
    )


# --- claims ----------------------------------------------------------------------------------------------------------


async def test_a_swarm_is_claimed_once_however_many_ask_at_once(store: Database) -> None:
    swarms = [new_swarm({"a": []}, number=number) for number in range(1, 41)]
    await asyncio.gather(*(store.swarms.create(swarm) for swarm in swarms))

    claims = await asyncio.gather(*(store.runs.claim(f"worker {n}", limit=3) for n in range(20)))

    taken = [lease.swarm_id for leases in claims for lease in leases]
    assert sorted(taken) == sorted(swarm.state.swarm_id for swarm in swarms)
    assert all(len(leases) <= 3 for leases in claims)
    assert await store.runs.claim("late", limit=3) == []


async def test_the_oldest_swarm_is_claimed_first(store: Database) -> None:
    for number in (3, 1, 2):
        await store.swarms.create(new_swarm({"a": []}, number=number))

    ids = [lease.swarm_id for lease in await store.runs.claim("me", limit=2)]

    assert ids == [new_swarm({"a": []}, number=number).state.swarm_id for number in (1, 2)]


async def test_an_ended_swarm_is_not_claimed(store: Database) -> None:
    lease, state = await started(store, {"a": []})
    await store.runs.commit(lease, turn(state, CancelRequested()))
    await store.runs.release(lease)

    assert await store.runs.claim("me", limit=5) == []


async def test_a_released_swarm_is_claimed_with_a_larger_token(store: Database) -> None:
    lease, _ = await started(store, {"a": []})

    await store.runs.release(lease)
    [again] = await store.runs.claim("another", limit=5)

    assert again.swarm_id == lease.swarm_id
    assert again.token > lease.token


async def test_a_release_with_an_old_token_changes_nothing(store: Database) -> None:
    lease, _ = await started(store, {"a": []})
    await store.runs.release(lease)
    await store.runs.claim("another", limit=5)

    await store.runs.release(lease)

    assert await store.runs.claim("third", limit=5) == []


# --- fences ----------------------------------------------------------------------------------------------------------


async def test_a_runner_whose_lease_moved_on_writes_nothing(store: Database) -> None:
    old, state = await started(store, {"t0": [], "t1": ["t0"]})
    await store.runs.release(old)
    [new] = await store.runs.claim("another", limit=1)
    before = await everything(store, state.swarm_id)

    with pytest.raises(LeaseLost):
        await store.runs.commit(old, turn(state, grant(1)))
    with pytest.raises(LeaseLost):
        await store.runs.load(old)

    assert await everything(store, state.swarm_id) == before
    await store.runs.commit(new, turn(await store.runs.load(new), grant(1)))


async def test_an_unknown_swarm_cannot_be_loaded(store: Database) -> None:
    with pytest.raises(LeaseLost):
        await store.runs.load(Lease("swm_nobody", 1))


def outcome(state: SwarmState, attempt: int) -> Commit:
    """A commit that completes task 0 as of ``attempt``, whatever the state says."""
    change = TaskCompleted(
        index=0,
        attempt=attempt,
        output='"late"',
        ended_at_ms=5,
        latency_ms=1.0,
        model="m",
        usage=Usage(prompt_tokens=99),
        cost_nano_usd=9,
    )
    forged = EncodedEvent(seq=state.last_seq + 1, type="agent_completed", body='{"type":"agent_completed"}')
    return Commit(state=replace_totals(state, steps=99, last_seq=state.last_seq + 1), changes=[change], events=[forged])


def replace_totals(state: SwarmState, **totals: Any) -> SwarmState:
    changed = replace(state)
    for name, value in totals.items():
        setattr(changed, name, value)
    return changed


@pytest.mark.parametrize("attempt", [0, 1, 3])
async def test_an_outcome_of_another_attempt_writes_nothing(store: Database, attempt: int) -> None:
    lease, state = await started(store, {"t0": []})
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, AttemptAbandoned(0, 1), grant(1)))
    assert state.tasks[0].attempt == 2
    before = await everything(store, state.swarm_id)

    with pytest.raises(LeaseLost):
        await store.runs.commit(lease, outcome(state, attempt))

    assert await everything(store, state.swarm_id) == before


async def test_a_recorded_outcome_is_never_replaced(store: Database) -> None:
    lease, state = await started(store, {"t0": [], "t1": []})
    await store.runs.commit(lease, turn(state, grant(2)))
    await store.runs.commit(lease, turn(state, completed(state, 0, '"first"')))
    before = await everything(store, state.swarm_id)

    with pytest.raises(LeaseLost):
        await store.runs.commit(lease, outcome(state, 1))
    closing = TaskClosed(index=0, status=TaskStatus.FAILED, ended_at_ms=5, error=TaskError(type="late", message="late"))
    with pytest.raises(LeaseLost):
        await store.runs.commit(lease, Commit(state=state, changes=[closing], events=[]))

    assert await everything(store, state.swarm_id) == before


async def test_one_stale_change_undoes_the_whole_turn(store: Database) -> None:
    lease, state = await started(store, {"t0": [], "t1": [], "t2": []})
    await store.runs.commit(lease, turn(state, grant(3)))
    before = await everything(store, state.swarm_id)
    good = turn(state, completed(state, 0), completed(state, 1))

    with pytest.raises(LeaseLost):
        await store.runs.commit(lease, replace(good, changes=[*good.changes, good.changes[0]]))

    assert await everything(store, state.swarm_id) == before


async def test_an_event_that_is_there_already_undoes_the_whole_turn(store: Database) -> None:
    lease, state = await started(store, {"t0": []})
    before = await everything(store, state.swarm_id)
    good = turn(state, grant(1))

    with pytest.raises(Exception):  # noqa: B017, PT011 - a bug of the caller: which error it is does not matter
        await store.runs.commit(lease, replace(good, events=[replace(good.events[0], seq=1)]))

    assert await everything(store, state.swarm_id) == before


# --- group commit ----------------------------------------------------------------------------------------------------


async def test_one_bad_unit_does_not_hurt_those_written_with_it(store: Database) -> None:
    for number in range(1, 31):
        await store.swarms.create(new_swarm({"t0": []}, number=number))
    leases = list(await store.runs.claim("me", limit=30))
    states = [await store.runs.load(lease) for lease in leases]
    commits = [turn(state, grant(1)) for state in states]
    leases[7] = replace(leases[7], token=leases[7].token + 1)
    surrogate = replace(commits[11].events[0], body='"\ud800"')
    commits[11] = replace(commits[11], events=[surrogate])
    commits[13].state.cost_nano_usd = 2**70

    results = await asyncio.gather(
        *(store.runs.commit(lease, commit) for lease, commit in zip(leases, commits, strict=True)),
        return_exceptions=True,
    )

    bad = {index for index, result in enumerate(results) if isinstance(result, BaseException)}
    assert bad == {7, 11, 13}
    assert isinstance(results[7], LeaseLost)
    for index, state in enumerate(states):
        row = await store.swarms.get("default", state.swarm_id)
        assert row is not None
        assert row.counts == (Counts(queued=1) if index in bad else Counts(running=1))


async def test_positions_in_the_orchestrators_log_count_commits(store: Database) -> None:
    first = await store.swarms.create(new_swarm({"t0": []}, number=1))
    second = await store.swarms.create(new_swarm({"t0": []}, number=2))
    other = await store.swarms.create(new_swarm({"t0": []}, number=3, agent_id="agt_other"))

    assert (first, second, other) == (1, 2, 1)
    [lease, *_] = await store.runs.claim("me", limit=1)
    state = await store.runs.load(lease)
    assert await store.runs.commit(lease, turn(state, grant(1))) == 3
    assert await store.runs.commit(lease, Commit(state=state, changes=[], events=[])) == 0


# --- load equals what was committed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
async def test_a_loaded_run_is_the_run_as_committed(store: Database, seed: int) -> None:
    rng = random.Random(seed)
    tasks = [
        TaskSpec(
            task_id=task_id,
            depends_on=tuple(names),
            priority=rng.randint(1, 10),
            complexity=rng.choice((None, 1, 10)),
            max_retries=rng.randint(0, 2),
            allow_failed_dependencies=rng.random() < 0.3,
            requested_model=rng.choice((None, "m")),
            payload=json.dumps({"prompt": task_id}),
        )
        for task_id, names in random_dag(rng, rng.randint(1, 12)).items()
    ]
    strategy = rng.choice(("none", "concat"))
    fail_fast = rng.choice(("continue", "continue", "fail_fast"))
    swarm = new_swarm(
        tasks, aggregate={"strategy": strategy}, on_task_failure=fail_fast, max_parallel_agents=3, metadata={"ä": [1]}
    )
    await store.swarms.create(swarm)
    [lease] = await store.runs.claim("me", limit=1)
    state = await store.runs.load(lease)
    logged = list(swarm.events)

    for _ in range(500):
        merged = {"strategy": strategy, "missing": []}
        aggregated = [AggregateCompleted("merged", merged)] if state.status == "aggregating" else []
        commit = turn(state, *aggregated, *random_facts(rng, state))
        await store.runs.commit(lease, commit)
        logged += commit.events
        if state.ended or rng.random() < 0.3:
            assert comparable(await store.runs.load(lease)) == comparable(state)
        if state.ended:
            break

    assert state.ended
    assert await store.events.list(state.swarm_id, after=0, limit=10_000) == logged
    assert [event.seq for event in logged] == list(range(1, len(logged) + 1))
    found = await store.swarms.snapshot("default", state.swarm_id)
    assert found is not None
    row, rows = found
    assert (row.counts, row.usage, row.cost_nano_usd) == (state.counts, state.usage, state.cost_nano_usd)
    assert (row.status, row.last_seq, row.ended_at_ms) == (state.status, state.last_seq, state.ended_at_ms)
    assert [task.status for task in rows] == [task.status for task in state.tasks]
    assert sum((task.usage for task in rows), Usage()) == state.usage
    assert sum(task.cost_nano_usd or 0 for task in rows) == state.cost_nano_usd
    for task in state.tasks:
        detail = await store.tasks.get(state.swarm_id, task.task_id)
        assert detail is not None
        assert [attempt.attempt for attempt in detail[1]] == list(range(1, task.attempt + 1))
        assert all(attempt.status != "running" and attempt.ended_at_ms for attempt in detail[1])


async def test_the_journal_tells_of_every_attempt(store: Database) -> None:
    lease, state = await started(store, {"t0": []})
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, AttemptAbandoned(0, 1), grant(1)))
    await store.runs.commit(lease, turn(state, completed(state, 0)))

    found = await store.tasks.get(state.swarm_id, "t0")

    assert found is not None
    row, attempts = found
    assert [(attempt.attempt, attempt.status) for attempt in attempts] == [(1, "abandoned"), (2, "completed")]
    assert attempts[0].error is not None
    assert attempts[1].usage == USAGE
    assert (row.output, row.attempts, row.usage, row.cost_nano_usd) == ("done", 2, USAGE, 7)


# --- what runners ask beside -----------------------------------------------------------------------------------------


async def test_outputs_are_those_of_completed_tasks(store: Database) -> None:
    lease, state = await started(store, {f"t{index}": [] for index in range(1200)}, max_parallel_agents=1000)
    await store.runs.commit(lease, turn(state, grant(1000)))
    done = [task.index for task in state.tasks if task.status is TaskStatus.RUNNING][:700]
    await store.runs.commit(lease, turn(state, *(completed(state, index, f'"{index}"') for index in done)))

    outputs = await store.runs.outputs(state.swarm_id, range(1200))

    assert outputs == {index: f'"{index}"' for index in done}


async def test_commands_of_clients_reach_the_runner_in_order(store: Database) -> None:
    _, state = await started(store, {"a": []}, max_parallel_agents=7)
    assert (await store.runs.control(state.swarm_id)).commands == []

    assert await store.swarms.command("default", state.swarm_id, Command("scale", {"max_parallel_agents": 9})) == 1
    assert await store.swarms.command("default", state.swarm_id, Command("cancel")) == 2

    assert (await store.runs.control(state.swarm_id)).commands == [
        Command("scale", {"max_parallel_agents": 9}, 1),
        Command("cancel", {}, 2),
    ]


async def test_a_command_goes_with_the_commit_that_carries_it_out_and_not_before(store: Database) -> None:
    lease, state = await started(store, {"a": []})
    first = await store.swarms.command("default", state.swarm_id, Command("pause"))
    second = await store.swarms.command("default", state.swarm_id, Command("resume"))
    assert first is not None
    assert second is not None

    await store.runs.commit(lease, turn(state, grant(1)))
    assert not await store.swarms.is_done(state.swarm_id, first)

    await store.runs.commit(lease, replace(turn(state), commands_done=first))
    assert await store.swarms.is_done(state.swarm_id, first)
    assert not await store.swarms.is_done(state.swarm_id, second)
    assert [command.kind for command in (await store.runs.control(state.swarm_id)).commands] == ["resume"]


async def test_an_ended_run_is_claimed_again_only_for_a_command(store: Database) -> None:
    lease, state = await started(store, {"a": []})
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, completed(state, 0)))
    assert state.ended
    assert await store.runs.claim("me", limit=5) == []

    await store.swarms.command("default", state.swarm_id, Command("retry", {"indices": [0]}))

    [again] = await store.runs.claim("me", limit=5)
    assert (again.swarm_id, again.token) == (state.swarm_id, lease.token + 1)


async def test_awaited_tasks_of_other_swarms_are_told_by_how_they_ended(store: Database) -> None:
    lease, state = await started(store, {"done": [], "broken": [], "open": []})
    await store.runs.commit(lease, turn(state, grant(2)))
    broken = TaskClosed(index=1, status=TaskStatus.FAILED, ended_at_ms=5, error=TaskError(type="x", message="x"))
    await store.runs.commit(lease, turn(state, completed(state, 0)))
    await store.runs.commit(lease, Commit(state=state, changes=[broken], events=[]))
    done, failed, still_open = (Awaited(n, "x", state.swarm_id, n) for n in range(3))
    gone = Awaited(0, "x", "swm_deleted", 0)

    ended = await store.runs.ended([done, failed, still_open, gone])

    assert ended == {done: len('"done"'), failed: None, gone: None}
