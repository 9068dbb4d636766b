"""Promises of the core that hold for every graph, every order of facts and every crash.

Each test runs whole swarms from acceptance to end (``tests.support.simulate``) and checks one promise, either on what
was committed or after every single step.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from app.domain import events
from app.domain.changes import (
    AggregateChanged,
    AttemptEnded,
    AttemptStarted,
    ScheduleRetry,
    Step,
    StopAttempt,
    TaskClosed,
    TaskCompleted,
)
from app.domain.facts import (
    AttemptAbandoned,
    AttemptCompleted,
    AttemptFailed,
    CancelRequested,
    Fact,
    RetryDue,
    SlotsGranted,
)
from app.domain.retry import MAX_DELAY_MS
from app.domain.swarm import Counts, SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskStatus
from tests.support.scenarios import FAIR, Scenario, ends, inner, many, scenarios

# --- the end ---------------------------------------------------------------------------------------------------------


@many
@given(scenarios())
def test_every_run_ends_with_every_task_ended_and_no_attempt_open(scenario: Scenario) -> None:
    book = scenario.simulation().run()

    assert {row.status for row in book.table.rows} <= TERMINAL
    assert "running" not in book.table.attempts.values()
    assert book.ended_at_ms is not None


@many
@given(scenarios())
def test_the_final_status_follows_from_how_the_tasks_ended(scenario: Scenario) -> None:
    simulation = scenario.simulation()
    told: list[Fact | None] = []

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        if any(event.type == events.SWARM_COMPLETED for event in alone.events):
            told.append(fact)

    simulation.watches.append(watch)
    book = simulation.run()
    counts = Counter(row.status for row in book.table.rows)
    completed = counts[TaskStatus.COMPLETED]
    if isinstance(told[-1], CancelRequested):
        expected = SwarmStatus.CANCELLED
    elif scenario.spec.on_task_failure == "fail_fast" and counts[TaskStatus.FAILED]:
        expected = SwarmStatus.FAILED
    elif completed == len(scenario.tasks):
        expected = SwarmStatus.COMPLETED
    elif completed == 0 or completed / len(scenario.tasks) < scenario.spec.min_success_rate:
        expected = SwarmStatus.FAILED
    else:
        expected = SwarmStatus.PARTIAL

    assert book.status is expected
    assert expected not in {SwarmStatus.FAILED, SwarmStatus.CANCELLED} or book.error


@many
@given(scenarios(FAIR))
def test_in_a_world_without_faults_every_task_completes_at_its_first_attempt(scenario: Scenario) -> None:
    simulation = scenario.simulation()
    simulation.fates = dict.fromkeys(simulation.fates, True)
    book = simulation.run()

    if scenario.spec.max_steps == 4_000:
        assert book.status is SwarmStatus.COMPLETED
        assert book.error is None
        assert sorted(simulation.started) == [(index, 1) for index in range(len(scenario.tasks))]
    else:
        assert book.status is SwarmStatus.COMPLETED or book.steps >= scenario.spec.max_steps


# --- dependencies ----------------------------------------------------------------------------------------------------


@many
@given(scenarios())
def test_no_task_starts_before_all_its_dependencies_ended(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        for change in alone.changes:
            if isinstance(change, AttemptStarted):
                task = scenario.tasks[change.index]
                statuses = {state.tasks[index].status for index in inner(task)}
                told = simulation.told
                outer = {(change.index, awaited) in told and simulation.fates[awaited] for awaited in task.awaits}
                assert all((change.index, awaited) in told for awaited in task.awaits)
                assert statuses <= (TERMINAL if task.allow_failed_dependencies else {TaskStatus.COMPLETED})
                assert outer <= ({True, False} if task.allow_failed_dependencies else {True})

    simulation.watches.append(watch)
    book = simulation.run()
    ended_at = ends(book)
    for event in book.events:
        if event.type == events.AGENT_SPAWNED and event.task_id:
            dependencies = inner(scenario.tasks[int(event.task_id[1:])])
            assert all(ended_at[f"t{index}"] < event.seq for index in dependencies)


@many
@given(scenarios())
def test_a_task_waits_exactly_as_long_as_a_dependency_is_open(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        for task, spec in zip(state.tasks, scenario.tasks, strict=True):
            if task.status is TaskStatus.WAITING:
                statuses = [state.tasks[index].status for index in inner(spec)]
                untold = sum((task.index, awaited) not in simulation.told for awaited in spec.awaits)
                assert task.unmet == sum(status not in TERMINAL for status in statuses) + untold > 0
                if not spec.allow_failed_dependencies:
                    assert not TERMINAL.intersection(statuses) - {TaskStatus.COMPLETED}

    simulation.watches.append(watch)
    simulation.run()


# --- limits and order ------------------------------------------------------------------------------------------------


@many
@given(scenarios())
def test_no_start_passes_the_limits_of_the_run(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        starts = sum(isinstance(change, AttemptStarted) for change in alone.changes)
        assert not starts or isinstance(fact, SlotsGranted)
        if isinstance(fact, SlotsGranted) and starts:
            assert starts <= fact.count
            assert state.counts.running <= state.max_parallel_agents
            assert state.steps <= scenario.spec.max_steps

    simulation.watches.append(watch)
    simulation.run()


@many
@given(scenarios())
def test_of_the_ready_tasks_of_a_lane_the_most_urgent_start_first(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def urgency(index: int) -> tuple[int, int, int]:
        task = scenario.tasks[index]
        return (-task.priority, -(task.complexity or 0), index)

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        if isinstance(fact, SlotsGranted):
            started = [change.index for change in alone.changes if isinstance(change, AttemptStarted)]
            left = [task.index for task in state.tasks if task.status is TaskStatus.QUEUED and task.lane == fact.lane]
            assert {scenario.tasks[index].lane for index in started} <= {fact.lane}
            assert [*started, *sorted(left, key=urgency)] == sorted([*started, *left], key=urgency)

    simulation.watches.append(watch)
    simulation.run()


@many
@given(scenarios())
def test_counts_and_ready_counts_are_exact_after_every_step(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert state.counts == Counts.of(task.status for task in state.tasks)
        queued = Counter(task.lane for task in state.tasks if task.status is TaskStatus.QUEUED)
        assert {lane: count for lane, count in state.ready_count.items() if count} == queued
        for lane, count in queued.items():
            live = [entry[2] for entry in state.ready[lane] if state.tasks[entry[2]].status is TaskStatus.QUEUED]
            assert len(live) == len(set(live)) == count

    simulation.watches.append(watch)
    simulation.run()


# --- attempts --------------------------------------------------------------------------------------------------------


@many
@given(scenarios())
def test_no_task_gets_more_attempts_than_its_history_allows(scenario: Scenario) -> None:
    book = scenario.simulation().run()
    starts = Counter(change.index for change in book.changes if isinstance(change, AttemptStarted))
    free: Counter[int] = Counter()
    failures: Counter[int] = Counter()
    for change in book.changes:
        if isinstance(change, AttemptEnded):
            throttled = change.error is not None and change.error.type == "rate_limit"
            free[change.index] += change.status == "abandoned" or throttled
            failures[change.index] += change.status == "failed" and not throttled

    for index, task in enumerate(scenario.tasks):
        row = book.table.rows[index]
        assert starts[index] == row.attempt <= task.max_retries + 1 + free[index]
        assert row.failures == failures[index]


@many
@given(scenarios())
def test_every_attempt_that_a_stop_cut_short_is_told_to_stop(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        cut = {
            (change.index, change.attempt)
            for change in alone.changes
            if isinstance(change, AttemptEnded) and change.status == "cancelled"
        }
        assert {(stop.index, stop.attempt) for stop in alone.effects if isinstance(stop, StopAttempt)} == cut

    simulation.watches.append(watch)
    simulation.run()


@many
@given(scenarios())
def test_a_recorded_output_is_final_and_its_task_never_called_again(scenario: Scenario) -> None:
    simulation = scenario.simulation()
    outputs: dict[int, str] = {}

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        for index, row in enumerate(simulation.book.table.rows):
            if row.output is not None:
                assert outputs.setdefault(index, row.output) == row.output
        for change in alone.changes:
            assert isinstance(change, AggregateChanged) or change.index not in outputs

    simulation.watches.append(watch)
    book = simulation.run()

    assert max(Counter(simulation.started).values(), default=1) == 1
    completions = Counter(change.index for change in book.changes if isinstance(change, TaskCompleted))
    assert completions == Counter(index for index, row in enumerate(book.table.rows) if row.output is not None)


@many
@given(scenarios())
def test_a_fact_about_an_attempt_that_is_over_changes_nothing(scenario: Scenario) -> None:
    simulation = scenario.simulation()
    before: list[tuple[TaskStatus, int]] = []

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        expected: TaskStatus | None = None
        match fact:
            case AttemptCompleted() | AttemptFailed() | AttemptAbandoned():
                expected = TaskStatus.RUNNING
            case RetryDue():
                expected = TaskStatus.RETRYING
        if expected is not None and isinstance(fact, AttemptCompleted | AttemptFailed | AttemptAbandoned | RetryDue):
            meant = before[fact.index] == (expected, fact.attempt)
            assert bool(alone.changes) == meant or state.ended
            assert meant or alone == Step()
        before[:] = [(task.status, task.attempt) for task in state.tasks]

    simulation.watches.append(watch)
    simulation.run()


@many
@given(scenarios())
def test_a_merge_happens_once_when_there_is_something_to_merge(scenario: Scenario) -> None:
    simulation = scenario.simulation()
    book = simulation.run()
    merged = sum(event.type == events.AGGREGATE_COMPLETED for event in book.events)

    assert simulation.merges <= simulation.crashes + 1
    if scenario.spec.aggregates and any(row.output for row in book.table.rows):
        stopped = any(
            change.error.type in {"cancelled", "swarm_timeout", "fail_fast"}
            for change in book.changes
            if isinstance(change, TaskClosed)
        )
        assert merged == 0 if stopped else (merged == 1 or book.error is not None)
    else:
        assert merged == 0


@many
@given(scenarios())
def test_a_takeover_leaves_nothing_running_and_arms_every_back_off_once(scenario: Scenario) -> None:
    simulation = scenario.simulation()

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        if fact is None:
            assert state.counts.running == 0
            retrying = {task.index for task in state.tasks if task.status is TaskStatus.RETRYING}
            timers = [effect for effect in alone.effects if isinstance(effect, ScheduleRetry)]
            assert {timer.index for timer in timers} >= retrying
            assert len(timers) == len({timer.index for timer in timers})
            assert all(timer.at_ms <= simulation.now_ms + MAX_DELAY_MS for timer in timers)

    simulation.watches.append(watch)
    simulation.run()
