"""What a run's time went into: the chain of tasks that its end waited for, and who is to blame for each part of it.

The chain is found by going back from the last task to end, each time to the dependency that ended last. Its times cut
the makespan into pieces without gap or overlap, so what is blamed adds up to the makespan exactly:

- ``queue``: ready, but no slot was free, or the run was paused;
- ``rate_limit``: the same while the limiter held its lane back, attempts turned away with 429, and their back-offs;
- ``model``: the attempt that answered (or runs, or was cancelled), and a planner at work;
- ``tools``: what the tools of that attempt took; they stand behind its model calls here, whenever they ran;
- ``retry``: attempts that failed or were lost in a crash, and their back-offs;
- ``dependency``: from the end of the last dependency to ready; tasks of other swarms are waited for here;
- ``merge``: merges, and what came after the last task.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.task import TaskKind, TaskStatus
from app.domain.values import value

QUEUE, RATE_LIMIT, MODEL, TOOLS = "queue", "rate_limit", "model", "tools"
RETRY, DEPENDENCY, MERGING = "retry", "dependency", "merge"
BLAMES = (QUEUE, RATE_LIMIT, MODEL, TOOLS, RETRY, DEPENDENCY, MERGING)

NOTICE_MS = 1_000
"""A run hears once in this time that a lane holds it back, so a notice stands for at least so long."""

_OPEN = {TaskStatus.RUNNING: 3, TaskStatus.RETRYING: 2, TaskStatus.QUEUED: 1, TaskStatus.WAITING: 0}
"""Who a run that goes on is waiting for: the first of those that have come furthest."""


@value()
class Timing:
    """When one task did what, Unix milliseconds. Made by place where there is one for each task of a run.

    Attributes:
        steps: its model calls.
        depends_on: ids; those that are no tasks of this run are waited for, but not followed.
        attempts: attempts started.
        queued_at_ms: when it last became ready; 0: never.
        queue_ms: how long the newest attempt waited for its slot.
        started_at_ms: of the newest attempt.
        busy_ms: what its calls took, where it has answered: between them it may have waited.
        tools_ms: what its tools took of that.
    """

    task_id: str
    status: TaskStatus
    kind: TaskKind = TaskKind.TASK
    steps: int = 1
    depends_on: Sequence[str] = ()
    lane: str = ""
    attempts: int = 0
    queued_at_ms: int = 0
    queue_ms: int = 0
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    busy_ms: float | None = None
    tools_ms: float = 0.0

    @property
    def answers(self) -> bool:
        """Whether the newest attempt has answered or may still do so."""
        return self.status in {TaskStatus.RUNNING, TaskStatus.COMPLETED}


@value(kw_only=True)
class Tried:
    """An attempt that ended without an output; ``error`` is the machine name of why."""

    started_at_ms: int
    ended_at_ms: int
    queue_ms: int
    status: str
    error: str | None = None


@value(kw_only=True)
class Throttled:
    """The limiter told the run that ``lane`` lets nothing start, for ``wait_ms`` as far as it knew."""

    lane: str
    at_ms: int
    wait_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalPath:
    """Attributes:
    critical_tasks: task ids, first to last.
    critical_steps: Kimi K2.5's metric, the steps that had to be made one after another (``critical_steps``).
    total_steps: model calls of all started tasks.
    makespan_ms: from the creation of the run to its end, or to now.
    model_ms: of the attempts that answered or run with their tools, all tasks together: what one agent alone would
        have taken.
    most_parallel: the most attempts at work at the same time.
    blame: milliseconds by culprit (``BLAMES``); they add up to ``makespan_ms``.
    """

    critical_tasks: Sequence[str]
    critical_steps: int
    total_steps: int
    makespan_ms: int
    model_ms: int
    most_parallel: int
    blame: Mapping[str, int]

    @property
    def speedup(self) -> float:
        """One agent's time over the makespan; 0 before anything ran."""
        return self.model_ms / self.makespan_ms if self.makespan_ms else 0.0

    @property
    def parallel_efficiency(self) -> float:
        """Speedup over the agents used at once, 0-1 (Grama et al., Introduction to Parallel Computing, 2003, 5.2)."""
        return min(self.speedup / self.most_parallel, 1.0) if self.most_parallel else 0.0


def critical_chain(timings: Sequence[Timing], *, until_ms: int) -> list[int]:
    """Return the indices of the tasks that the end of the run waited for, first to last; O(tasks + edges followed).

    Args:
        until_ms: the end of the run, or now: tasks that have not ended count as ending then.
    """
    if not timings:
        return []
    index_of: dict[str, int] = {}
    if any(timing.depends_on for timing in timings):
        index_of = {timing.task_id: index for index, timing in enumerate(timings)}
    implied = _Implied(timings) if any(timing.kind != TaskKind.TASK for timing in timings) else None
    at: int | None = max(range(len(timings)), key=lambda index: _lateness(timings[index], index))
    chain: list[int] = []
    seen: set[int] = set()
    while at is not None and at not in seen:
        seen.add(at)
        chain.append(at)
        named = [index_of[name] for name in timings[at].depends_on if name in index_of]
        if named:
            at = max(named, key=lambda index: (_end(timings[index], until_ms), -index))
        else:
            at = None if implied is None else implied.before(timings[at])
    chain.reverse()
    return chain


def critical_path(
    timings: Sequence[Timing],
    chain: Sequence[int],
    *,
    created_at_ms: int,
    until_ms: int,
    tried: Mapping[int, Sequence[Tried]],
    throttled: Iterable[Throttled],
) -> CriticalPath:
    """Blame each millisecond from ``created_at_ms`` to ``until_ms``.

    Args:
        chain: from ``critical_chain``.
        tried: of the tasks in the chain by index, oldest first. Where it is missing for a task of several attempts,
            all that came before the newest one counts as ``retry``.
    """
    planners = [timing for timing in timings if timing.kind == TaskKind.PLANNER and timing.started_at_ms is not None]
    ledger = _Ledger(created_at_ms, max(until_ms, created_at_ms), throttled, planners)
    for index in chain:
        _blame_task(ledger, timings[index], tried.get(index, ()), until_ms)
    ledger.spend(until_ms, MERGING)
    began = [timing for timing in timings if timing.ended_at_ms is not None or timing.answers]
    spans = [
        (timing.started_at_ms, _end(timing, until_ms))
        for timing in began
        if timing.started_at_ms is not None and timing.kind != TaskKind.PLANNER  # it waits for those it gives work to
    ]
    return CriticalPath(
        critical_tasks=[timings[index].task_id for index in chain],
        critical_steps=critical_steps(timings),
        total_steps=sum(timing.steps for timing in timings if timing.attempts),
        makespan_ms=ledger.end_ms - created_at_ms,
        model_ms=round(sum(_busy_ms(timing, until_ms) for timing in began if timing.answers)),
        most_parallel=_most_at_once(spans) or min(len(planners), 1),
        blame=ledger.parts,
    )


def critical_steps(timings: Sequence[Timing]) -> int:
    """Return the steps that have to be made one after another, whatever the parallelism.

    Kimi K2.5 (technical report, arXiv:2602.02276, "Critical steps as resource constraint") sums over its stages what
    the main agent did and what the slowest sub-agent of the stage did: sum_t (S_main(t) + max_i S_sub,i(t)). In a graph
    the stages are the levels: how many tasks the longest chain up to a task has. A planner is the main agent. A merge
    that names no dependencies comes after every task. Tasks that never started have no steps.
    """
    main = sum(timing.steps for timing in timings if timing.kind == TaskKind.PLANNER and timing.attempts)
    levels = _levels(timings)
    last = max((levels[index] for index, timing in enumerate(timings) if timing.kind == TaskKind.TASK), default=-1)
    slowest: dict[int, int] = {}
    for index, timing in enumerate(timings):
        if timing.attempts and timing.kind != TaskKind.PLANNER:
            level = levels[index]
            if timing.kind == TaskKind.MERGE and not timing.depends_on:
                level = last + 1
            if timing.steps > slowest.get(level, 0):
                slowest[level] = timing.steps
    return main + sum(slowest.values())


def _levels(timings: Sequence[Timing]) -> list[int]:
    """Return how many tasks stand before each one on the longest chain to it (Kahn's algorithm)."""
    levels = [0] * len(timings)
    if not any(timing.depends_on for timing in timings):
        return levels
    index_of = {timing.task_id: index for index, timing in enumerate(timings)}
    missing = [0] * len(timings)
    dependents: list[list[int]] = [[] for _ in timings]
    for index, timing in enumerate(timings):
        for name in dict.fromkeys(timing.depends_on):
            source = index_of.get(name)
            if source is not None:
                missing[index] += 1
                dependents[source].append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    while ready:
        source = ready.pop()
        below = levels[source] + 1
        for index in dependents[source]:
            levels[index] = max(levels[index], below)
            missing[index] -= 1
            if not missing[index]:
                ready.append(index)
    return levels


def _lateness(timing: Timing, index: int) -> tuple[int, int, int, int]:
    """Sort key: open tasks before ended ones; among them who came furthest and began first, else who ended last."""
    if timing.ended_at_ms is not None:
        return (0, timing.ended_at_ms, 0, -index)
    return (1, _OPEN.get(timing.status, 0), -(timing.started_at_ms or timing.queued_at_ms), -index)


def _end(timing: Timing, until_ms: int) -> int:
    return until_ms if timing.ended_at_ms is None else min(timing.ended_at_ms, until_ms)


def _busy_ms(timing: Timing, until_ms: int) -> float:
    if timing.started_at_ms is None:
        return 0
    span_ms = max(_end(timing, until_ms) - timing.started_at_ms, 0)
    return span_ms if timing.busy_ms is None else min(timing.busy_ms, span_ms)


def _most_at_once(spans: Sequence[tuple[int, int]]) -> int:
    starts = sorted(start for start, _ in spans)
    ends = sorted(max(start, end) for start, end in spans)
    most = over = 0
    for begun, start in enumerate(starts, start=1):
        while over < len(ends) and ends[over] <= start and over < begun - 1:
            over += 1
        most = max(most, begun - over)
    return most


class _Implied:
    """What came before where no dependency says so: tasks come from a planner, merges from tasks."""

    def __init__(self, timings: Sequence[Timing]) -> None:
        self._timings = timings
        self._by_end = sorted(
            (timing.ended_at_ms, index)
            for index, timing in enumerate(timings)
            if timing.ended_at_ms is not None and timing.started_at_ms is not None
        )

    def before(self, timing: Timing) -> int | None:
        """Return who ended last before ``timing`` started; of a planner, the last of those it gave work to."""
        if timing.started_at_ms is None:
            return self._last(timing.queued_at_ms, -1) if timing.queued_at_ms else None
        if timing.kind == TaskKind.PLANNER and timing.ended_at_ms is not None:
            inner = self._last(timing.ended_at_ms, timing.started_at_ms)
            if inner is not None:
                return inner
        return self._last(timing.started_at_ms - timing.queue_ms, -1)

    def _last(self, ended_by_ms: int, started_from_ms: int) -> int | None:
        place = bisect_right(self._by_end, (ended_by_ms, len(self._timings)))
        while place:
            place -= 1
            index = self._by_end[place][1]
            started_at_ms = self._timings[index].started_at_ms
            if started_at_ms is not None and started_at_ms > started_from_ms:
                return index
        return None


@dataclass(slots=True)
class _Ledger:
    """Hands out the time from ``at_ms`` to ``end_ms``, each millisecond once."""

    at_ms: int
    end_ms: int
    throttled: Iterable[Throttled]
    planners: Sequence[Timing]
    parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BLAMES, 0))
    _closed: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for notice in sorted(self.throttled, key=lambda notice: notice.at_ms):
            closed = self._closed.setdefault(notice.lane, [])
            until_ms = notice.at_ms + max(notice.wait_ms, NOTICE_MS)
            if closed and notice.at_ms <= closed[-1][1]:
                closed[-1] = (closed[-1][0], max(until_ms, closed[-1][1]))
            else:
                closed.append((notice.at_ms, until_ms))

    def spend(self, until_ms: int, blame: str) -> None:
        until_ms = min(until_ms, self.end_ms)
        if until_ms > self.at_ms:
            self.parts[blame] += until_ms - self.at_ms
            self.at_ms = until_ms

    def wait(self, until_ms: int, lane: str) -> None:
        """Waiting for a slot."""
        closed = self._closed.get(lane, [])
        place = max(bisect_right(closed, (self.at_ms, self.end_ms)) - 1, 0)
        while place < len(closed) and closed[place][0] < until_ms:
            self.spend(closed[place][0], QUEUE)
            self.spend(min(closed[place][1], until_ms), RATE_LIMIT)
            place += 1
        self.spend(until_ms, QUEUE)

    def idle(self, until_ms: int) -> None:
        """Not ready yet: a planner may be at work, or wait for its slot."""
        for planner in self.planners:
            start_ms, end_ms = planner.started_at_ms or 0, _end(planner, self.end_ms)
            if start_ms < until_ms and end_ms > self.at_ms:
                self.spend(start_ms - planner.queue_ms, DEPENDENCY)
                self.wait(start_ms, planner.lane)
                self.spend(min(end_ms, until_ms), MODEL)
        self.spend(until_ms, DEPENDENCY)


def _blame_task(ledger: _Ledger, timing: Timing, tried: Sequence[Tried], until_ms: int) -> None:
    end_ms = _end(timing, until_ms)
    if timing.kind == TaskKind.MERGE:
        ledger.spend(end_ms, MERGING)
        return
    lost: str | None = None  # what the attempt before is to blame for: the back-off after it, too
    for attempt in tried:
        _until_ready(ledger, attempt.started_at_ms - attempt.queue_ms, lost)
        ledger.wait(attempt.started_at_ms, timing.lane)
        lost = MODEL if attempt.status == TaskStatus.CANCELLED else RETRY
        if attempt.error == RATE_LIMIT:
            lost = RATE_LIMIT
        ledger.spend(attempt.ended_at_ms, lost)
    if timing.attempts > 1 and not tried:
        lost = RETRY
    if timing.answers and timing.started_at_ms is not None:
        _until_ready(ledger, timing.started_at_ms - timing.queue_ms, lost)
        ledger.wait(timing.started_at_ms, timing.lane)
        ledger.spend(max(end_ms - round(timing.tools_ms), timing.started_at_ms), MODEL)
        ledger.spend(end_ms, TOOLS)
    elif timing.status is TaskStatus.RETRYING or (timing.ended_at_ms is not None and timing.attempts):
        ledger.spend(end_ms, lost or RETRY)
    elif timing.queued_at_ms:
        if timing.started_at_ms is not None and timing.attempts > len(tried):  # between two calls of an attempt
            _until_ready(ledger, timing.started_at_ms - timing.queue_ms, lost)
            ledger.wait(timing.started_at_ms, timing.lane)
            lost = MODEL
        _until_ready(ledger, timing.queued_at_ms, lost)
        ledger.wait(end_ms, timing.lane)
    else:
        ledger.idle(end_ms)


def _until_ready(ledger: _Ledger, ready_at_ms: int, lost: str | None) -> None:
    if lost is None:
        ledger.idle(ready_at_ms)
    else:
        ledger.spend(ready_at_ms, lost)
