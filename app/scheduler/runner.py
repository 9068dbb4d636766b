"""Runs one swarm: facts -> step -> one commit -> effects.

A turn takes all facts that came in, steps them, asks admission for slots and steps those, commits changes + events +
totals in one transaction, rings the doorbell, and only then performs the effects. While a commit is on its way to the
disk further facts pile up, so the batch grows with the load and a lone task waits for nobody.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from app.domain.changes import Aggregate, MakeCheckpoint, ScheduleRetry, StartAttempt, StartHedge, Step, StopAttempt
from app.domain.errors import LeaseLost, StoreUnavailable
from app.domain.events import BREAKER_CHANGED
from app.domain.facts import (
    AggregateCompleted,
    AllowanceRaised,
    AwaitedEnded,
    CheckpointMade,
    DeadlinePassed,
    Fact,
    HedgeDue,
    LaneNews,
    MergesPlanned,
    RetryDue,
    SlotsGranted,
)
from app.domain.swarm import PAUSED_BY_KEY, SwarmState
from app.domain.task import Awaited
from app.domain.transitions import resume, step
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell, control_of, end_of, events_of, idle_of
from app.ports.events import EncodedEvent
from app.ports.feed import EventFeed
from app.ports.provider import UnknownModel
from app.ports.runs import Commit, Lease, RunStore
from app.ports.telemetry import SwarmMetrics
from app.scheduler.admission import UNGROUPED, Admission, Claimant
from app.scheduler.allowances import Account, Allowances
from app.scheduler.attempts import Attempts
from app.scheduler.executor import Executor
from app.scheduler.reducer import Reducer
from app.scheduler.routing import Routing
from app.scheduler.steering import RETRY, facts_of

_log = structlog.get_logger(__name__)

_MAX_FACTS = 64
"""Facts a turn takes. Outcomes often come in waves; in one large turn the first would wait for the last to be stepped,
written and followed up, while in several the next attempts of the first are on their way meanwhile."""

_OF_MERGES = frozenset({AggregateCompleted, MergesPlanned, CheckpointMade})

_MAX_COMMIT_WAIT_S = 5.0
_FIRST_COMMIT_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Machinery:
    """What all runners of a process share; ``stopping`` is set once no new attempt may start."""

    runs: RunStore
    admission: Admission
    allowances: Allowances
    routing: Routing
    executor: Executor
    reducer: Reducer
    doorbell: Doorbell
    clock: Clock
    metrics: SwarmMetrics
    feed: EventFeed
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


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
        self._commands_done = 0
        self._is_new = True
        self._attempts = Attempts(shared.executor, shared.runs, shared.admission, shared.clock, self._post)
        self._retries: dict[int, asyncio.TimerHandle] = {}
        self._merge: asyncio.Task[None] | None = None
        self._merging = False
        self._merge_wanted: Aggregate | MakeCheckpoint | None = None
        self._awaited: set[_Waiting] = set()
        self._awaited_rang = True
        self._account: Account | None = None
        self._counted = (0, 0)
        self._waiting = ExitStack()
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_of_ms = 0

    async def run(self) -> None:
        """Carry the swarm to its end.

        Raises:
            LeaseLost: another runner took over; nothing more was written.
            CancelledError: this process stops; the run stays as last committed and is resumed by whoever claims it.
        """
        shared = self._shared
        state = await shared.runs.load(self._lease)
        await shared.routing.look_up(state)
        await self._open_account(state)
        if not state.ended:
            state.tally = await shared.reducer.tally(state)
        claimant = Claimant(
            state.spec.agent_id if state.spec.grouped else UNGROUPED, self._news.set, tenant=state.tenant_id
        )
        _log.info("swarm_claimed", swarm_id=state.swarm_id, status=state.status.value, tasks=len(state.tasks))
        shared.metrics.took_over(state)
        shared.feed.attach(state)
        with ExitStack() as listening, self._waiting:
            for steered in (state.swarm_id, state.spec.agent_id):
                listening.enter_context(shared.doorbell.listen(control_of(steered), self._on_control))
            self._awaited = {_Waiting(task.index, awaited) for task in state.tasks for awaited in task.awaits}
            for swarm_id in {waiting.awaited.swarm_id for waiting in self._awaited}:
                listening.enter_context(shared.doorbell.listen(events_of(swarm_id), self._on_awaited))
            try:
                async with asyncio.TaskGroup() as group:
                    out = Step()
                    resume(state, shared.clock.now_ms(), out, shared.routing.fallbacks)
                    self._count(state)
                    await self._turn(state, claimant, out, group)
                    while not (state.ended or self._is_drained(state)):
                        await self._news.wait()
                        self._news.clear()
                        await self._turn(state, claimant, Step(), group)
            except BaseExceptionGroup as failures:
                if failures.split(LeaseLost)[1] is None:  # nothing else went wrong
                    raise LeaseLost(state.swarm_id) from failures
                raise
            finally:
                if self._deadline is not None:
                    self._deadline.cancel()
                self._attempts.forget_hedges()
                for handle in self._retries.values():
                    handle.cancel()
                shared.admission.leave(claimant)
                shared.feed.detach(state)
                shared.metrics.let_go(state)

    async def _open_account(self, state: SwarmState) -> None:
        """Find out whether calls are to be reserved for: by the run's own caps, or by those of its key."""
        self._account = await self._shared.allowances.open(state.key_id)
        state.capped = state.budget is not None or state.spec.token_budgets or self._account is not None
        self._counted = (state.spent_nano_usd, state.reserved_nano_usd)

    # --- one turn ----------------------------------------------------------------------------------------------------

    async def _turn(self, state: SwarmState, claimant: Claimant, out: Step, group: asyncio.TaskGroup) -> None:
        # What a take-over closed and what a retry puts back cannot be written in one turn.
        facts = [] if out.changes else await self._control(state)
        facts += await self._awaited_ended()
        facts += await self._lane_news(state, claimant)
        inbox, self._inbox = self._inbox[:_MAX_FACTS], self._inbox[_MAX_FACTS:]
        if self._inbox:
            self._news.set()
        now_ms = self._shared.clock.now_ms()
        if state.capped:
            await self._shared.routing.look_up_prices(state)
        for fact in (*facts, *inbox):
            if type(fact) is HedgeDue:
                if self._shared.stopping.is_set():
                    continue
                fact = replace(fact, allowance_nano_usd=self._allowance())  # noqa: PLW2901 - as of this moment
            elif type(fact) in _OF_MERGES:
                self._merging = False
            self._step(state, fact, now_ms, out)
        self._fill_slots(state, claimant, now_ms, out)
        if out.changes or out.events or self._commands_done:
            await self._commit(state, out)
            self._announce(state, out)
        self._perform(state, claimant, out, group)
        self._watch(state)
        if self._control_rang:
            self._news.set()

    def _step(self, state: SwarmState, fact: Fact, now_ms: int, out: Step) -> None:
        step(state, fact, now_ms, out)
        self._count(state)

    def _count(self, state: SwarmState) -> None:
        """Put on the key's account what the run has spent or reserved since the last time."""
        if self._account is not None:
            now = (state.spent_nano_usd, state.reserved_nano_usd)
            spent, reserved = now[0] - self._counted[0], now[1] - self._counted[1]
            self._counted = now
            if spent or reserved:
                self._shared.allowances.add(self._account, spent, reserved)

    def _allowance(self) -> int | None:
        return None if self._account is None else self._shared.allowances.left_nano_usd(self._account)

    def _watch(self, state: SwarmState) -> None:
        """Set up what wakes the run later: its deadline, and its key's account where that paused it."""
        if state.spec.timeout_s is not None and self._deadline_of_ms != state.started_at_ms:
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline_of_ms = state.started_at_ms
            age_s = max(self._shared.clock.now_ms() - state.started_at_ms, 0) / 1000
            delay_s = max(state.spec.timeout_s - age_s, 0)
            self._deadline = asyncio.get_running_loop().call_later(delay_s, self._post, DeadlinePassed())
        self._waiting.close()
        if state.pause_reason == PAUSED_BY_KEY and self._account is None:  # the cap was lifted since
            self._post(AllowanceRaised())
        elif state.pause_reason == PAUSED_BY_KEY and self._account is not None:
            wake = partial(self._post, AllowanceRaised())
            self._waiting.enter_context(self._shared.allowances.waiting(self._account, state.needed_nano_usd, wake))

    async def _control(self, state: SwarmState) -> list[Fact]:
        if not self._control_rang:
            return []
        self._control_rang = False
        control = await self._shared.runs.control(self._lease.swarm_id)
        if state.spec.grouped and control.group_limit is not None:
            self._shared.admission.set_group_limit(state.spec.agent_id, control.group_limit)
        facts: list[Fact] = []
        for command in control.commands:
            facts += await facts_of(command, state, self._shared.runs)
            self._commands_done = command.position
            if command.kind == RETRY:  # the store writes re-armed tasks first in a turn: what else is asked comes later
                self._on_control()
                break
        return facts

    async def _lane_news(self, state: SwarmState, claimant: Claimant) -> list[Fact]:
        """What the limiter has to say; where a breaker opened or closed, tasks may have to go another way."""
        routing, admission = self._shared.routing, self._shared.admission
        notices = claimant.take_notices()
        facts: list[Fact] = [LaneNews(notice.kind, notice.data) for notice in notices]
        if self._is_new or any(notice.kind == BREAKER_CHANGED for notice in notices):
            self._is_new = False  # what was said before it began it has not heard
            facts += await routing.detours(state, admission.untrusted())
        elif state.detours:
            facts += await routing.returns(state, admission)
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

    def _is_drained(self, state: SwarmState) -> bool:
        """Whether the process is to end and everything of this run that was under way is written."""
        merging = self._merge is not None and not self._merge.done()
        return self._shared.stopping.is_set() and not (state.running or self._inbox or merging)

    def _fill_slots(self, state: SwarmState, claimant: Claimant, now_ms: int, out: Step) -> None:
        """Take slots for what is ready. Stepped last in a turn: the store writes starts after ends."""
        if self._shared.stopping.is_set():
            return
        admission = self._shared.admission
        granted = dict(claimant.take())
        tokens = _tokens_a_call(state)
        for lane, ready in state.ready_count.items():
            if ready or lane in granted:
                want = state.startable(lane) - granted.get(lane, 0)
                head = state.tasks[state.ready[lane][0][2]].priority if state.ready[lane] else 0
                admission.demand(claimant, lane, want, state.priority or head, tokens)
        for lane, count in claimant.take().items():
            granted[lane] = granted.get(lane, 0) + count
        for lane, count in granted.items():
            before = len(out.effects)
            self._step(state, SlotsGranted(lane, count, self._allowance()), now_ms, out)
            used = sum(isinstance(effect, StartAttempt) for effect in out.effects[before:])
            if used < count:
                admission.release(claimant, lane, count=count - used)

    async def _commit(self, state: SwarmState, out: Step) -> None:
        """Write the turn; a store that refuses is asked again until it takes it, while running attempts go on."""
        commit = Commit(
            state=state,
            changes=out.changes,
            events=[EncodedEvent.of(event, state.swarm_id) for event in out.events],
            at_ms=self._shared.clock.now_ms(),
            commands_done=self._commands_done,
        )
        self._commands_done = 0
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
                    task = state.tasks[effect.index]
                    if state.graph.dependencies[effect.index] or task.awaits or task.step:
                        with_inputs.append(effect)
                    else:
                        self._attempts.start(state, claimant, effect, {}, group)
                case StartHedge():
                    self._attempts.start_hedge(state, effect, group)
                case StopAttempt():
                    self._attempts.stop(effect.index)
                case ScheduleRetry():
                    self._schedule(effect)
                case Aggregate():
                    self._merge_wanted = effect
                case MakeCheckpoint():
                    self._merge_wanted = self._merge_wanted or effect
        if with_inputs:
            group.create_task(self._attempts.start_with_inputs(state, claimant, with_inputs, group))
        if self._merge_wanted is not None and not self._merging and not state.ended:
            # One at a time, each after what the one before planned: both must see the same outputs as taken in.
            self._merging = True
            self._merge = group.create_task(self._reduce(state, self._merge_wanted))
            self._merge_wanted = None
        if state.ended and self._merge is not None:
            self._merge.cancel()

    async def _reduce(self, state: SwarmState, wanted: Aggregate | MakeCheckpoint) -> None:
        reducer = self._shared.reducer
        at_end = isinstance(wanted, Aggregate)
        fact: AggregateCompleted | MergesPlanned | CheckpointMade | None = None
        try:
            fact = await (reducer.reduce(state) if at_end else reducer.checkpoint(state))
        except UnknownModel as exc:
            fact = reducer.failed(state, exc.detail) if at_end else None
        except Exception:
            _log.exception("aggregation_crashed", swarm_id=state.swarm_id)
            fact = reducer.failed(state, "the merge failed; see the log") if at_end else None
        if fact is None:
            self._merging = False
            self._news.set()
        else:
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


def _tokens_a_call(state: SwarmState) -> int:
    """What a call of this run is expected to use: as those before it did, a guess for the first ones."""
    calls = len(state.latencies_ms)
    return state.usage.total_tokens // calls if calls else 0
