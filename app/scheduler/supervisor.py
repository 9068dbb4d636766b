"""Claims swarms that nobody runs and gives each a runner; restarts a runner that fell over; drains them at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from app.domain.errors import LeaseLost, StoreUnavailable
from app.ports.doorbell import NEW_SWARMS, control_of
from app.ports.runs import Lease
from app.scheduler.runner import Machinery, Runner

_log = structlog.get_logger(__name__)

_POLL_S = 5.0
"""Backs up the doorbell: a lost ring delays a new swarm by this much at most."""

_LEAST_WAIT_S = 0.01
_CLAIM_BATCH = 64
_FIRST_RESTART_S = 1.0
_MAX_RESTART_S = 60.0


class Supervisor:
    """Args:
    owner: names this process in leases.
    max_runs: swarms in hand at once; further ones wait in the store.
    """

    def __init__(self, shared: Machinery, *, owner: str, max_runs: int) -> None:
        self._shared = shared
        self._owner = owner
        self._max_runs = max_runs
        self._runs: dict[str, asyncio.Task[None]] = {}
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
        runs = set(self._runs.values())
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
            while not self.draining:
                self._news.clear()
                try:
                    more = await self._claim(group)
                except StoreUnavailable as exc:
                    _log.error("claim_refused", error=exc.detail)
                    more = False
                if not more:
                    await self._wait()

    async def _claim(self, group: asyncio.TaskGroup) -> bool:
        """Claim what there is room for; return whether there may be more."""
        room = min(self._max_runs - len(self._runs), _CLAIM_BATCH)
        if room <= 0:
            return False
        leases = await self._shared.runs.claim(self._owner, limit=room, now_ms=self._shared.clock.now_ms())
        if self.draining:
            return False
        for lease in leases:
            self._runs[lease.swarm_id] = group.create_task(self._run(lease), name=f"run {lease.swarm_id}")
        return len(leases) == room

    async def _wait(self) -> None:
        """Wait for news, or until a run begins that was to wait for its time."""
        wait_s = _POLL_S
        with suppress(StoreUnavailable):
            start_ms = await self._shared.runs.next_start_ms()
            if start_ms is not None and len(self._runs) < self._max_runs:
                wait_s = min(max((start_ms - self._shared.clock.now_ms()) / 1000, _LEAST_WAIT_S), _POLL_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._news.wait()

    async def _run(self, lease: Lease) -> None:
        structlog.contextvars.bind_contextvars(swarm_id=lease.swarm_id)
        try:
            await Runner(lease, self._shared).run()
        except LeaseLost:
            _log.warning("lease_lost", swarm_id=lease.swarm_id)
        except Exception:
            await self._recover(lease)
        else:
            self._restarts.pop(lease.swarm_id, None)
        finally:
            del self._runs[lease.swarm_id]
            self._news.set()

    async def _recover(self, lease: Lease) -> None:
        """A runner fell over (a bug, or the store was away while it loaded): let it rest, then give the swarm back."""
        count = self._restarts[lease.swarm_id] = self._restarts.get(lease.swarm_id, 0) + 1
        delay_s = min(_FIRST_RESTART_S * 2.0 ** (count - 1), _MAX_RESTART_S)
        _log.exception("runner_fell_over", swarm_id=lease.swarm_id, restart_in_s=delay_s, restarts=count)
        await self._rest(delay_s)
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
