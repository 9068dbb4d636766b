"""Promises on what a run leaves behind, for every graph, every order of facts and every crash: events, rows and bill.

Each test runs whole swarms (``tests.support.simulate``) and reads what was committed.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from app.domain import events
from app.domain.changes import AttemptEnded, TaskCompleted
from app.domain.swarm import Counts
from app.domain.task import TASK_TRANSITIONS, TaskStatus
from app.domain.usage import Usage
from tests.support.book import Row, Table, new_run
from tests.support.scenarios import TASK_ENDS, Scenario, many, scenarios

# --- events ----------------------------------------------------------------------------------------------------------


@many
@given(scenarios())
def test_events_count_from_one_without_gap_or_repeat_over_every_crash(scenario: Scenario) -> None:
    book = scenario.simulation().run()

    assert [event.seq for event in book.events] == list(range(1, len(book.events) + 1))
    assert book.last_seq == len(book.events)


@many
@given(scenarios())
def test_swarm_started_and_swarm_completed_frame_the_run(scenario: Scenario) -> None:
    book = scenario.simulation().run()
    types = [event.type for event in book.events]

    assert types[0] == events.SWARM_STARTED
    assert types[-1] == events.SWARM_COMPLETED
    assert types.count(events.SWARM_STARTED) == types.count(events.SWARM_COMPLETED) == 1
    assert book.events[-1].fields["status"] == book.status
    assert book.events[-1].fields["counts"] == Counts.of(row.status for row in book.table.rows).as_dict()


@many
@given(scenarios())
def test_each_task_tells_one_story(scenario: Scenario) -> None:
    book = scenario.simulation().run()

    for index, task in enumerate(scenario.tasks):
        story = [event.type for event in book.events if event.task_id == task.task_id]
        row = book.table.rows[index]
        told = Counter(story)
        assert story[-1] in TASK_ENDS
        assert sum(told[kind] for kind in TASK_ENDS) == 1
        assert told[events.AGENT_SPAWNED] == (1 if row.attempt else 0)
        if row.attempt:
            between = story[story.index(events.AGENT_SPAWNED) + 1 : -1]
            assert set(between) <= {events.AGENT_RETRYING, events.TASK_QUEUED}
            assert story[-1] == (events.AGENT_COMPLETED if row.status is TaskStatus.COMPLETED else events.AGENT_FAILED)
            assert book.table.attempts.keys() >= {(index, number) for number in range(1, row.attempt + 1)}
        else:
            skipped = row.status is TaskStatus.SKIPPED
            assert story[-1] == (events.TASK_SKIPPED if skipped else events.TASK_CANCELLED)


# --- the store -------------------------------------------------------------------------------------------------------


@many
@given(scenarios())
def test_replaying_the_changes_one_by_one_gives_the_state_in_memory(scenario: Scenario) -> None:
    simulation = scenario.simulation()
    book = simulation.run()
    replay = Table([Row.of(task) for task in new_run(scenario.spec, scenario.tasks).tasks])
    for change in book.changes:
        old = replay.rows[change.index].status
        replay.write(change)
        new = replay.rows[change.index].status
        assert old is new or new in TASK_TRANSITIONS[old]

    assert replay == book.table
    for row, task in zip(replay.rows, simulation.state.tasks, strict=True):
        assert (row.status, row.attempt, row.failures) == (task.status, task.attempt, task.failures)
        assert (row.queued_at_ms, row.queue_ms) == (task.queued_at_ms, task.queue_ms)
        assert row.not_before_ms == task.not_before_ms
        assert task.payload == ""
    assert sorted(simulation.state.latencies_ms) == sorted(row.latency_ms for row in replay.rows if row.output)


@many
@given(scenarios())
def test_the_bill_of_the_run_is_the_sum_of_its_attempts(scenario: Scenario) -> None:
    book = scenario.simulation().run()
    bills = [change for change in book.changes if isinstance(change, AttemptEnded | TaskCompleted)]

    assert book.usage == sum((bill.usage for bill in bills), Usage())
    assert book.cost_nano_usd == sum(bill.cost_nano_usd or 0 for bill in bills)
