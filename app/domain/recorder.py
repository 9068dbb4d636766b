"""The means of a step: one ``Recorder`` couples a run's state, the time and the output of the step.

Its methods are the only code that assigns a status; each checks the legal-transition tables, keeps the counts and the
ready heaps true, and writes the change and the event that go with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappush
from typing import Any

from app.domain import events
from app.domain.changes import AggregateChanged, AttemptEnded, Step, StepRecorded, StopAttempt, TaskClosed, TaskQueued
from app.domain.events import Event
from app.domain.ids import sub_agent_id
from app.domain.retry import TaskError
from app.domain.spending import write_off
from app.domain.swarm import SWARM_TRANSITIONS, SwarmState, SwarmStatus
from app.domain.task import TASK_TRANSITIONS, TERMINAL, TaskKind, TaskState, TaskStatus
from app.domain.usage import Usage, usd

Bill = tuple[Usage, int | None, int]
"""Tokens, cost (None where the price is unknown) and what the call may have cost beyond, nano-dollars."""


@dataclass(slots=True)
class Recorder:
    """Changes ``state`` at Unix time ``now_ms`` (milliseconds) and appends what follows from it to ``out``."""

    state: SwarmState
    now_ms: int
    out: Step

    def emit(self, kind: str, task: TaskState | None = None, fields: dict[str, Any] | None = None) -> None:
        state = self.state
        if task is not None and task.kind is not TaskKind.TASK:
            if kind not in _TOLD_OF_INNER:
                return
            kind, fields = _TOLD_OF_INNER[kind], {"step": task.kind.value} | (fields or {})
        state.last_seq += 1
        self.out.events.append(
            Event(
                seq=state.last_seq,
                type=kind,
                at_ms=self.now_ms,
                task_id=task.task_id if task else None,
                agent_id=sub_agent_id(state.swarm_id, task.index) if task else None,
                attempt=task.attempt or None if task else None,
                fields=fields or {},
            )
        )

    def running(self, index: int, attempt: int, step: int | None = None) -> TaskState | None:
        """Return the task if this very attempt, at this step, is still the running one; else the fact is a zombie's."""
        task = self.state.tasks[index]
        if task.status is not TaskStatus.RUNNING or task.attempt != attempt or step not in {None, task.step}:
            return None
        return task

    def move(self, task: TaskState, status: TaskStatus) -> None:
        if status not in TASK_TRANSITIONS[task.status]:
            raise AssertionError(f"task {task.task_id!r}: {task.status} -> {status} is not a legal change")
        ready_count = self.state.ready_count
        if task.status is TaskStatus.QUEUED:
            ready_count[task.lane] -= 1
        elif status is TaskStatus.QUEUED:
            ready_count[task.lane] = ready_count.get(task.lane, 0) + 1
        counts = self.state.counts if task.kind is TaskKind.TASK else self.state.inner
        counts.move(task.status, status)
        task.status = status

    def become(self, status: SwarmStatus) -> None:
        state = self.state
        if status not in SWARM_TRANSITIONS[state.status]:
            raise AssertionError(f"swarm {state.swarm_id}: {state.status} -> {status} is not a legal change")
        state.status = status

    def bill(self, usage: Usage, cost_nano_usd: int | None, steps: int) -> None:
        state = self.state
        state.usage += usage
        state.cost_nano_usd += cost_nano_usd or 0
        state.steps += steps - 1  # the attempt's first call was counted when it started

    def journal(
        self, task: TaskState, record: str, model: str | None, latency_ms: float, bill: Bill | None = None
    ) -> None:
        """Append a call to the task's journal; ``bill`` where nothing else of the same commit tells it."""
        usage, cost_nano_usd, unsettled_nano_usd = bill or (Usage(), None, 0)
        self.out.changes.append(
            StepRecorded(
                index=task.index,
                attempt=task.attempt,
                step=task.step,
                record=record,
                model=model,
                latency_ms=latency_ms,
                at_ms=self.now_ms,
                usage=usage,
                cost_nano_usd=cost_nano_usd,
                unsettled_nano_usd=unsettled_nano_usd,
                billed=bill is not None,
            )
        )
        task.step += 1
        task.journal_bytes += len(record.encode())

    def keep_aggregate(self, aggregated: Any, aggregation: dict[str, Any] | None) -> None:
        """Set the run's merged value; None and None take it back."""
        self.state.aggregated, self.state.aggregation = aggregated, aggregation
        self.out.changes.append(AggregateChanged())

    def pause(self, reason: str, detail: str | None = None) -> None:
        state = self.state
        self.become(SwarmStatus.PAUSED)
        state.pause_reason = reason
        fields = {"reason": reason, "detail": detail, "spent_usd": usd(state.spent_nano_usd)}
        self.emit(events.SWARM_PAUSED, fields=fields)

    def resume(self, reason: str) -> None:
        state = self.state
        self.become(phase_of(state))
        state.pause_reason = None
        if state.start_at_ms is not None:
            state.start_at_ms, state.started_at_ms = None, self.now_ms
        state.blocked = False
        state.needed_nano_usd = 0
        self.emit(events.SWARM_RESUMED, fields={"reason": reason})

    def queue(self, task: TaskState) -> None:
        """Let a new attempt of the task start."""
        self.ready(task)
        self.out.changes.append(TaskQueued(task.index, task.queued_at_ms))
        self.emit(events.TASK_QUEUED, task)

    def ready(self, task: TaskState) -> None:
        """Put a task among those that want a slot."""
        state = self.state
        self.place(task)
        self.move(task, TaskStatus.QUEUED)
        task.queued_at_ms = max(self.now_ms, state.started_at_ms)  # a clock may be set back
        task.not_before_ms = 0
        heappush(state.ready.setdefault(task.lane, []), task.rank())

    def place(self, task: TaskState) -> None:
        """Send a task that is not ready yet to the lane of its next call: of a judge, say, or of its own model."""
        if task.next_model is not None:
            task.lane = self.state.lanes.get(task.next_model, task.lane)
        else:
            task.lane = self.state.lanes.get(task.routed_model or task.requested_model, task.lane)
            self.reroute(task)

    def reroute(self, task: TaskState) -> None:
        """Send a task that is not ready yet to the lane that serves its model now."""
        if task.chained:
            return
        self.reroute_to(task, *self.state.detours.get(task.requested_model, (task.lane, task.routed_model)))

    def reroute_to(self, task: TaskState, lane: str, model: str | None) -> None:
        before, task.lane = task.lane, lane  # it may have been on the lane of a call to another model
        if model != task.routed_model:
            task.routed_model = model
            fields = {"from_lane": before, "lane": lane, "model": model or task.requested_model}
            self.emit(events.AGENT_REROUTED, task, fields)

    def end(self, task: TaskState, status: TaskStatus) -> None:
        """Close ``task`` and release or skip what waited for it; iterative, as a chain may be 20,000 tasks long."""
        self.move(task, status)
        task.payload = ""
        if status is not TaskStatus.COMPLETED:
            self._lose_vote(task)
        self.release(task)

    def release(self, task: TaskState) -> None:
        """Release or skip what waited for an ended task."""
        self._release([task])

    def meet_awaited(self, task: TaskState, task_id: str, status: TaskStatus) -> None:
        """Count a dependency of another swarm as ended."""
        if self._meet(task, task_id, status):
            self._release([task])

    def _release(self, ended: list[TaskState]) -> None:
        while ended:
            source = ended.pop()
            for index in self.state.graph.dependents[source.index]:
                dependent = self.state.tasks[index]
                if self._meet(dependent, source.task_id, source.status):
                    ended.append(dependent)

    def _meet(self, task: TaskState, source_id: str, source_status: TaskStatus) -> bool:
        """Count one dependency of ``task`` as ended; return whether that closed the task."""
        task.unmet -= 1
        if task.status is not TaskStatus.WAITING:
            return False
        if source_status is not TaskStatus.COMPLETED and not task.allow_failed_dependencies:
            reason = f"dependency {source_id!r} is {source_status}"
            self.skip(task, TaskError(type="dependency_failed", message=reason))
            return True
        if task.unmet == 0:
            self.queue(task)
        return False

    def skip(self, task: TaskState, error: TaskError) -> None:
        if task.kind is TaskKind.PLANNER:
            self.state.error = self.state.error or f"the planner could not go on: {error.message}"
        self._leave_off(task, error)
        self._close(task, TaskStatus.SKIPPED, error)
        if task.spawned:
            self.agent_failed(task, error)
        else:
            self.emit(events.TASK_SKIPPED, task, {"error": error.message, "error_type": error.type})

    def cancel(self, task: TaskState, error: TaskError) -> None:
        if task.status is TaskStatus.RUNNING:
            self.give_up(task, "cancelled", error)
            self.out.effects.append(StopAttempt(task.index, task.attempt))
        self._leave_off(task, error)
        self._close(task, TaskStatus.CANCELLED, error)
        if task.spawned:
            self.agent_failed(task, TaskError(type=error.type, message="cancelled"))
        else:
            self.emit(events.TASK_CANCELLED, task, {"error": error.message, "error_type": error.type})

    def give_up(self, task: TaskState, status: str, error: TaskError) -> None:
        """Record that nobody waits for the running attempt any more, and that nobody will know its calls' bills."""
        half = task.half_failed
        self.attempt_ended(
            task,
            status,
            error,
            usage=half.usage if half else Usage(),
            cost_nano_usd=half.cost_nano_usd if half else None,
            unsettled_nano_usd=write_off(self.state, task),
        )

    def _leave_off(self, task: TaskState, error: TaskError) -> None:
        """Record the end of an attempt that was between two calls: the journal has told their bills."""
        if task.going_on:
            task.going_on = False
            self.attempt_ended(task, "cancelled", error, usage=Usage(), cost_nano_usd=None, calls=0)

    def attempt_ended(
        self,
        task: TaskState,
        status: str,
        error: TaskError,
        *,
        usage: Usage,
        cost_nano_usd: int | None,
        unsettled_nano_usd: int = 0,
        latency_ms: float | None = None,
        model: str | None = None,
        calls: int = 1,
    ) -> None:
        """Write down an attempt that gave no output."""
        self.out.changes.append(
            AttemptEnded(
                index=task.index,
                attempt=task.attempt,
                status=status,
                started_at_ms=task.started_at_ms,
                ended_at_ms=self.now_ms,
                queue_ms=task.queue_ms,
                latency_ms=latency_ms,
                model=model,
                usage=usage,
                cost_nano_usd=cost_nano_usd,
                unsettled_nano_usd=unsettled_nano_usd,
                error=error,
                calls=calls,
            )
        )

    def _close(self, task: TaskState, status: TaskStatus, error: TaskError) -> None:
        self.out.changes.append(
            TaskClosed(index=task.index, status=status, ended_at_ms=self.now_ms, error=error, failures=task.failures)
        )
        self.move(task, status)
        task.payload = ""
        self._lose_vote(task)

    def _lose_vote(self, task: TaskState) -> None:
        if self.state.tally is not None and task.kind is TaskKind.TASK:
            self.state.tally.lost(task.index)

    def agent_retrying(self, task: TaskState, error: TaskError, retry_in_ms: int) -> None:
        fields = {"retry_in_ms": retry_in_ms, "error": error.message, "error_type": error.type}
        self.emit(events.AGENT_RETRYING, task, fields)

    def agent_failed(self, task: TaskState, error: TaskError) -> None:
        fields = {"error": error.message, "error_type": error.type, "queue_ms": task.queue_ms}
        self.emit(events.AGENT_FAILED, task, fields)

    def stop(self, status: SwarmStatus | None, error: TaskError) -> None:
        """Cancel every open task; the run ends as ``status``, or by its counts where that is None."""
        state = self.state
        for task in state.tasks:
            if task.status not in TERMINAL:
                self.cancel(task, error)
        state.error = error.message
        self.finish(status)

    def finish(self, status: SwarmStatus | None = None) -> None:
        """End the run as ``status``, or by its counts where that is None."""
        state = self.state
        status = status or _outcome(state)
        self.become(status)
        state.pause_reason = state.start_at_ms = None
        state.ended_at_ms = self.now_ms
        if state.error is None and status is SwarmStatus.FAILED:
            state.error = f"{state.counts.completed} of {state.counts.total} tasks completed"
        fields = {
            "status": status.value,
            "error": state.error,
            "counts": state.counts.as_dict(),
            "cost_usd": usd(state.cost_nano_usd),
            "steps": state.steps,
            "elapsed_s": max(self.now_ms - state.created_at_ms, 0) / 1000,
        }
        self.emit(events.SWARM_COMPLETED, fields=fields)


_TOLD_OF_INNER = {
    events.AGENT_STEP: events.AGENT_STEP,
    events.AGENT_COMPLETED: events.AGENT_STEP,
    events.AGENT_FAILED: events.AGENT_STEP,
    events.AGENT_RETRYING: events.AGENT_RETRYING,
    events.AGENT_REROUTED: events.AGENT_REROUTED,
}
"""Planners and merges are no sub-agents to watchers, who count those; but what they cost and why they fail is told."""


def phase_of(state: SwarmState) -> SwarmStatus:
    """Return what a run that is neither paused nor ended is at, by its tasks."""
    if state.spec.planner is not None and not state.counts.total:
        return SwarmStatus.PLANNING
    planning = state.planner is not None and state.planner.status not in TERMINAL
    return SwarmStatus.RUNNING if state.counts.open or planning else SwarmStatus.AGGREGATING


def _outcome(state: SwarmState) -> SwarmStatus:
    counts = state.counts
    if state.planner is not None and state.planner.status is not TaskStatus.COMPLETED:
        return SwarmStatus.PARTIAL if counts.completed else SwarmStatus.FAILED
    if counts.completed == counts.total or (state.decided and not counts.failed):
        return SwarmStatus.COMPLETED
    asked = counts.total - counts.cancelled if state.decided else counts.total  # what a decided vote did without
    if not counts.completed or counts.completed / asked < state.spec.min_success_rate:
        return SwarmStatus.FAILED
    return SwarmStatus.PARTIAL
