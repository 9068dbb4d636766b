"""What a client may ask of a run while it goes on: cancel, pause, resume, retry, other limits.

Each is a command in the store, carried out by the run's own runner, in order and once; the caller waits a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from app.domain.budget import Budget
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.swarm import SWARM_TERMINAL, SwarmStatus
from app.domain.task import TERMINAL, TaskStatus
from app.ports.clock import Clock
from app.ports.doorbell import NEW_SWARMS, Doorbell, control_of, events_of
from app.ports.idempotency import Once
from app.ports.provider import Models
from app.ports.runs import Command
from app.ports.store import SwarmRow, SwarmStore, TaskStore
from app.services.affordability import refuse_unpriced

_WAIT_S = 5.0
_POLL_S = 1.0
"""Backs up the doorbell."""

_RETRYABLE = (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED)
_OPEN = tuple(status for status in TaskStatus if status not in TERMINAL)


@dataclass(frozen=True, slots=True)
class SteeringService:
    swarms: SwarmStore
    tasks: TaskStore
    models: Models
    doorbell: Doorbell
    clock: Clock

    async def cancel(self, tenant_id: str, swarm_id: str) -> SwarmRow:
        """Cancel a run; one that has ended stays as it is."""
        row = await self._get(tenant_id, swarm_id)
        return row if row.status in SWARM_TERMINAL else await self._ask(row, "cancel")

    async def pause(self, tenant_id: str, swarm_id: str) -> SwarmRow:
        """Start no new attempt; those under way end.

        Raises:
            Conflict: the run has ended.
        """
        return await self._ask(await self._active(tenant_id, swarm_id), "pause")

    async def resume(self, tenant_id: str, swarm_id: str) -> SwarmRow:
        """Go on, whatever paused the run; where its budget did, it pauses again at once unless that was raised.

        Raises:
            Conflict: the run has ended.
        """
        return await self._ask(await self._active(tenant_id, swarm_id), "resume")

    async def retry(
        self,
        tenant_id: str,
        swarm_id: str,
        *,
        task_ids: Collection[str] | None = None,
        states: Sequence[TaskStatus] = (TaskStatus.FAILED,),
        error: str | None = None,
        once: Once | None = None,
    ) -> SwarmRow:
        """Run unsuccessful tasks again, and what was skipped for want of them; an ended run goes on.

        Where no task is meant and the merge of an ended run failed, that is made again.

        Args:
            states: of the tasks meant; failed, cancelled or skipped.
            error: only those that ended with this kind of error.
            once: the key to store with the command.

        Raises:
            NotFound: one of ``task_ids``.
            Conflict: no task is meant, or the outputs are being merged.
            KeyTaken: another request has the key; nothing was asked of the run.
        """
        row = await self._get(tenant_id, swarm_id)
        if row.status == SwarmStatus.AGGREGATING:
            raise Conflict(f"swarm {swarm_id} is merging its outputs; its tasks can be retried once it has ended")
        if task_ids is not None:
            states = _RETRYABLE
            await self._refuse_unknown(swarm_id, task_ids)
        indices = await self.tasks.indices(swarm_id, states=states, error=error, task_ids=task_ids)
        merge_failed = row.status in SWARM_TERMINAL and (row.aggregation or {}).get("status") == "failed"
        if not indices and task_ids is None and merge_failed:
            return await self._ask(row, "retry", {"indices": []}, once)
        if row.status == SwarmStatus.COMPLETED:
            raise Conflict(f"swarm {swarm_id} has completed; what a decided vote did without is not missing")
        await self._refuse_without_steps(row)
        if not indices:
            counts = ", ".join(f"{getattr(row.counts, status)} {status}" for status in _RETRYABLE)
            raise Conflict(f"no task to retry is meant; of {row.counts.total} tasks there are {counts}")
        return await self._ask(row, "retry", {"indices": list(indices)}, once)

    async def cancel_tasks(
        self,
        tenant_id: str,
        swarm_id: str,
        *,
        task_ids: Collection[str] | None = None,
        states: Sequence[TaskStatus] | None = None,
    ) -> SwarmRow:
        """Cancel the open ones of these tasks and skip what waits for them; where there is none, nothing changes.

        Raises:
            NotFound: one of ``task_ids``.
        """
        row = await self._get(tenant_id, swarm_id)
        if task_ids is not None:
            await self._refuse_unknown(swarm_id, task_ids)
        indices = await self.tasks.indices(
            swarm_id, states=states or _OPEN, error=None, task_ids=task_ids, planners=task_ids is not None
        )
        return await self._ask(row, "cancel", {"indices": list(indices)}) if indices else row

    async def cancel_task(self, tenant_id: str, swarm_id: str, task_id: str) -> SwarmRow:
        """Cancel one task and skip what waits for it; an ended one stays as it is."""
        row = await self._get(tenant_id, swarm_id)
        found = await self.tasks.get(swarm_id, task_id)
        if found is None:
            raise NotFound("task", task_id)
        if found[0].status in TERMINAL:
            return row
        return await self._ask(row, "cancel", {"indices": [found[0].index]})

    async def change(
        self,
        tenant_id: str,
        swarm_id: str,
        *,
        max_parallel_agents: int | None = None,
        budget: Mapping[str, Any] | None = None,
        priority: int | None = None,
        max_steps: int | None = None,
    ) -> SwarmRow:
        """Change limits of a run; running attempts above a lowered one go on.

        Args:
            budget: fields of ``Budget`` to change; a raised cap lets a run go on that it had paused.
            max_steps: of an ended run, too, so that its tasks can be run again.

        Raises:
            Conflict: the run has ended.
            InvalidRequest: a cap on money, and a model of the run has no price; no more steps than were made.
        """
        if max_steps is not None:
            row = await self._set_max_steps(await self._get(tenant_id, swarm_id), max_steps)
            if max_parallel_agents is None and budget is None and priority is None:
                return row
        row = await self._active(tenant_id, swarm_id)
        if budget is not None:
            merged = replace(row.budget or Budget(), **budget)
            if merged.max_cost_nano_usd is not None:
                names = await self.tasks.requested_models(swarm_id)
                routes = [await self.models.resolve(name) for name in names]
                refuse_unpriced(routes, "/budget/max_cost_usd")
            row = await self._ask(row, "budget", budget)
        if priority is not None:
            row = await self._ask(row, "priority", {"priority": priority})
        if max_parallel_agents is not None:
            row = await self._ask(row, "scale", {"max_parallel_agents": max_parallel_agents})
        return row

    async def _set_max_steps(self, row: SwarmRow, max_steps: int) -> SwarmRow:
        if max_steps <= row.steps:
            raise InvalidRequest.field("/max_steps", f"{row.steps} steps are made already; expected more than that")
        await self.swarms.set_max_steps(row.swarm_id, max_steps)
        return row if row.status in SWARM_TERMINAL else await self._ask(row, "steps", {"max_steps": max_steps})

    async def _refuse_without_steps(self, row: SwarmRow) -> None:
        most = await self.swarms.max_steps(row.swarm_id)
        if row.steps >= most:
            advice = f'raise it first, by PATCH with {{"max_steps": {2 * most}}}, say'
            raise Conflict(f"the max_steps of swarm {row.swarm_id} ({most}) is used up; {advice}")

    async def _get(self, tenant_id: str, swarm_id: str) -> SwarmRow:
        row = await self.swarms.get(tenant_id, swarm_id)
        if row is None:
            raise NotFound("swarm", swarm_id)
        return row

    async def _active(self, tenant_id: str, swarm_id: str) -> SwarmRow:
        row = await self._get(tenant_id, swarm_id)
        if row.status in SWARM_TERMINAL:
            raise Conflict(f"swarm {swarm_id} has ended ({row.status}); only its unsuccessful tasks can be retried")
        return row

    async def _refuse_unknown(self, swarm_id: str, task_ids: Collection[str]) -> None:
        every = await self.tasks.indices(swarm_id, states=tuple(TaskStatus), error=None, task_ids=task_ids)
        if len(every) == len(set(task_ids)):
            return
        for task_id in task_ids:
            if await self.tasks.get(swarm_id, task_id) is None:
                raise NotFound("task", task_id)

    async def _ask(
        self, row: SwarmRow, kind: str, body: Mapping[str, Any] | None = None, once: Once | None = None
    ) -> SwarmRow:
        """Leave a command for the run's runner and wait a moment for it to be carried out."""
        done = asyncio.Event()
        with self.doorbell.listen(events_of(row.swarm_id), done.set):
            position = await self.swarms.command(row.tenant_id, row.swarm_id, Command(kind, body or {}), once)
            if position is None:
                raise NotFound("swarm", row.swarm_id)
            self.doorbell.ring(control_of(row.swarm_id))
            self.doorbell.ring(NEW_SWARMS)  # an ended run is in nobody's hands
            deadline = self.clock.monotonic() + _WAIT_S
            while not await self.swarms.is_done(row.swarm_id, position) and self.clock.monotonic() < deadline:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await done.wait()
                done.clear()
        return await self._get(row.tenant_id, row.swarm_id)
