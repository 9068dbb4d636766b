"""The attempts of one run that are under way: started, hedged, stopped, and what came of them told to their runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import orjson
import structlog

from app.domain.changes import AwaitCall, StartAttempt, StartHedge
from app.domain.facts import AttemptFailed, Fact, HedgeDropped, HedgeDue, StepTaken
from app.domain.figures import percentile
from app.domain.swarm import SwarmState
from app.domain.task import Awaited, TaskKind, TaskStatus
from app.ports.admission import CallOutcome, CallReport
from app.ports.clock import Clock
from app.ports.dispatch import Answer, Begins, Dispatch, Job
from app.ports.provider import RateLimitHeaders
from app.ports.runs import RunStore
from app.scheduler import tool_calls
from app.scheduler.admission import Admission, Claimant

_log = structlog.get_logger(__name__)

_HEDGE_AFTER = 20
"""Completed attempts from which on a percentile of their latencies says something."""

_LOOK_AGAIN = 50

_TOLD_S = 0.1
"""What a worker's answer may take to be recorded and heard of, beside the call itself."""

_KEPT_CHARS = 65_536
"""Of a journal that is kept between two calls of a task; a longer one is read from the store."""

_AT_A_TIME = 4
"""Attempts started before the loop comes round (``_let_send``). Decision, 2026-11-22: of 2, 4, 8, 16, 32 and all at
once, 10,000 tasks at 300 took 1.05, 1.04-1.06, 1.06, 1.06, 1.08 and 1.08 times the floor; 300 at 300 1.15-1.20, and
1.24."""

_NOT_CALLED = frozenset({"unknown_model"})
_TURNED_AWAY = frozenset({"rate_limit"})
_ERRED = frozenset({"provider_error", "provider_unavailable", "malformed_answer", "answer_too_large"})
"""Where they do not tell of an outage."""


class Attempts:
    def __init__(
        self, dispatch: Dispatch, runs: RunStore, admission: Admission, clock: Clock, post: Callable[[Fact], None]
    ) -> None:
        self._dispatch = dispatch
        self._runs = runs
        self._admission = admission
        self._clock = clock
        self._post = post
        self._calls: dict[int, dict[asyncio.Task[None], Job]] = {}
        self._hedges: dict[int, asyncio.TimerHandle] = {}
        self._jobs: dict[int, tuple[Job, Claimant, str]] = {}
        self._slow: tuple[int, float] | None = None
        self._journals: dict[int, tuple[int, Sequence[str]]] = {}

    def start(
        self,
        state: SwarmState,
        claimant: Claimant,
        start: StartAttempt | AwaitCall,
        inputs: dict[str, str],
        group: asyncio.TaskGroup,
        journal: Sequence[str] = (),
    ) -> None:
        task = state.tasks[start.index]
        if task.status is not TaskStatus.RUNNING or task.attempt != start.attempt:  # cancelled since the commit
            if not isinstance(start, AwaitCall):
                self._admission.release(claimant, task.lane)
            return
        job = Job(
            swarm_id=state.swarm_id,
            spec=state.spec,
            index=start.index,
            task_id=task.task_id,
            attempt=start.attempt,
            model=task.model,
            timeout_s=task.timeout_s - task.busy_ms / 1000,
            payload=task.payload,
            inputs=inputs,
            kind=task.kind,
            journal=journal,
            step=task.step,
            failures=task.failures,
            tenant_id=state.tenant_id,
            priority=state.priority or task.priority,
        )
        if self._dispatch.outlives:
            tags, tools = _needs(job)
            job = replace(job, needs=tags, tools=tools, provider=task.lane.partition("/")[0])
        if isinstance(start, AwaitCall):
            job = replace(job, call=start.call, again=True)
            self._admission.take_over(claimant, task.lane)
        hedge_after_s = self._hedge_after_s(state)
        if hedge_after_s is None:
            self._call(job, claimant, task.lane, group)
        else:
            self._jobs[job.index] = (job, claimant, task.lane)
            self._call(job, claimant, task.lane, group, partial(self._hedge_later, job, hedge_after_s))

    async def start_each(
        self, state: SwarmState, claimant: Claimant, starts: Sequence[StartAttempt], group: asyncio.TaskGroup
    ) -> None:
        """Start attempts that build on nothing."""
        for count, start in enumerate(starts, 1):
            self.start(state, claimant, start, {}, group)
            await _let_send(count)

    async def start_with_inputs(
        self,
        state: SwarmState,
        claimant: Claimant,
        starts: Sequence[StartAttempt | AwaitCall],
        group: asyncio.TaskGroup,
    ) -> None:
        """Fetch the outputs and journals that these attempts build on, in one query for all each, then start them."""
        sources = {start.index: _sources(state, start.index) for start in starts}
        needed: dict[str, set[int]] = {}
        for source in chain.from_iterable(sources.values()):
            needed.setdefault(source.swarm_id, set()).add(source.index)
        outputs = {
            swarm_id: await self._runs.outputs(swarm_id, sorted(indices)) for swarm_id, indices in needed.items()
        }
        journals = {start.index: self._kept(state, start) for start in starts if state.tasks[start.index].step}
        unknown = sorted(index for index, journal in journals.items() if not journal)
        if unknown:
            journals |= await self._runs.journals(state.swarm_id, unknown)
        for count, start in enumerate(starts, 1):
            inputs = {
                source.task_id: outputs[source.swarm_id][source.index]
                for source in sources[start.index]
                if source.index in outputs[source.swarm_id]
            }
            self.start(state, claimant, start, inputs, group, journals.get(start.index, ()))
            await _let_send(count)

    def _kept(self, state: SwarmState, start: StartAttempt | AwaitCall) -> Sequence[str]:
        """Return the journal of a task whose attempt goes on here; empty where it is not kept."""
        attempt, journal = self._journals.pop(start.index, (0, ()))
        return journal if attempt == start.attempt and len(journal) == state.tasks[start.index].step else ()

    def _keep(self, job: Job, record: str) -> None:
        """Keep the journal for the next call; of a hedged pair the first answer counts."""
        attempt, journal = self._journals.get(job.index, (0, ()))
        if attempt == job.attempt and len(journal) > job.step:
            return
        if len(record) + sum(map(len, job.journal)) <= _KEPT_CHARS:
            self._journals[job.index] = (job.attempt, [*job.journal, record])

    def start_hedge(self, state: SwarmState, hedge: StartHedge, group: asyncio.TaskGroup) -> None:
        """Make the second call if the first one still runs and a slot is to spare."""
        task = state.tasks[hedge.index]
        wanted = task.status is TaskStatus.RUNNING and task.attempt == hedge.attempt
        under_way = self._jobs.get(hedge.index)
        if wanted and under_way is not None:  # neither cancelled nor ended since the commit
            job, claimant, lane = under_way
            if job.attempt == hedge.attempt and self._admission.take_spare(claimant, lane):
                self._call(replace(job, call=1), claimant, lane, group)
                return
        self._post(HedgeDropped(hedge.index, hedge.attempt))

    def _hedge_later(self, job: Job, after_s: float) -> None:
        """The job begins now: what it waited for a worker is no time of its provider's."""
        under_way = self._jobs.get(job.index)
        if under_way is not None and under_way[0] is job and job.index not in self._hedges:
            due = HedgeDue(job.index, job.attempt)
            self._hedges[job.index] = asyncio.get_running_loop().call_later(after_s, self._post, due)

    def _hedge_after_s(self, state: SwarmState) -> float | None:
        """How long most attempts of the run took; looked up anew after every fiftieth of them."""
        wanted, count = state.spec.retry.hedge_percentile, len(state.latencies_ms)
        if wanted is None or count < _HEDGE_AFTER:
            return None
        if self._slow is None or count - self._slow[0] >= _LOOK_AGAIN:
            self._slow = (count, (percentile(sorted(state.latencies_ms), wanted) or 0) / 1000)
        return self._slow[1] + (_TOLD_S if self._dispatch.outlives else 0.0)

    def stop(self, index: int) -> None:
        for call, job in self._calls.get(index, {}).items():
            self._dispatch.withdraw(job)
            call.cancel()

    def leave(self) -> None:
        """Wait no longer for calls that go on without this process; the next runner does."""
        for call in [call for calls in self._calls.values() for call in calls]:
            call.cancel()

    def forget_hedges(self) -> None:
        for handle in self._hedges.values():
            handle.cancel()

    def _call(
        self, job: Job, claimant: Claimant, lane: str, group: asyncio.TaskGroup, begins: Begins | None = None
    ) -> None:
        call = group.create_task(self._attempt(job, claimant, lane, begins))
        self._calls.setdefault(job.index, {})[call] = job

    async def _attempt(self, job: Job, claimant: Claimant, lane: str, begins: Begins | None) -> None:
        sent_at = self._clock.monotonic()
        report = CallReport(CallOutcome.NEUTRAL, sent_at=sent_at)  # cancelled
        fact: Answer | None = None
        try:
            fact = await self._dispatch.run(job, self._note_limits, begins)
            if self._dispatch.outlives:  # it may have waited for a worker's free hand
                sent_at = max(sent_at, self._clock.monotonic() - fact.latency_ms / 1000)
            report = _report(fact, sent_at)
        finally:
            self._forget(job.index)
            excused = self._admission.release(claimant, lane, report)
            if isinstance(fact, AttemptFailed):
                fact = replace(fact, excused=excused)
                _log.info(
                    "attempt_failed",
                    swarm_id=job.swarm_id,
                    task_id=job.task_id,
                    attempt=job.attempt,
                    error_type=fact.error.type,
                )
            if isinstance(fact, StepTaken):
                self._keep(job, fact.record)
            if fact is not None:
                self._post(replace(fact, call=job.call) if job.call else fact)

    def _note_limits(self, lane: str, headers: RateLimitHeaders) -> None:
        self._admission.note_headers(lane, headers.remaining_requests, headers.remaining_tokens, headers.reset_s)

    def _forget(self, index: int) -> None:
        calls = self._calls[index]
        call = asyncio.current_task()
        assert call is not None
        del calls[call]
        if calls:
            return
        del self._calls[index]
        self._jobs.pop(index, None)
        hedge = self._hedges.pop(index, None)
        if hedge is not None:
            hedge.cancel()


async def _let_send(started: int) -> None:
    """Let the loop come round after each few: only then leaves what they send.

    In a wave of hundreds the first would wait until the last is made, and all of the answers would come at once.
    """
    if started % _AT_A_TIME == 0:
        await asyncio.sleep(0)


def _report(fact: Answer, sent_at: float) -> CallReport:
    """Tell the limiter what came of a call."""
    if not isinstance(fact, AttemptFailed):
        return CallReport(CallOutcome.OK, tokens=fact.usage.total_tokens, sent_at=sent_at)
    kind = fact.error.type
    if kind in _NOT_CALLED:
        return CallReport(CallOutcome.UNUSED, sent_at=sent_at)
    if kind in _TURNED_AWAY:
        return CallReport(CallOutcome.RATE_LIMITED, retry_after_s=fact.retry_after_s, sent_at=sent_at)
    tokens = fact.usage.total_tokens if fact.settled else None
    if fact.outage:
        return CallReport(CallOutcome.FAILED, tokens=tokens, sent_at=sent_at)
    if kind in _ERRED:
        return CallReport(CallOutcome.ERRED, tokens=tokens, sent_at=sent_at)
    # A refusal of the request itself shows that the provider works.
    outcome = CallOutcome.NEUTRAL if fact.error.retryable else CallOutcome.OK
    return CallReport(outcome, tokens=tokens, sent_at=sent_at)


def _needs(job: Job) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tags of a job's task and the names of its tools."""
    payload = orjson.loads(job.payload)
    tools = tool_calls.listed(job.spec, payload) if job.kind is TaskKind.TASK else ()
    return tuple(payload.get("capability_tags") or ()), tuple(tools)


def _sources(state: SwarmState, index: int) -> list[Awaited]:
    """Return the dependencies of a task, of this and other swarms, in ``depends_on`` order."""
    sources = [
        Awaited(0, state.tasks[dependency].task_id, state.swarm_id, dependency)
        for dependency in state.graph.dependencies[index]
    ]
    for awaited in sorted(state.tasks[index].awaits, key=lambda entry: entry.position):
        sources.insert(awaited.position, awaited)
    return sources
