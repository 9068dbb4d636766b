"""What a run would cost and how long it would take: its scheduling played through on a clock of its own.

The rules are those of the scheduler: a task is ready once its dependencies have ended, ready tasks start by priority,
complexity and age, as many at once as the run, its orchestrator, the provider and the lane allow, no faster than the
lane's rates. How long a call takes is drawn from what was measured, evenly over its whole spread, so the slowest of
many calls is as slow as it would be. Nothing is random: the same input gives the same forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil, inf

from app.domain.critical_path import Timing, critical_chain
from app.domain.limiter import TokenBucket
from app.domain.retry import RetryPolicy, back_off_s
from app.domain.task import TaskKind, TaskStatus
from app.domain.usage import Price, Usage
from app.domain.values import value

BYTES_PER_TOKEN = 4
"""Rule of thumb for English text and JSON in the tokenizers of current models."""

MESSAGE_TOKENS = 4
"""Role and separators of one chat message, as OpenAI's cookbook counts them for its chat format."""

ASSUMED_OUTPUT_TOKENS = 256
ASSUMED_FIRST_TOKEN_S = 1.0
ASSUMED_TOKEN_S = 0.02

_INPUTS_BYTES = 15
_INPUT_BYTES = 6
"""What the section of the inputs, and each of them beside its id and its text, adds to a prompt."""

_TICKS_PER_S = 10**9
_LATENCY_STRIDE = 0.6180339887498949
_FAILURE_STRIDE = 0.7548776662466927
"""Multiples of these fill [0, 1) evenly (additive recurrence; the golden ratio and the plastic number), so that a few
hundred draws come closer to a distribution than random ones."""


@value(kw_only=True)
class Job:
    """One task to be forecast.

    Attributes:
        dependencies: places of the tasks it waits for.
        prompt_bytes: of what it is sent, without the outputs of others.
    """

    task_id: str
    lane: str
    priority: int = 5
    complexity: int = 0
    dependencies: Sequence[int] = ()
    allow_failed_dependencies: bool = False
    prompt_bytes: int = 0
    messages: int = 1
    max_output_tokens: int = 2_048
    max_retries: int = 3
    timeout_s: float = 120.0
    kind: TaskKind = TaskKind.TASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Measured of completed calls: latencies in seconds, ascending, and tokens of an answer; nothing where unknown."""

    latencies_s: Sequence[float] = ()
    output_tokens: float | None = None
    cached_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOutlook:
    """What is known of a lane.

    Attributes:
        alone: of calls that build on no other task; ``building`` of those that do.
        error_rate: 0-1, of calls that fail and are tried again.
        limit: calls at once that the provider was seen to take.
        max_concurrency: of the provider, all its lanes together.
    """

    price: Price | None = None
    alone: Figures = field(default_factory=Figures)
    building: Figures = field(default_factory=Figures)
    error_rate: float = 0.0
    limit: int | None = None
    max_concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(slots=True)
class LaneForecast:
    """Sums of one lane; ``busy_s`` of its calls, failed ones included. ``cost_nano_usd`` is None without a price."""

    calls: int = 0
    answers: int = 0
    busy_s: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: float = 0.0
    completion_tokens: float = 0.0
    cost_nano_usd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """``failed`` tasks run out of attempts or wait for one that did; ``most_parallel`` calls run at the same time."""

    makespan_s: float
    critical_tasks: Sequence[str]
    calls: int
    failed: int
    most_parallel: int
    lanes: Mapping[str, LaneForecast]


def forecast(
    jobs: Sequence[Job], lanes: Mapping[str, LaneOutlook], *, max_parallel_agents: int, retry: RetryPolicy
) -> Forecast:
    """Play a run through, in O(tasks log tasks + dependencies).

    Args:
        lanes: one for each that a job names.
    """
    return _Play(jobs, lanes, max_parallel_agents, retry).run()


class _Lane:
    """A lane at work: who is ready, what runs, what was used."""

    def __init__(self, name: str, outlook: LaneOutlook) -> None:
        self.outlook = outlook
        self.provider = name.partition("/")[0]
        self.ready: list[tuple[int, int, int]] = []
        self.running = 0
        self.limit = inf if outlook.limit is None else outlook.limit
        self.sums = LaneForecast()
        self.asked_at = -1.0
        rpm, tpm = outlook.requests_per_minute, outlook.tokens_per_minute
        self._requests = TokenBucket(rpm, 0.0) if rpm else None
        self._tokens = TokenBucket(tpm, 0.0) if tpm else None
        self._drawn = [0, 0]
        self._failures = 0.0

    def opens_at(self, tokens: float, now: float) -> float:
        """Return when the rates let a call of ``tokens`` start: ``now`` or later."""
        at = now
        for bucket, cost in ((self._requests, 1.0), (self._tokens, tokens)):
            if bucket is not None and not bucket.affordable(cost, now):
                at = max(at, bucket.affordable_at(cost, now))
        return at

    def take(self, tokens: float, now: float) -> None:
        self.running += 1
        if self._requests is not None:
            self._requests.take(1.0, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)

    def draw(self, *, building: bool, output_tokens: float) -> tuple[float, bool]:
        """Return how long the next call takes and whether it answers."""
        figures = self.outlook.building if building else self.outlook.alone
        self._failures = (self._failures + _FAILURE_STRIDE) % 1.0
        answers = self._failures >= self.outlook.error_rate
        if not figures.latencies_s:
            return ASSUMED_FIRST_TOKEN_S + ASSUMED_TOKEN_S * output_tokens, answers
        self._drawn[building] += 1
        place = (self._drawn[building] * _LATENCY_STRIDE) % 1.0
        return figures.latencies_s[int(place * len(figures.latencies_s))], answers


class _Play:
    def __init__(
        self, jobs: Sequence[Job], lanes: Mapping[str, LaneOutlook], max_parallel_agents: int, retry: RetryPolicy
    ) -> None:
        self._jobs = jobs
        self._retry = retry
        self._lanes = {name: _Lane(name, outlook) for name, outlook in lanes.items()}
        self._providers = {lane.provider: 0 for lane in self._lanes.values()}
        self._max_parallel = max_parallel_agents
        self._running = self._most = 0
        self._now = 0.0
        self._due: list[tuple[float, int, bool]] = []
        self._dependents: list[list[int]] = [[] for _ in jobs]
        self._missing = [len(job.dependencies) for job in jobs]
        for index, job in enumerate(jobs):
            for source in job.dependencies:
                self._dependents[source].append(index)
        self._failures = [0] * len(jobs)
        self._output_tokens = [0.0] * len(jobs)
        self._input_bytes = [0.0] * len(jobs)
        self._queued = [0.0] * len(jobs)
        self._started: list[float | None] = [None] * len(jobs)
        self._ended: list[float] = [0.0] * len(jobs)
        self._status = [TaskStatus.WAITING] * len(jobs)

    def run(self) -> Forecast:
        for index, missing in enumerate(self._missing):
            if not missing:
                self._queue(index)
        self._fill()
        while self._due:
            self._now = self._due[0][0]
            while self._due and self._due[0][0] <= self._now:
                _, index, answered = heappop(self._due)
                if index >= 0:
                    self._happened(index, answered=answered)
            self._fill()
        for lane in self._lanes.values():
            _price(lane.sums, lane.outlook.price)
        timings = self._timings()
        chain = critical_chain(timings, until_ms=ceil(self._now * _TICKS_PER_S))
        return Forecast(
            makespan_s=max(self._ended, default=0.0),
            critical_tasks=[timings[index].task_id for index in chain],
            calls=sum(lane.sums.calls for lane in self._lanes.values()),
            failed=sum(status is not TaskStatus.COMPLETED for status in self._status),
            most_parallel=self._most,
            lanes={name: lane.sums for name, lane in self._lanes.items()},
        )

    def _queue(self, index: int) -> None:
        job = self._jobs[index]
        self._status[index] = TaskStatus.QUEUED
        self._queued[index] = self._now
        heappush(self._lanes[job.lane].ready, (-job.priority, -job.complexity, index))

    def _fill(self) -> None:
        for lane in self._lanes.values():
            cap = lane.outlook.max_concurrency
            most = inf if cap is None else cap
            while (
                lane.ready
                and self._running < self._max_parallel
                and lane.running < lane.limit
                and self._providers[lane.provider] < most
            ):
                index = lane.ready[0][2]
                tokens = self._prompt_tokens(index) + self._expected_output(index)
                opens_at = lane.opens_at(tokens, self._now)
                if opens_at > self._now:
                    if lane.asked_at <= self._now or opens_at < lane.asked_at:
                        lane.asked_at = opens_at
                        heappush(self._due, (opens_at, -1, False))
                    break
                heappop(lane.ready)
                lane.take(tokens, self._now)
                self._start(index, lane)

    def _start(self, index: int, lane: _Lane) -> None:
        job = self._jobs[index]
        took_s, answers = lane.draw(building=bool(job.dependencies), output_tokens=self._expected_output(index))
        if took_s > job.timeout_s:
            took_s, answers = job.timeout_s, False
        self._running += 1
        self._providers[lane.provider] += 1
        self._most = max(self._most, self._running)
        self._status[index] = TaskStatus.RUNNING
        self._started[index] = self._now
        lane.sums.calls += 1
        lane.sums.busy_s += took_s
        heappush(self._due, (self._now + took_s, index, answers))

    def _happened(self, index: int, *, answered: bool) -> None:
        """A call of a task ended, or a back-off is over."""
        job = self._jobs[index]
        lane = self._lanes[job.lane]
        if self._status[index] is TaskStatus.RETRYING:
            self._queue(index)
            return
        self._running -= 1
        lane.running -= 1
        self._providers[lane.provider] -= 1
        if answered:
            self._answered(index, lane)
            return
        self._failures[index] += 1
        if self._failures[index] <= job.max_retries:
            self._status[index] = TaskStatus.RETRYING
            heappush(self._due, (self._now + back_off_s(self._retry, self._failures[index], 0.5), index, False))
        else:
            self._end(index, TaskStatus.FAILED)

    def _answered(self, index: int, lane: _Lane) -> None:
        prompt, output = self._prompt_tokens(index), self._expected_output(index)
        figures = lane.outlook.building if self._jobs[index].dependencies else lane.outlook.alone
        lane.sums.answers += 1
        lane.sums.prompt_tokens += prompt
        lane.sums.cached_tokens += prompt * figures.cached_share
        lane.sums.completion_tokens += output
        self._output_tokens[index] = output
        self._end(index, TaskStatus.COMPLETED)

    def _end(self, index: int, status: TaskStatus) -> None:
        """Close a task and release or skip what waited for it; iterative, as a chain may be 20,000 tasks long."""
        ended = [(index, status)]
        while ended:
            source, status = ended.pop()
            self._status[source] = status
            self._ended[source] = self._now
            size = 0.0
            if status is TaskStatus.COMPLETED:
                size = self._output_tokens[source] * BYTES_PER_TOKEN + len(self._jobs[source].task_id) + _INPUT_BYTES
            for dependent in self._dependents[source]:
                self._missing[dependent] -= 1
                self._input_bytes[dependent] += size
                if self._status[dependent] is not TaskStatus.WAITING:
                    continue
                if not size and not self._jobs[dependent].allow_failed_dependencies:
                    self._status[dependent] = TaskStatus.SKIPPED
                    ended.append((dependent, TaskStatus.SKIPPED))
                elif not self._missing[dependent]:
                    self._queue(dependent)

    def _prompt_tokens(self, index: int) -> int:
        job, inputs = self._jobs[index], self._input_bytes[index]
        size = job.prompt_bytes + (inputs + _INPUTS_BYTES if inputs else 0)
        return ceil(size / BYTES_PER_TOKEN) + job.messages * MESSAGE_TOKENS

    def _expected_output(self, index: int) -> float:
        job = self._jobs[index]
        outlook = self._lanes[job.lane].outlook
        measured = (outlook.building if job.dependencies else outlook.alone).output_tokens
        return min(ASSUMED_OUTPUT_TOKENS if measured is None else measured, job.max_output_tokens)

    def _timings(self) -> list[Timing]:
        """For the chain alone, which compares times and adds none: in ticks, since calls may take less than 1 ms."""
        return [
            Timing(
                task_id=job.task_id,
                status=self._status[index],
                kind=job.kind,
                depends_on=[self._jobs[source].task_id for source in job.dependencies],
                started_at_ms=None if (started := self._started[index]) is None else round(started * _TICKS_PER_S),
                queued_at_ms=round(self._queued[index] * _TICKS_PER_S),
                ended_at_ms=round(self._ended[index] * _TICKS_PER_S),
            )
            for index, job in enumerate(self._jobs)
        ]


def _price(sums: LaneForecast, price: Price | None) -> None:
    if price is not None:
        sums.cost_nano_usd = price.cost_nano_usd(
            Usage(
                prompt_tokens=sums.prompt_tokens,
                completion_tokens=round(sums.completion_tokens),
                cached_tokens=round(sums.cached_tokens),
            )
        )
