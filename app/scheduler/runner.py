"""Runs one swarm: facts -> step -> one commit -> effects.

A turn takes all facts that came in, steps them, asks admission for slots and steps those, commits changes + events +
totals in one transaction, rings the doorbell, and only then performs the effects. While a commit is on its way to the
disk further facts pile up, so the batch grows with the load and a lone task waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from app.domain.changes import (
    Aggregate,
    AwaitCall,
    MakeCheckpoint,
    ScheduleRetry,
    StartAttempt,
    StartHedge,
    Step,
    StopAttempt,
)
from app.domain.errors import LeaseLost, StoreUnavailable
from app.domain.events import BREAKER_CHANGED, SWARM_THROTTLED
from app.domain.facts import (
    AggregateCompleted,
    AllowanceRaised,
    CheckpointMade,
    Fact,
    HedgeDue,
    LaneNews,
    MergesPlanned,
    RetryDue,
    SlotsGranted,
)
from app.domain.swarm import SwarmState
from app.domain.transitions import resume, step
from app.ports.assignments import Assigned, Assignments
from app.ports.clock import Clock
from app.ports.dispatch import Dispatch, Held
from app.ports.doorbell import Doorbell, control_of, end_of, events_of, idle_of, log_of
from app.ports.events import EncodedEvent
from app.ports.feed import EventFeed
from app.ports.provider import UnknownModel
from app.ports.runs import Commit, Lease, RunStore
from app.ports.telemetry import SwarmMetrics
from app.ports.webhooks import NEW_DELIVERIES, Outbox
from app.scheduler.admission import UNGROUPED, Admission, Claimant
from app.scheduler.allowances import Allowances
from app.scheduler.attempts import Attempts
from app.scheduler.awaiting import Awaiting
from app.scheduler.handing_out import HandedOut
from app.scheduler.pacing import Pacing
from app.scheduler.paying import Purse
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
    """What all runners of a process share; ``stopping`` is set once no new attempt may start.

    ``outbox`` makes the messages about the events of runs that have a webhook. ``assignments`` are there where calls
    outlive the process.
    """

    runs: RunStore
    admission: Admission
    allowances: Allowances
    routing: Routing
    dispatch: Dispatch
    reducer: Reducer
    doorbell: Doorbell
    clock: Clock
    metrics: SwarmMetrics
    feed: EventFeed
    outbox: Outbox
    assignments: Assignments | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


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
        self._attempts = Attempts(shared.dispatch, shared.runs, shared.admission, shared.clock, self._post)
        self._retries: dict[int, asyncio.TimerHandle] = {}
        self._merge: asyncio.Task[None] | None = None
        self._merging = False
        self._merge_wanted: Aggregate | MakeCheckpoint | None = None
        self._awaiting = Awaiting(shared.runs, self._news.set)
        self._handed_out = HandedOut(shared.assignments)
        self._purse = Purse(shared.allowances)
        self._pacing = Pacing(self._post, self._news.set)

    async def run(self) -> None:
        """Carry the swarm to its end.

        Raises:
            LeaseLost: another runner took over; nothing more was written.
            CancelledError: this process stops; the run stays as last committed and is resumed by whoever claims it.
        """
        shared = self._shared
        state = await shared.runs.load(self._lease)
        await shared.routing.look_up(state)
        await self._purse.open(state, shared.runs)
        if not state.ended:
            state.tally = await shared.reducer.tally(state)
        claimant = Claimant(
            state.spec.agent_id if state.spec.grouped else UNGROUPED,
            self._news.set,
            tenant=state.tenant_id,
            key_id=state.key_id,
        )
        _log.info("swarm_claimed", swarm_id=state.swarm_id, status=state.status.value, tasks=len(state.tasks))
        shared.metrics.took_over(state)
        shared.feed.attach(state)
        with ExitStack() as listening:
            listening.callback(self._purse.close)
            listening.callback(self._pacing.close)
            for steered in (state.swarm_id, state.spec.agent_id):
                listening.enter_context(shared.doorbell.listen(control_of(steered), self._on_control))
            self._awaiting.listen(state, shared.doorbell, listening)
            listening.enter_context(shared.dispatch.note_held(state.swarm_id, partial(self._on_held, state)))
            try:
                async with asyncio.TaskGroup() as group:
                    out = Step()
                    # An ended run is told of them behind the retry for which it was claimed.
                    awaited = [] if state.ended else await self._awaiting.ended()
                    out_there = await self._handed_out.find(state)
                    resume(state, shared.clock.now_ms(), out, shared.routing.fallbacks, awaited, out_there)
                    self._purse.count(state)
                    await self._turn(state, claimant, out, group)
                    while not (state.ended or self._is_drained(state) or self._is_early(state)):
                        await self._news.wait()
                        self._news.clear()
                        await self._turn(state, claimant, Step(), group)
                    self._attempts.leave()
            except BaseExceptionGroup as failures:
                if failures.split(LeaseLost)[1] is None:  # nothing else went wrong
                    raise LeaseLost(state.swarm_id) from failures
                raise
            finally:
                self._purse.settle()
                self._attempts.forget_hedges()
                for handle in self._retries.values():
                    handle.cancel()
                shared.admission.leave(claimant)
                shared.feed.detach(state)
                shared.metrics.let_go(state)
        if not (state.ended or shared.stopping.is_set()):
            await shared.runs.release(self._lease)  # its time has not come

    # --- one turn ----------------------------------------------------------------------------------------------------

    async def _turn(self, state: SwarmState, claimant: Claimant, out: Step, group: asyncio.TaskGroup) -> None:
        # What a take-over closed and what a retry puts back cannot be written in one turn.
        facts = [] if out.changes else await self._control(state)
        facts += await self._awaiting.ended()
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
                fact = replace(fact, allowance_nano_usd=self._purse.left()[0])  # noqa: PLW2901 - as of this moment
            elif type(fact) in _OF_MERGES:
                self._merging = False
            self._step(state, fact, now_ms, out)
        await self._fill_slots(state, claimant, now_ms, out)
        assigned = self._handed_out.take(state, out.effects)
        if out.changes or out.events or self._commands_done or assigned or self._purse.owes:
            await self._commit(state, out, assigned)
            self._announce(state, out)
        await self._perform(state, claimant, out, group)
        self._watch(state)
        if self._control_rang:
            self._news.set()

    def _step(self, state: SwarmState, fact: Fact, now_ms: int, out: Step) -> None:
        self._handed_out.hear(state, fact)
        step(state, fact, now_ms, out)
        self._purse.count(state)

    def _watch(self, state: SwarmState) -> None:
        """Set up what wakes the run later: its own times, and the accounts that pay where those paused it."""
        self._pacing.watch(state, self._shared.clock.now_ms())
        self._purse.watch(state, partial(self._post, AllowanceRaised()))

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

    def _is_drained(self, state: SwarmState) -> bool:
        """Whether the process is to end and everything of this run that was under way is written."""
        merging = self._merge is not None and not self._merge.done()
        calls = state.running and not self._shared.dispatch.outlives
        return self._shared.stopping.is_set() and not (calls or self._inbox or merging)

    def _is_early(self, state: SwarmState) -> bool:
        """Whether nothing is to be done before the run's time has come, so that it can be given back until then."""
        busy = self._control_rang or self._inbox
        return not busy and self._pacing.is_early(state, self._shared.clock.now_ms())

    async def _fill_slots(self, state: SwarmState, claimant: Claimant, now_ms: int, out: Step) -> None:
        """Take slots for what is ready. Stepped last in a turn: the store writes starts after ends."""
        if self._shared.stopping.is_set():
            return
        admission = self._shared.admission
        granted = dict(claimant.take())
        tokens, room = _tokens_a_call(state), self._pacing.room(state)
        for lane, ready in state.ready_count.items():
            if ready or lane in granted:
                want = min(state.startable(lane), room) - granted.get(lane, 0)
                head = state.tasks[state.ready[lane][0][2]].priority if state.ready[lane] else 0
                admission.demand(claimant, lane, want, state.priority or head, tokens)
        for lane, count in claimant.take().items():
            granted[lane] = granted.get(lane, 0) + count
        for lane, count in granted.items():
            stepping = partial(self._grant, state, now_ms, out)
            used = await self._purse.start(state, lane, min(count, room), stepping, self._news.set)
            room -= used
            self._pacing.started(state, used)
            if used < count:
                admission.release(claimant, lane, count=count - used)

    def _grant(self, state: SwarmState, now_ms: int, out: Step, fact: SlotsGranted) -> int:
        before = len(out.effects)
        self._step(state, fact, now_ms, out)
        return sum(isinstance(effect, StartAttempt) for effect in out.effects[before:])

    async def _commit(self, state: SwarmState, out: Step, assigned: Assigned | None) -> None:
        """Write the turn; a store that refuses is asked again until it takes it, while running attempts go on."""
        now_ms = self._shared.clock.now_ms()
        commit = Commit(
            state=state,
            changes=out.changes,
            events=[EncodedEvent.of(event, state.swarm_id) for event in out.events],
            at_ms=now_ms,
            commands_done=self._commands_done,
            deliveries=self._shared.outbox(state, out.events, now_ms) if state.spec.webhook_events else (),
            assigned=assigned,
            payments=self._purse.payments(),
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
                self._purse.settle()
                self._shared.feed.publish(state.spec.agent_id, state.swarm_id, position, commit.events)
                if commit.deliveries:
                    self._shared.doorbell.ring(NEW_DELIVERIES)
                return

    def _announce(self, state: SwarmState, out: Step) -> None:
        doorbell = self._shared.doorbell
        doorbell.ring(events_of(state.swarm_id))
        doorbell.ring(log_of(state.spec.agent_id))
        if state.ended:
            doorbell.ring(end_of(state.swarm_id))
            doorbell.ring(idle_of(state.spec.agent_id))
            counts = {name: count for name, count in state.counts.as_dict().items() if count}
            _log.info("swarm_ended", swarm_id=state.swarm_id, status=state.status.value, **counts)
        self._shared.metrics.committed(state, out)

    # --- effects -----------------------------------------------------------------------------------------------------

    async def _perform(self, state: SwarmState, claimant: Claimant, out: Step, group: asyncio.TaskGroup) -> None:
        ready: list[StartAttempt] = []
        with_inputs: list[StartAttempt | AwaitCall] = []
        for effect in out.effects:
            match effect:
                case AwaitCall():
                    with_inputs.append(effect)
                case StartAttempt():
                    task = state.tasks[effect.index]
                    builds_on = state.graph.dependencies[effect.index] or task.awaits or task.step
                    (with_inputs if builds_on else ready).append(effect)
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
        await self._attempts.start_each(state, claimant, ready, group)
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

    def _on_held(self, state: SwarmState, index: int, why: Held, servers: Sequence[str]) -> None:
        fields = {"lane": state.tasks[index].lane, "limit": None, "wait_ms": None, "reason": why.value}
        named = {"mcp_servers": list(servers)} if servers else {}
        self._post(LaneNews(SWARM_THROTTLED, {**fields, **named}))

    def _on_control(self) -> None:
        self._control_rang = True
        self._news.set()


def _tokens_a_call(state: SwarmState) -> int:
    """What a call of this run is expected to use: as those before it did, a guess for the first ones."""
    calls = len(state.latencies_ms)
    return state.usage.total_tokens // calls if calls else 0
