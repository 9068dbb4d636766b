"""What is out at workers: claimed once, recorded once, gone with the turn that applies it; signs of life of workers."""

from __future__ import annotations

import pytest

from app.domain.swarm import SwarmState
from app.domain.task import TaskSpec
from app.ports.assignments import Assigned, Standing, Told, WorkerRow
from app.ports.dispatch import CallKey
from app.ports.runs import Commit, Lease
from app.storage.database import Database
from tests.support.runs import grant, new_swarm, turn

pytestmark = pytest.mark.anyio

ONE, TWO = (WorkerRow(worker_id=f"wrk_{name}", name=name, slots=10, tags=("gpu",)) for name in ("one", "two"))


async def handed_out(store: Database, *, tasks: int = 2, number: int = 1) -> tuple[Lease, SwarmState, list[CallKey]]:
    """A run whose tasks are all out."""
    await store.swarms.create(new_swarm([TaskSpec(task_id=f"t{i}") for i in range(tasks)], number=number))
    [lease] = await store.runs.claim("node-1", limit=1)
    state = await store.runs.load(lease)
    keys = [CallKey(lease.swarm_id, index, 1, 0) for index in range(tasks)]
    await store.runs.commit(lease, change(turn(state, grant(tasks)), Assigned(out=keys)))
    return lease, state, keys


def change(commit: Commit, assigned: Assigned) -> Commit:
    return Commit(
        state=commit.state, changes=commit.changes, events=commit.events, at_ms=commit.at_ms, assigned=assigned
    )


def quiet(state: SwarmState, assigned: Assigned) -> Commit:
    return Commit(state=state, changes=[], events=[], assigned=assigned)


async def test_an_assignment_is_there_with_the_start_of_its_call_and_gone_with_its_fact(store: Database) -> None:
    lease, state, [first, second] = await handed_out(store)
    _, _, others = await handed_out(store, tasks=1, number=2)

    assert sorted(await store.assignments.standing([lease.swarm_id]), key=lambda one: one.key.index) == [
        Standing(key=first, claimed=False, told=None),
        Standing(key=second, claimed=False, told=None),
    ]
    assert len(await store.assignments.standing([lease.swarm_id, others[0].swarm_id])) == 3
    await store.runs.commit(lease, quiet(state, Assigned(heard=[first])))
    assert [one.key for one in await store.assignments.standing([lease.swarm_id])] == [second]
    again = CallKey(lease.swarm_id, 1, 1, 1)
    await store.runs.commit(lease, quiet(state, Assigned(stopped=[1, 7], out=[again])))
    assert [one.key for one in await store.assignments.standing([lease.swarm_id])] == [again]


async def test_one_worker_has_an_assignment_until_it_is_held_to_be_gone(store: Database) -> None:
    _, _, [first, second] = await handed_out(store)
    gone = CallKey(first.swarm_id, 9, 1, 0)
    await store.workers.beat(ONE)
    await store.workers.beat(TWO)

    claims = await store.assignments.claim(ONE.worker_id, [first, gone])
    assert dict(claims.granted) == {first: 1}
    assert not claims.busy
    claims = await store.assignments.claim(TWO.worker_id, [first, second])
    assert dict(claims.granted) == {second: 1}
    assert set(claims.busy) == {first}
    assert dict((await store.assignments.claim(ONE.worker_id, [first])).granted) == {
        first: 2
    }  # its own, delivered again
    assert set(await store.assignments.claimed_by(ONE.worker_id, [first, second, gone])) == {first}
    assert all(one.claimed for one in await store.assignments.standing([first.swarm_id]))

    await store.workers.leave(ONE.worker_id)
    assert [one.claimed for one in await store.assignments.standing([first.swarm_id]) if one.key == first] == [False]
    assert dict((await store.assignments.claim(TWO.worker_id, [first])).granted) == {first: 3}


async def test_a_worker_that_was_never_seen_holds_nothing(store: Database) -> None:
    _, _, [first, _] = await handed_out(store)
    await store.workers.beat(TWO)

    await store.assignments.claim(ONE.worker_id, [first])
    claims = await store.assignments.claim(TWO.worker_id, [first], orphans=False)
    assert (dict(claims.granted), set(claims.busy)) == ({}, {first})
    claims = await store.assignments.claim(TWO.worker_id, [first])

    assert dict(claims.granted) == {first: 2}


async def test_a_fact_is_recorded_once_and_by_the_newest_claimant_alone(store: Database) -> None:
    lease, state, [first, second] = await handed_out(store)
    await store.assignments.claim(ONE.worker_id, [first, second])
    await store.assignments.claim(TWO.worker_id, [first])  # the first one is held to be gone

    recorded = await store.assignments.record([Told(first, 1, '"late"'), Told(second, 1, '"second"')])
    assert dict(recorded) == {second: "node-1"}
    assert dict(await store.assignments.record([Told(first, 2, '"é\\u0000"')])) == {first: "node-1"}
    assert dict(await store.assignments.record([Told(first, 2, '"twice"')])) == {}
    told = {one.key: one.told for one in await store.assignments.standing([lease.swarm_id])}
    assert told == {first: '"é\\u0000"', second: '"second"'}
    assert not (await store.assignments.claim(TWO.worker_id, [first])).granted

    await store.runs.commit(lease, quiet(state, Assigned(heard=[first, second])))
    assert not await store.assignments.standing([lease.swarm_id])
    assert not await store.assignments.record([Told(first, 2, '"after"')])


async def test_what_messages_refer_to_is_kept_until_the_run_is_deleted(store: Database) -> None:
    lease, _, _ = await handed_out(store)

    await store.assignments.keep(lease.swarm_id, "abc", "a text")
    await store.assignments.keep(lease.swarm_id, "abc", "a text")

    assert await store.assignments.kept(lease.swarm_id, "abc") == "a text"
    assert await store.assignments.kept(lease.swarm_id, "def") is None
    assert await store.assignments.kept("swm_other", "abc") is None


async def test_workers_are_known_while_they_show_signs_of_life(store: Database) -> None:
    await store.workers.beat(TWO)
    await store.workers.beat(ONE)
    await store.workers.beat(TWO)

    assert [(one.worker_id, one.name, one.slots, tuple(one.tags)) for one in await store.workers.alive()] == [
        ("wrk_one", "one", 10, ("gpu",)),
        ("wrk_two", "two", 10, ("gpu",)),
    ]
    await store.workers.leave(ONE.worker_id)
    assert [one.worker_id for one in await store.workers.alive()] == ["wrk_two"]
