"""Claims swarms that nobody runs and gives each a runner; restarts a runner that fell over; drains them at the end.

Where several nodes share the database this one shows that it lives, claims the swarms of those that do
not, and stops its runners of swarms that others have claimed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from app.domain.errors import LeaseLost, StoreUnavailable
from app.ports.doorbell import NEW_SWARMS, control_of
from app.ports.nodes import NodeStore
from app.ports.runs import Lease
from app.scheduler.runner import Machinery, Runner

_log = structlog.get_logger(__name__)

_POLL_S = 5.0
"""Backs up the doorbell: a lost ring delays a new swarm by this much at most."""

_SHARED_POLL_S = 1.0
"""The same where several nodes share the database; as often a node shows that it lives."""

_LEAST_WAIT_S = 0.01
_CLAIM_BATCH = 64
_FIRST_RESTART_S = 1.0
_MAX_RESTART_S = 60.0


@dataclass(frozen=True, slots=True)
class _Run:
    lease: Lease
    task: asyncio.Task[None]


class Supervisor:
    """Args:
    owner: names this process in leases; never used again by another one.
    max_runs: swarms in hand at once; further ones wait in the store.
    nodes: where several processes share the database.
    lease_s: within so long the swarms of a node that is gone are to go on elsewhere.
    """

    def __init__(
        self,
        shared: Machinery,
        *,
        owner: str,
        max_runs: int,
        nodes: NodeStore | None = None,
        lease_s: float = 10.0,
    ) -> None:
        self._shared = shared
        self._owner = owner
        self._max_runs = max_runs
        self._nodes = nodes
        self._lease_s = lease_s
        self._poll_s = _POLL_S if nodes is None else min(lease_s / 10, _SHARED_POLL_S)
        self._cautious_until = 0.0
        self._runs: dict[str, _Run] = {}
        self._restarts: dict[str, int] = {}
        self._news = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Supervisor]:
        """Run in the background until the context ends; then all runners are cancelled and awaited."""
        with self._shared.doorbell.listen(NEW_SWARMS, self._news.set):
            self._loop = asyncio.create_task(self._supervise(), name="supervisor")
            try:
                yield self
            finally:
                await self._cancel()
                if self._nodes is not None:
                    with suppress(StoreUnavailable):
                        await self._nodes.leave(self._owner)

    @property
    def draining(self) -> bool:
        return self._shared.stopping.is_set()

    async def drain(self, timeout_s: float) -> int:
        """Start nothing more, let what runs end and be written, for ``timeout_s`` seconds at most; cancel the rest.

        Returns:
            How many swarms had to be cut off; their attempts are repeated by whoever claims them.
        """
        self._shared.stopping.set()
        self._news.set()
        runs = {run.task for run in self._runs.values()}
        for swarm_id in self._runs:
            self._shared.doorbell.ring(control_of(swarm_id))  # a runner that waits for news must hear of it, too
        _log.info("draining", swarms=len(runs), timeout_s=timeout_s)
        left = (await asyncio.wait(runs, timeout=timeout_s))[1] if runs else set()
        _log.info("drained", cut_off=len(left))
        await self._cancel()
        return len(left)

    async def _cancel(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _supervise(self) -> None:
        async with asyncio.TaskGroup() as group:
            if self._nodes is not None:
                group.create_task(self._stay(self._nodes), name="lease")
            while not self.draining:
                self._news.clear()
                try:
                    more = await self._claim(group)
                except StoreUnavailable as exc:
                    _log.error("claim_refused", error=exc.detail)
                    self._be_cautious()
                    more = False
                if not more:
                    await self._wait()

    async def _claim(self, group: asyncio.TaskGroup) -> bool:
        """Claim what there is room for; return whether there may be more."""
        room = min(self._max_runs - len(self._runs), _CLAIM_BATCH)
        if room <= 0:
            return False
        clock = self._shared.clock
        orphans = clock.monotonic() >= self._cautious_until
        leases = await self._shared.runs.claim(self._owner, limit=room, now_ms=clock.now_ms(), orphans=orphans)
        if self.draining:
            return False
        for lease in leases:
            task = group.create_task(self._run(lease), name=f"run {lease.swarm_id}")
            self._runs[lease.swarm_id] = _Run(lease, task)
        return len(leases) == room

    def _be_cautious(self) -> None:
        """The database was away: the others have had no chance to show that they live, and get one first."""
        self._cautious_until = self._shared.clock.monotonic() + self._lease_s

    async def _stay(self, nodes: NodeStore) -> None:
        """Show that this node lives, as long as it may have runs; stop runners of what others have claimed.

        Their commits would be refused, but their calls would go on, and cost.
        """
        while True:
            try:
                await nodes.renew(self._owner)
                for lease in await nodes.lost([run.lease for run in self._runs.values()]):
                    run = self._runs.get(lease.swarm_id)
                    if run is not None and run.lease == lease:
                        _log.warning("lease_lost", swarm_id=lease.swarm_id)
                        run.task.cancel()
                for swarm_id in await nodes.asked(self._owner):
                    self._shared.doorbell.ring(control_of(swarm_id))
            except StoreUnavailable as exc:
                _log.error("lease_not_renewed", error=exc.detail)
                self._be_cautious()
            await asyncio.sleep(self._poll_s)

    async def _wait(self) -> None:
        """Wait for news, or until a run begins that was to wait for its time."""
        wait_s = self._poll_s
        with suppress(StoreUnavailable):
            start_ms = await self._shared.runs.next_start_ms()
            if start_ms is not None and len(self._runs) < self._max_runs:
                wait_s = min(max((start_ms - self._shared.clock.now_ms()) / 1000, _LEAST_WAIT_S), wait_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._news.wait()

    async def _run(self, lease: Lease) -> None:
        structlog.contextvars.bind_contextvars(swarm_id=lease.swarm_id)
        try:
            await Runner(lease, self._shared).run()
        except LeaseLost:
            _log.warning("lease_lost", swarm_id=lease.swarm_id)
            if self._nodes is not None:  # a commit of which nobody knew whether it was written may have been
                await self._give_back(lease)
        except Exception:
            await self._recover(lease)
        else:
            self._restarts.pop(lease.swarm_id, None)
            if self._nodes is not None and self.draining:
                with suppress(StoreUnavailable):
                    await self._shared.runs.release(lease)  # to a node that stays
        finally:
            run = self._runs.get(lease.swarm_id)
            if run is not None and run.lease == lease:
                del self._runs[lease.swarm_id]
            self._news.set()

    async def _recover(self, lease: Lease) -> None:
        """A runner fell over (a bug, or the store was away while it loaded): let it rest, then give the swarm back."""
        count = self._restarts[lease.swarm_id] = self._restarts.get(lease.swarm_id, 0) + 1
        delay_s = min(_FIRST_RESTART_S * 2.0 ** (count - 1), _MAX_RESTART_S)
        _log.exception("runner_fell_over", swarm_id=lease.swarm_id, restart_in_s=delay_s, restarts=count)
        await self._rest(delay_s)
        await self._give_back(lease)

    async def _give_back(self, lease: Lease) -> None:
        while not self.draining:
            try:
                await self._shared.runs.release(lease)
            except StoreUnavailable as exc:
                _log.error("release_refused", swarm_id=lease.swarm_id, error=exc.detail)
                await self._rest(_MAX_RESTART_S / 12)
            else:
                return

    async def _rest(self, delay_s: float) -> None:
        """Sleep, but never into the end of the process."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._shared.stopping.wait()
