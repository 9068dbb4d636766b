"""Jobs are done by workers, wherever they are: handed out over JetStream, their facts heard of over NATS.

An assignment is in the store before its message is sent, and its fact is there before anybody hears of it. So every
message may be lost: what nobody has claimed for a while is looked up, and published anew where the stream does not
have it any more; what was recorded unheard is found in the same way. The rest is speed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import orjson
import structlog
from nats.aio.msg import Msg

from app.dispatch import wire
from app.dispatch.broker import MAX_MESSAGE_BYTES, Broker, band_of, end, token
from app.dispatch.out import Out
from app.dispatch.staff import Staff
from app.domain.errors import StoreUnavailable
from app.domain.facts import AttemptFailed
from app.domain.retry import TaskError
from app.domain.swarm import SwarmSpec
from app.ports.assignments import LEASE_S, Assignments, Workers
from app.ports.dispatch import Answer, Begins, CallKey, Held, Job, NoteHeld, NoteLimits

_log = structlog.get_logger(__name__)

_LOOK_S = LEASE_S / 2
"""How often those calls are looked up that nothing was heard of for so long."""

_SMALL_SPEC_BYTES = 4096
"""A larger one does not go along with each job of a run."""

_SPECS_KEPT = 256
_CHECKED_AT_ONCE = 64
_KEYS_A_MESSAGE = 1000

GONE = TaskError(type="abandoned", message="the call was given up by the service", retryable=True)


class NatsDispatch:
    """To be made before the broker runs.

    Args:
    node: the owner of the leases of this process, to whom workers tell facts.
    server_of: see ``staff.Staff``.
    """

    outlives = True

    def __init__(
        self,
        broker: Broker,
        assignments: Assignments,
        workers: Workers,
        node: str,
        server_of: Callable[[str], str | None] = lambda tool: None,
    ) -> None:
        self._broker = broker
        self._assignments = assignments
        self._workers = workers
        self._node = token(node)
        self._out: dict[CallKey, Out] = {}
        self._by_serial: dict[int, Out] = {}
        self._serial = 0
        self._acks = broker.inbox()
        self._specs: dict[str, tuple[SwarmSpec, str, str]] = {}
        self._kept: dict[str, set[str]] = {}
        self._withdrawn: list[CallKey] = []
        self._ringing: set[tuple[str, str]] = set()
        self._staff = Staff(server_of)
        self._notes: dict[str, NoteHeld] = {}
        self._look = asyncio.Event()
        self._look.set()  # who is there to do jobs is not known yet
        self._look_at_all = False
        broker.listen(broker.subject("facts", self._node), self._on_facts)
        broker.listen(broker.subject("begun", self._node), self._on_begun)
        broker.listen(broker.subject("workers"), lambda _: self._look.set())
        broker.listen(f"{self._acks}.*", self._on_stored)
        broker.on_ready(self._on_ready)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[NatsDispatch]:
        """Make up for lost messages until the context ends."""
        looking = asyncio.create_task(self._keep_looking(), name="assignments")
        try:
            yield self
        finally:
            await end(looking)

    # --- ports.dispatch ----------------------------------------------------------------------------------------------

    async def run(self, job: Job, note_limits: NoteLimits, begins: Begins | None = None) -> Answer:
        """See ``ports.dispatch.Dispatch``. Cancelling it leaves the job where it is."""
        key = job.key
        out = Out(job, asyncio.get_running_loop().create_future(), begins)
        self._out[key] = out
        try:
            if job.again:  # a worker may have it, or it may be done
                out.looked_at = 0.0
                self._look.set()
            else:
                await self._publish(out)
            text = await out.told
        finally:
            if self._out.get(key) is out:
                del self._out[key]
        if text is None:
            return _gone(job)
        answer, limits = wire.load_told(text)
        for lane, headers in limits:
            note_limits(lane, headers)
        return answer

    @contextmanager
    def note_held(self, swarm_id: str, note: NoteHeld) -> Iterator[None]:
        self._notes[swarm_id] = note
        try:
            yield
        finally:
            if self._notes.get(swarm_id) is note:
                del self._notes[swarm_id]
                self._kept.pop(swarm_id, None)  # the store forgets its texts when it ends, and it may be retried

    def withdraw(self, job: Job) -> None:
        if not self._withdrawn:
            asyncio.get_running_loop().call_soon(self._say_withdrawn)
        self._withdrawn.append(job.key)

    def _say_withdrawn(self) -> None:
        keys, self._withdrawn = self._withdrawn, []
        for start in range(0, len(keys), _KEYS_A_MESSAGE):
            self._broker.send(self._broker.subject("stop"), wire.dump_keys(keys[start : start + _KEYS_A_MESSAGE]))

    @property
    def workers(self) -> int:
        """How many are known to be there."""
        return len(self._staff)

    @property
    def out(self) -> int:
        """Jobs that nothing is known of yet."""
        return len(self._out)

    # --- publishing --------------------------------------------------------------------------------------------------

    async def _publish(self, out: Out) -> None:
        """Send the message of a job; where that fails, a later look does."""
        if not self._broker.connected:
            return
        pool = self._staff.pool(out.job)
        if pool is None:
            out.looked_at = 0.0  # with every look it is looked at again, so as soon as who is missing says to be there
            return
        try:
            message = await self._message(out)
        except StoreUnavailable as exc:
            _log.warning("job_not_kept", swarm_id=out.job.swarm_id, error=exc.detail)
            return
        key, job = out.job.key, out.job
        out.pool = pool
        out.published += 1
        out.published_at = time.monotonic()
        out.sequence = out.epoch = None
        self._serial += 1
        self._by_serial[self._serial] = out
        # The same name for the same call, so that the server drops what it has already. One that it lost, as far as is
        # known here, gets a new name: a message that was acknowledged by mistake would otherwise be lost for good.
        name = f"{key.swarm_id}/{key.index}/{key.attempt}/{key.step}/{key.call}"
        if out.published > 1:
            name += f"#{out.published}"
        subject = self._broker.subject("tasks", out.pool, band_of(job.priority), token(job.tenant_id))
        headers = {"Nats-Msg-Id": name}
        if not self._broker.send(subject, message, f"{self._acks}.{self._serial}", headers):
            del self._by_serial[self._serial]

    async def _message(self, out: Out) -> bytes:
        job = out.job
        digest, spec = self._spec(job)
        small = len(spec) <= _SMALL_SPEC_BYTES
        if not small:
            await self._keep(job.swarm_id, digest, spec)
        body = wire.dump_job(job)
        large = len(body) > MAX_MESSAGE_BYTES
        body_digest = wire.digest_of(body) if large else None
        if body_digest is not None:
            await self._keep(job.swarm_id, body_digest, body.decode())
        return wire.Assignment(
            key=job.key,
            spec_digest=digest,
            spec=spec if small else None,
            job_digest=body_digest,
            job=None if large else body.decode(),
            asker=None if out.begins is None else self._node,
        ).dump()

    def _spec(self, job: Job) -> tuple[str, str]:
        """Return the digest and the text of a run's spec, made once a run."""
        known = self._specs.pop(job.swarm_id, None)
        if known is None or known[0] is not job.spec:
            text = wire.dump_spec(job.spec)
            known = (job.spec, wire.digest_of(text), text.decode())
            if len(self._specs) >= _SPECS_KEPT:
                del self._specs[next(iter(self._specs))]
        self._specs[job.swarm_id] = known
        return known[1], known[2]

    async def _keep(self, swarm_id: str, digest: str, text: str) -> None:
        if digest not in self._kept.get(swarm_id, ()):
            await self._assignments.keep(swarm_id, digest, text)
            if len(self._kept) > 10 * _SPECS_KEPT:
                self._kept.clear()
            self._kept.setdefault(swarm_id, set()).add(digest)

    def _on_stored(self, message: Msg) -> None:
        """The server says what became of a message."""
        out = self._by_serial.pop(int(message.subject.rpartition(".")[2]), None)
        if out is None:
            return
        said = orjson.loads(message.data) if message.data else {}
        if "seq" not in said:
            _log.warning("job_not_published", error=said.get("error") or message.headers)
            return
        out.sequence, out.epoch = said["seq"], self._broker.epoch
        if not self._ringing:
            asyncio.get_running_loop().call_soon(self._ring)
        self._ringing.add((out.pool, band_of(out.job.priority)))

    def _ring(self) -> None:
        ringing, self._ringing = self._ringing, set()
        for pool, band in ringing:
            self._broker.send(self._broker.subject("work", pool, band))

    # --- hearing -----------------------------------------------------------------------------------------------------

    def _on_facts(self, message: Msg) -> None:
        for key, text in wire.load_news(message.data):
            out = self._out.get(key)
            if out is None:
                continue
            if text is None:
                out.looked_at = 0.0
                self._look.set()
            elif not out.told.done():
                out.told.set_result(text)

    def _on_begun(self, message: Msg) -> None:
        for key in wire.load_keys(message.data):
            out = self._out.get(key)
            if out is not None:
                out.begun()

    def _on_ready(self) -> None:
        """The connection stands anew, and nobody knows what was lost with the last one."""
        self._by_serial.clear()
        self._look_at_all = True
        self._look.set()

    async def _keep_looking(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._look.wait()
                await asyncio.sleep(0.02)  # others want to be looked for at the same time
            except TimeoutError:
                pass
            self._look.clear()
            try:
                self._staff.learn(await self._workers.alive())
                await self._look_up()
            except StoreUnavailable as exc:
                _log.warning("assignments_not_read", error=exc.detail)
            except Exception:
                _log.exception("assignments_not_looked_up")

    async def _look_up(self) -> None:
        """Ask the store about calls of which nothing was heard for a while."""
        now = time.monotonic()
        everything, self._look_at_all = self._look_at_all, False
        due = {key: out for key, out in self._out.items() if everything or now - out.looked_at >= _LOOK_S}
        if not due:
            return
        rows = await self._assignments.standing(sorted({key.swarm_id for key in due}))
        standings = {standing.key: standing for standing in rows}
        lost: list[Out] = []
        held: dict[str, Out] = {}
        for key, out in due.items():
            out.looked_at = now
            standing = standings.get(key)
            if out.told.done():
                continue
            if standing is None:  # another runner has the swarm, or the task went on without this call
                out.told.set_result(None)
            elif standing.told is not None:
                out.told.set_result(standing.told)
            elif standing.claimed:
                out.begun()  # should the worker's word have been lost
            else:
                if now - out.held_at >= _LOOK_S:
                    out.held_at = now
                    held[key.swarm_id] = out
                pool = self._staff.pool(out.job)
                if pool is None:
                    out.looked_at = 0.0
                elif self._may_be_lost(out, pool, now):
                    lost.append(out)
        self._tell_held(held)
        await self._make_up_for(lost)

    def _tell_held(self, held: Mapping[str, Out]) -> None:
        reasons = Counter[tuple[Held, tuple[str, ...]]]()
        for swarm_id, out in held.items():
            lacking = self._staff.lacking(out.job)
            why = Held.NO_WORKER if lacking or not len(self._staff) else Held.WORKERS_BUSY
            if not self._broker.connected:
                why, lacking = Held.NO_BROKER, ()
            reasons[why, lacking] += 1
            note = self._notes.get(swarm_id)
            if note is not None:
                note(out.job.index, why, lacking)
        for (why, lacking), runs in reasons.items():
            named = {"mcp_servers": list(lacking)} if lacking else {}
            _log.warning("jobs_held", reason=why.value, runs=runs, workers=len(self._staff), **named)

    def _may_be_lost(self, out: Out, pool: str, now: float) -> bool:
        if out.sequence is None or out.epoch != self._broker.epoch or out.pool != pool:
            return True
        return now - out.published_at > LEASE_S

    async def _make_up_for(self, lost: list[Out]) -> None:
        """Publish what the stream does not have; what it has waits its turn."""
        asked = 0
        for out in lost:
            known = out.sequence is not None and out.epoch == self._broker.epoch
            known = known and out.pool == self._staff.pool(out.job)
            if known and out.sequence is not None:
                asked += 1
                if asked > _CHECKED_AT_ONCE or await self._broker.is_there(out.sequence) is not False:
                    continue
            if not out.told.done():
                if out.published and out.epoch is None:
                    out.published -= 1  # never confirmed: the same name again, should it be there after all
                await self._publish(out)


def _gone(job: Job) -> AttemptFailed:
    return AttemptFailed(
        index=job.index,
        attempt=job.attempt,
        error=GONE,
        jitter_sample=0.0,
        latency_ms=0.0,
        settled=False,
        step=job.step,
        excused=True,
    )
