"""A worker: asks for as many jobs as it has hands free, does them, writes down what came of them, and only then
acknowledges.

What it holds it has claimed in the store. A worker that is held to be gone loses its claims, and what it records later
matches nothing. While a job runs the server is told so, and the store knows the worker to be alive: a job that takes
longer than the lease is done once. The database or the server may be away meanwhile; the job goes on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from nats.aio.msg import Msg

from app.dispatch import wire
from app.dispatch.asking import Asking
from app.dispatch.broker import Broker, end, pools_of
from app.dispatch.local import Runs
from app.dispatch.recording import Recording
from app.domain.errors import StoreUnavailable
from app.domain.facts import AttemptFailed
from app.domain.retry import TaskError
from app.domain.swarm import SwarmSpec
from app.ports.assignments import LEASE_S, Assignments, Told, WorkerRow, Workers
from app.ports.dispatch import CallKey, Job
from app.ports.provider import RateLimitHeaders

_log = structlog.get_logger(__name__)

_SIGN_S = LEASE_S / 3
_AGAIN_S = 1.0
_SPECS_KEPT = 256
_STOPS_KEPT_S = 30.0
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 5.0

_ACK = b"+ACK"
_BUSY = b"+WPI"
_BACK = b'-NAK {"delay": 20000000}'
_LATER = b'-NAK {"delay": 1000000000}'


@dataclass(slots=True)
class _Held:
    """A job that is being done; ``reply`` acknowledges its newest delivery."""

    assignment: wire.Assignment
    reply: str
    claim: int = 0
    task: asyncio.Task[None] | None = None
    withdrawn: bool = False


class Worker:
    """To be made before the broker runs.

    Args:
    row: how it is known to others; its tags are the pools that it serves beside the one for all.
    done: told after each job that was recorded, and with False after each that was not.
    """

    def __init__(
        self,
        broker: Broker,
        assignments: Assignments,
        workers: Workers,
        executor: Runs,
        row: WorkerRow,
        done: Callable[[bool], None] = lambda recorded: None,
    ) -> None:
        self._broker = broker
        self._assignments = assignments
        self._workers = workers
        self._executor = executor
        self._row = row
        self._done = done
        self._recording = Recording(broker, assignments, self._on_recorded)
        self._asking = Asking(broker, pools_of(row.tags), self._free, self._on_assignment)
        self._held: dict[CallKey, _Held] = {}
        self._arrived: list[_Held] = []
        self._begun: dict[str, list[CallKey]] = {}
        self._stopped: OrderedDict[CallKey, float] = OrderedDict()
        self._specs: OrderedDict[str, SwarmSpec] = OrderedDict()
        self._came = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._seen_at = 0.0
        self._cut_off = False
        self._cautious_until = 0.0
        broker.listen(broker.subject("stop"), self._on_stop)
        broker.on_ready(self._announce)

    @property
    def running(self) -> int:
        """Jobs in hand."""
        return len(self._held)

    @property
    def ready(self) -> bool:
        """Whether jobs can come and be recorded."""
        return self._broker.connected and time.monotonic() - self._seen_at < LEASE_S and not self._stopping

    def why_not(self) -> str:
        """Return why it is not ready, for people."""
        if self._stopping:
            return "it is about to end"
        return "the database does not answer" if self._broker.connected else "NATS cannot be reached"

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """Do jobs until the context ends; those that are still under way then are given back."""
        loops = [
            asyncio.create_task(loop(), name=name)
            for name, loop in {
                "worker-asks": self._asking.run,
                "worker-claims": self._claim,
                "worker-records": self._recording.run,
                "worker-signs": self._sign,
            }.items()
        ]
        try:
            yield self
        finally:
            await self.drain(0.0)
            await end(*loops)

    async def drain(self, timeout_s: float) -> int:
        """Ask for nothing more, let what is in hand end for ``timeout_s`` seconds at most, and give the rest back.

        Returns:
            How many jobs were given back; others do them anew.
        """
        if self._stopping:
            return 0
        self._stopping = True
        held = tuple(self._held.values())
        _log.info("worker_draining", jobs=len(held), timeout_s=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                while self._held:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            pass
        left = tuple(self._held.values())
        for one in left:
            one.withdrawn = True
            if one.task is not None:
                one.task.cancel()
        await asyncio.gather(*[one.task for one in left if one.task is not None], return_exceptions=True)
        for one in left:
            self._broker.send(one.reply, _BACK)
        try:
            await self._workers.leave(self._row.worker_id)
        except StoreUnavailable as exc:
            _log.warning("worker_not_signed_off", error=exc.detail)
        self._announce()
        _log.info("worker_drained", given_back=len(left))
        return len(left)

    def _free(self) -> int:
        return 0 if self._stopping or self._cut_off else self._row.slots - len(self._held) - len(self._arrived)

    # --- claiming and doing ------------------------------------------------------------------------------------------

    def _on_assignment(self, assignment: wire.Assignment, reply: str) -> None:
        held = self._held.get(assignment.key)
        if held is not None:  # delivered again: the server had not heard of us
            held.reply = reply
            self._broker.send(reply, _BUSY)
        elif self._stopping:
            self._broker.send(reply, _BACK)
        else:
            self._arrived.append(_Held(assignment, reply))
            self._came.set()

    async def _claim(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            arrived = {held.assignment.key: held for held in self._arrived}
            try:
                orphans = time.monotonic() >= self._cautious_until
                claims = await self._assignments.claim(self._row.worker_id, list(arrived), orphans=orphans)
            except Exception as exc:
                if isinstance(exc, StoreUnavailable):
                    self._cut_off = True
                    _log.warning("jobs_not_claimed", jobs=len(arrived), error=exc.detail)
                else:
                    _log.exception("jobs_not_claimed", jobs=len(arrived))
                for held in arrived.values():
                    self._broker.send(held.reply, _LATER)
                granted = {}
            else:
                granted = dict(claims.granted)
                for key, held in arrived.items():
                    if key not in granted:
                        # What is neither ours nor anybody's needs nothing to be done: it was recorded or withdrawn.
                        self._broker.send(held.reply, _LATER if key in claims.busy else _ACK)
            for key, claim in granted.items():
                held = arrived[key]
                held.claim = claim
                self._held[key] = held
                held.task = asyncio.create_task(self._do(held), name=f"job {key.swarm_id}/{key.index}")
            self._arrived = [held for held in self._arrived if held.assignment.key not in arrived]
            if self._arrived:
                self._came.set()
            self._asking.wake()

    async def _do(self, held: _Held) -> None:
        key = held.assignment.key
        limits: list[tuple[str, RateLimitHeaders]] = []
        text: str | None = None
        try:
            job = None if key in self._stopped else await self._job(held.assignment)
            if job is None:
                self._broker.send(held.reply, _ACK)
            else:
                asker = held.assignment.asker
                begins = None if asker is None else partial(self._tell_begun, asker, key)
                answer = await self._executor.run(job, lambda lane, headers: limits.append((lane, headers)), begins)
                text = wire.dump_told(answer, limits)
        except asyncio.CancelledError:
            if not held.withdrawn:
                raise
        except Exception:  # tried again it would go wrong again, for ever
            _log.exception("job_crashed", swarm_id=key.swarm_id, index=key.index)
            text = wire.dump_told(_crashed(key), ())
        finally:
            if text is None:
                self._let_go(key)
            else:
                self._recording.add(Told(key, held.claim, text))

    async def _job(self, assignment: wire.Assignment) -> Job | None:
        """Return the job; None where what belongs to it is gone, and with it the run."""
        key = assignment.key
        spec = self._specs.get(assignment.spec_digest)
        if spec is None:
            text = assignment.spec or await self._kept(key.swarm_id, assignment.spec_digest)
            if text is None:
                return None
            spec = self._specs[assignment.spec_digest] = wire.load_spec(text)
            if len(self._specs) > _SPECS_KEPT:
                self._specs.popitem(last=False)
        body = assignment.job
        if body is None and assignment.job_digest is not None:
            body = await self._kept(key.swarm_id, assignment.job_digest)
        return None if body is None else wire.load_job(key, spec, body)

    async def _kept(self, swarm_id: str, digest: str) -> str | None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return await self._assignments.kept(swarm_id, digest)
            except StoreUnavailable as exc:
                _log.warning("job_not_read", swarm_id=swarm_id, error=exc.detail)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_WAIT_S)

    def _tell_begun(self, asker: str, key: CallKey) -> None:
        """Tell a node that a job begins, with all others that do in this round of the loop."""
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._say_begun)
        self._begun.setdefault(asker, []).append(key)

    def _say_begun(self) -> None:
        begun, self._begun = self._begun, {}
        for asker, keys in begun.items():
            self._broker.send(self._broker.subject("begun", asker), wire.dump_keys(keys))

    def _on_recorded(self, key: CallKey, recorded: bool) -> None:
        if recorded:
            self._broker.send(self._held[key].reply, _ACK)
        self._done(recorded)
        self._let_go(key)

    def _let_go(self, key: CallKey) -> None:
        self._held.pop(key, None)
        self._asking.wake()
        self._idle.set()

    def _on_stop(self, message: Msg) -> None:
        """Jobs were withdrawn: their rows are gone, and so are their connections when this returns to the loop."""
        now = time.monotonic()
        for key in wire.load_keys(message.data):
            self._stop(key, now)
        while self._stopped and now - next(iter(self._stopped.values())) > _STOPS_KEPT_S:
            self._stopped.popitem(last=False)

    def _stop(self, key: CallKey, now: float) -> None:
        held = self._held.get(key)
        if held is None:
            self._stopped[key] = now  # it may be on its way
            return
        held.withdrawn = True
        if held.task is not None:
            held.task.cancel()
        self._broker.send(held.reply, _ACK)

    # --- signs of life -----------------------------------------------------------------------------------------------

    async def _sign(self) -> None:
        while True:
            # Who cannot reach the store is held to be gone there, and what it has is for others to do.
            if time.monotonic() - self._seen_at < LEASE_S:
                for held in tuple(self._held.values()):
                    self._broker.send(held.reply, _BUSY)
            if not self._stopping:
                try:
                    await self._workers.beat(self._row)
                    self._seen()
                    await self._drop_unwanted()
                except StoreUnavailable as exc:
                    self._cut_off = True
                    _log.warning("no_sign_of_life", error=exc.detail)
                except Exception:
                    _log.exception("no_sign_of_life")
            await asyncio.sleep(_AGAIN_S if self._cut_off else _SIGN_S)

    def _seen(self) -> None:
        first, self._seen_at = not self._seen_at, time.monotonic()
        if first or self._cut_off:
            self._announce()
        if self._cut_off:
            self._cut_off = False
            # If the store was away from all, the others have had no chance to show that they live, and get one first.
            self._cautious_until = self._seen_at + LEASE_S
            self._asking.wake()

    def _announce(self) -> None:
        """Have the services look who is there: what only some can do goes to those."""
        if self._seen_at:
            self._broker.send(self._broker.subject("workers"))

    async def _drop_unwanted(self) -> None:
        """Stop what nobody waits for: the message that said so was lost, or another worker has it by now."""
        before = {key: held for key, held in self._held.items() if held.task is not None}
        if not before:
            return
        claimed = await self._assignments.claimed_by(self._row.worker_id, list(before))
        now = time.monotonic()
        for key, held in before.items():
            task = held.task
            if key not in claimed and self._held.get(key) is held and task is not None and not task.done():
                _log.info("job_unwanted", swarm_id=key.swarm_id, index=key.index)
                self._stop(key, now)


def _crashed(key: CallKey) -> AttemptFailed:
    error = TaskError(type="internal", message="a fault of the worker; see its log", retryable=True)
    return AttemptFailed(
        index=key.index,
        attempt=key.attempt,
        error=error,
        jitter_sample=random.random(),  # noqa: S311 - spreads retries
        latency_ms=0.0,
        settled=False,
        step=key.step,
    )
