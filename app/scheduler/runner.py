"""Runs one swarm: facts -> step -> one commit -> effects.

A turn takes all facts that came in, steps them, asks admission for slots and steps those, commits changes + events +
totals in one transaction, rings the doorbell, and only then performs the effects. While a commit is on its way to the
disk further facts pile up, so the batch grows with the load and a lone task waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

import structlog

from app.domain.errors import LeaseLost, StoreUnavailable
from app.domain.facts import (
    Aggregate,
    AggregateCompleted,
    AttemptFailed,
    AwaitedEnded,
    CancelRequested,
    DeadlinePassed,
    Fact,
    ParallelismChanged,
    RetryDue,
    ScheduleRetry,
    SlotsGranted,
    StartAttempt,
    Step,
    StopAttempt,
)
from app.domain.swarm import SwarmState
from app.domain.task import Awaited, TaskStatus
from app.domain.transitions import resume, step
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell, control_of, end_of, events_of, idle_of
from app.ports.feed import EventFeed
from app.ports.store import Commit, EncodedEvent, Lease, RunStore
from app.ports.telemetry import SwarmMetrics
from app.scheduler.admission import UNGROUPED, Admission, Claimant
from app.scheduler.executor import Executor, Job
from app.scheduler.reducer import Reducer

_log = structlog.get_logger(__name__)

_MAX_FACTS = 64
"""Facts a turn takes. Outcomes often come in waves; in one large turn the first would wait for the last to be stepped,
written and followed up, while in several the next attempts of the first are on their way meanwhile."""

_MAX_COMMIT_WAIT_S = 5.0
_FIRST_COMMIT_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Machinery:
    """What all runners of a process share."""

    runs: RunStore
    admission: Admission
    executor: Executor
    reducer: Reducer
    doorbell: Doorbell
    clock: Clock
    metrics: SwarmMetrics
    feed: EventFeed


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Task ``index`` waits for a task of another swarm."""

    index: int
    awaited: Awaited


class Runner:
    """The owner of one run while it holds the lease."""

    def __init__(self, lease: Lease, shared: Machinery) -> None:
        self._lease = lease
        self._shared = shared
        self._inbox: list[Fact] = []
        self._news = asyncio.Event()
        self._control_rang = True  # what clients asked for before this runner listened must be read too
        self._attempts: dict[int, asyncio.Task[None]] = {}
        self._retries: dict[int, asyncio.TimerHandle] = {}
        self._merge: asyncio.Task[None] | None = None
        self._awaited: set[_Waiting] = set()
        self._awaited_rang = True

    async def run(self) -> None:
        """Carry the swarm to its end.

        Raises:
            LeaseLost: another runner took over; nothing more was written.
            CancelledError: this process stops; the run stays as last committed and is resumed by whoever claims it.
        """
        shared = self._shared
        state = await shared.runs.load(self._lease)
        claimant = Claimant(state.spec.agent_id if state.spec.grouped else UNGROUPED, self._news.set)
        _log.info("swarm_claimed", swarm_id=state.swarm_id, status=state.status.value, tasks=len(state.tasks))
        shared.metrics.took_over(state)
        shared.feed.attach(state)
        deadline: asyncio.TimerHandle | None = None
        with ExitStack() as listening:
            for steered in (state.swarm_id, state.spec.agent_id):
                listening.enter_context(shared.doorbell.listen(control_of(steered), self._on_control))
            self._awaited = {_Waiting(task.index, awaited) for task in state.tasks for awaited in task.awaits}
            for swarm_id in {waiting.awaited.swarm_id for waiting in self._awaited}:
                listening.enter_context(shared.doorbell.listen(events_of(swarm_id), self._on_awaited))
            try:
                async with asyncio.TaskGroup() as group:
                    if state.spec.timeout_s is not None:
                        age_s = max(shared.clock.now_ms() - state.created_at_ms, 0) / 1000
                        delay_s = max(state.spec.timeout_s - age_s, 0)
                        deadline = asyncio.get_running_loop().call_later(delay_s, self._post, DeadlinePassed())
                    out = Step()
                    resume(state, shared.clock.now_ms(), out)
                    await self._turn(state, claimant, out, group)
                    while not state.ended:
                        await self._news.wait()
                        self._news.clear()
                        await self._turn(state, claimant, Step(), group)
            except BaseExceptionGroup as failures:
                if failures.split(LeaseLost)[1] is None:  # nothing else went wrong
                    raise LeaseLost(state.swarm_id) from failures
                raise
            finally:
                if deadline is not None:
                    deadline.cancel()
                for handle in self._retries.values():
                    handle.cancel()
                shared.admission.leave(claimant)
                shared.feed.detach(state)
                shared.metrics.let_go(state)

    # --- one turn ----------------------------------------------------------------------------------------------------

    async def _turn(self, state: SwarmState, claimant: Claimant, out: Step, group: asyncio.TaskGroup) -> None:
        control = await self._control(state)
        awaited = await self._awaited_ended()
        facts, self._inbox = self._inbox[:_MAX_FACTS], self._inbox[_MAX_FACTS:]
        if self._inbox:
            self._news.set()
        now_ms = self._shared.clock.now_ms()
        for fact in (*control, *awaited, *facts):
            step(state, fact, now_ms, out)
        self._fill_slots(state, claimant, now_ms, out)
        if out.changes or out.events:
            await self._commit(state, out)
            self._announce(state, out)
        self._perform(state, claimant, out, group)

    async def _control(self, state: SwarmState) -> list[Fact]:
        if not self._control_rang:
            return []
        self._control_rang = False
        control = await self._shared.runs.control(self._lease.swarm_id)
        if state.spec.grouped and control.group_limit is not None:
            self._shared.admission.set_group_limit(state.spec.agent_id, control.group_limit)
        facts: list[Fact] = [ParallelismChanged(control.max_parallel_agents)]
        if control.cancel_requested:
            facts.append(CancelRequested())
        return facts

    async def _awaited_ended(self) -> list[Fact]:
        """Ask how the tasks of other swarms stand that tasks of this one wait for, after news of those swarms."""
        if not (self._awaited and self._awaited_rang):
            return []
        self._awaited_rang = False
        ended = await self._shared.runs.ended(tuple({waiting.awaited for waiting in self._awaited}))
        facts: list[Fact] = []
        for waiting in tuple(self._awaited):
            if waiting.awaited in ended:
                self._awaited.discard(waiting)
                facts.append(AwaitedEnded(waiting.index, waiting.awaited, ended[waiting.awaited]))
        return facts

    def _fill_slots(self, state: SwarmState, claimant: Claimant, now_ms: int, out: Step) -> None:
        """Take slots for what is ready. Stepped last in a turn: the store writes starts after ends."""
        admission = self._shared.admission
        granted = claimant.take()
        for lane, ready in state.ready_count.items():
            if ready or lane in granted:
                want = state.startable(lane) - granted.get(lane, 0)
                admission.demand(claimant, lane, want, -state.ready[lane][0][0] if state.ready[lane] else 0)
        for lane, count in claimant.take().items():
            granted[lane] = granted.get(lane, 0) + count
        for lane, count in granted.items():
            before = len(out.effects)
            step(state, SlotsGranted(lane, count), now_ms, out)
            used = sum(isinstance(effect, StartAttempt) for effect in out.effects[before:])
            admission.release(claimant, lane, count - used)

    async def _commit(self, state: SwarmState, out: Step) -> None:
        """Write the turn; a store that refuses is asked again until it takes it, while running attempts go on."""
        commit = Commit(
            state=state,
            changes=out.changes,
            events=[EncodedEvent.of(event, state.swarm_id) for event in out.events],
        )
        wait_s = _FIRST_COMMIT_WAIT_S
        while True:
            try:
                position = await self._shared.runs.commit(self._lease, commit)
            except StoreUnavailable as exc:
                _log.error("commit_refused", swarm_id=state.swarm_id, error=exc.detail, retry_in_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_COMMIT_WAIT_S)
            else:
                self._shared.feed.publish(state.spec.agent_id, state.swarm_id, position, commit.events)
                return

    def _announce(self, state: SwarmState, out: Step) -> None:
        doorbell = self._shared.doorbell
        doorbell.ring(events_of(state.swarm_id))
        if state.ended:
            doorbell.ring(end_of(state.swarm_id))
            doorbell.ring(idle_of(state.spec.agent_id))
            counts = {name: count for name, count in state.counts.as_dict().items() if count}
            _log.info("swarm_ended", swarm_id=state.swarm_id, status=state.status.value, **counts)
        self._shared.metrics.committed(state, out)

    # --- effects -----------------------------------------------------------------------------------------------------

    def _perform(self, state: SwarmState, claimant: Claimant, out: Step, group: asyncio.TaskGroup) -> None:
        with_inputs: list[StartAttempt] = []
        for effect in out.effects:
            match effect:
                case StartAttempt():
                    if state.graph.dependencies[effect.index] or state.tasks[effect.index].awaits:
                        with_inputs.append(effect)
                    else:
                        self._start(state, claimant, effect, {}, group)
                case StopAttempt():
                    attempt = self._attempts.get(effect.index)
                    if attempt is not None:
                        attempt.cancel()
                case ScheduleRetry():
                    self._schedule(effect)
                case Aggregate():
                    self._merge = group.create_task(self._aggregate(state))
        if with_inputs:
            group.create_task(self._start_with_inputs(state, claimant, with_inputs, group))
        if state.ended and self._merge is not None:
            self._merge.cancel()

    async def _start_with_inputs(
        self, state: SwarmState, claimant: Claimant, starts: Sequence[StartAttempt], group: asyncio.TaskGroup
    ) -> None:
        """Fetch the outputs that these attempts build on, in one query for all of them, then start them."""
        sources = {start.index: _sources(state, start.index) for start in starts}
        needed: dict[str, set[int]] = {}
        for source in chain.from_iterable(sources.values()):
            needed.setdefault(source.swarm_id, set()).add(source.index)
        outputs = {
            swarm_id: await self._shared.runs.outputs(swarm_id, sorted(indices)) for swarm_id, indices in needed.items()
        }
        for start in starts:
            inputs = {
                source.task_id: outputs[source.swarm_id][source.index]
                for source in sources[start.index]
                if source.index in outputs[source.swarm_id]
            }
            self._start(state, claimant, start, inputs, group)

    def _start(
        self,
        state: SwarmState,
        claimant: Claimant,
        start: StartAttempt,
        inputs: dict[str, str],
        group: asyncio.TaskGroup,
    ) -> None:
        task = state.tasks[start.index]
        if task.status is not TaskStatus.RUNNING or task.attempt != start.attempt:  # cancelled since the commit
            self._shared.admission.release(claimant, task.lane, 1)
            return
        job = Job(
            swarm_id=state.swarm_id,
            spec=state.spec,
            index=start.index,
            task_id=task.task_id,
            attempt=start.attempt,
            requested_model=task.requested_model,
            timeout_s=task.timeout_s,
            payload=task.payload,
            inputs=inputs,
        )
        self._attempts[start.index] = group.create_task(self._attempt(job, claimant, task.lane))

    async def _attempt(self, job: Job, claimant: Claimant, lane: str) -> None:
        try:
            fact = await self._shared.executor.run(job)
            if isinstance(fact, AttemptFailed):
                _log.info(
                    "attempt_failed",
                    swarm_id=job.swarm_id,
                    task_id=job.task_id,
                    attempt=job.attempt,
                    error_type=fact.error.type,
                )
            self._post(fact)
        finally:
            if self._attempts.get(job.index) is asyncio.current_task():
                del self._attempts[job.index]
            self._shared.admission.release(claimant, lane, 1)

    async def _aggregate(self, state: SwarmState) -> None:
        try:
            fact = await self._shared.reducer.reduce(state)
        except Exception:
            _log.exception("aggregation_crashed", swarm_id=state.swarm_id)
            aggregation = dict(state.spec.aggregate) | {"status": "failed", "error": "the merge failed; see the log"}
            fact = AggregateCompleted(None, aggregation)
        self._post(fact)

    def _schedule(self, effect: ScheduleRetry) -> None:
        delay_s = max(effect.at_ms - self._shared.clock.now_ms(), 0) / 1000
        self._retries[effect.index] = asyncio.get_running_loop().call_later(
            delay_s, self._post, RetryDue(effect.index, effect.attempt)
        )

    def _post(self, fact: Fact) -> None:
        self._inbox.append(fact)
        self._news.set()

    def _on_awaited(self) -> None:
        self._awaited_rang = True
        self._news.set()

    def _on_control(self) -> None:
        self._control_rang = True
        self._news.set()


def _sources(state: SwarmState, index: int) -> list[Awaited]:
    """Return the dependencies of a task, of this and other swarms, in ``depends_on`` order."""
    sources = [
        Awaited(0, state.tasks[dependency].task_id, state.swarm_id, dependency)
        for dependency in state.graph.dependencies[index]
    ]
    for awaited in sorted(state.tasks[index].awaits, key=lambda entry: entry.position):
        sources.insert(awaited.position, awaited)
    return sources
