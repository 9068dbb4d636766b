"""Spans of runs, tasks and attempts, made of what was committed. Imported only where traces are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app import __version__
from app.domain.changes import AttemptEnded, AttemptStarted, Step, TaskClosed, TaskCompleted, TaskRearmed
from app.domain.ids import number_of, sub_agent_id
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskState
from app.ports.provider import ChatProvider
from app.ports.telemetry import SwarmMetrics
from app.ports.tools import Tools
from app.telemetry import trace_context
from app.telemetry.traced_calls import CallSpans, TracedProvider, TracedTools, below, context_of

_log = structlog.get_logger(__name__)

_Value = str | int | float
_NS = 1_000_000
_MAX_NAME = 100
_MAX_VALUE = 256
"""Characters of an attribute: clients choose the ids of tasks, and providers the names of models."""
_FAILED = frozenset({"failed", "abandoned", "skipped"})
"""Of tasks and attempts; what was cancelled was asked for."""


class _Ids(IdGenerator):
    """Draws ids, but where the next one was set. Spans are started in the event loop's thread only."""

    def __init__(self) -> None:
        self._drawn = RandomIdGenerator()
        self.trace_id = 0
        self.span_id = 0

    def generate_span_id(self) -> int:
        set_before, self.span_id = self.span_id, 0
        return set_before or self._drawn.generate_span_id()

    def generate_trace_id(self) -> int:
        set_before, self.trace_id = self.trace_id, 0
        return set_before or self._drawn.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return True  # in its last 80 bits, as those of swarm ids are


def provider_of(processor: SpanProcessor) -> TracerProvider:
    """Return a maker of spans that ``processor`` takes; it is nobody else's, so no library of ours adds to it."""
    ours = Resource.create({"service.name": "swarmd", "service.version": __version__})
    provider = TracerProvider(
        resource=ours.merge(OTELResourceDetector().detect()),
        id_generator=_Ids(),
        span_limits=SpanLimits(max_attribute_length=_MAX_VALUE),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    return provider


@dataclass(slots=True)
class _Run:
    """A run in the hands of this process; by index of a task when it became ready, and how often it was put back."""

    trace_id: int
    flags: TraceFlags
    caller: Context
    begun_at_ms: dict[int, int] = field(default_factory=dict)
    rearmed: dict[int, int] = field(default_factory=dict)


class SwarmTraces:
    """``tracing.Traces`` with OpenTelemetry's SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("swarmd", __version__)
        assert isinstance(provider.id_generator, _Ids)
        self._ids = provider.id_generator
        self._calls = CallSpans(self._tracer)
        self._runs: dict[str, _Run] = {}

    def observing(self, metrics: SwarmMetrics) -> SwarmMetrics:
        return _Observer(self, metrics)

    def of_provider(self, provider: ChatProvider, vendor: str | None = None, base_url: str = "") -> ChatProvider:
        return TracedProvider(provider, self._calls, vendor, base_url)

    def of_tools(self, tools: Tools) -> Tools:
        return TracedTools(tools, self._calls)

    def enter(self, swarm_id: str, index: int, attempt: int) -> None:
        run = self._runs.get(swarm_id)
        if run is not None:
            self._calls.enter(_below(run, _id_of(swarm_id, index, attempt)))

    def took_over(self, state: SwarmState) -> None:
        caller = trace_context.read(state.spec.traceparent)
        if caller is None:
            trace_id, context = number_of(state.swarm_id), Context()
        else:
            trace_id, context = caller.trace_id, context_of(caller)
        # The run's own span is told last, and whether it and all below it are recorded has to be known from the start.
        name, attributes = _run_name(state), {"gen_ai.operation.name": "invoke_workflow"}
        sampled = self._provider.sampler.should_sample(context, trace_id, name, SpanKind.INTERNAL, attributes)
        flags = TraceFlags(TraceFlags.SAMPLED if sampled.decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
        self._runs[state.swarm_id] = _Run(trace_id, flags, context)

    def let_go(self, state: SwarmState) -> None:
        self._runs.pop(state.swarm_id, None)

    def committed(self, state: SwarmState, step: Step) -> None:
        run = self._runs.get(state.swarm_id)
        if run is None or not run.flags.sampled:
            return
        for change in step.changes:
            match change:
                case AttemptStarted():
                    run.begun_at_ms.setdefault(change.index, change.started_at_ms - change.queue_ms)
                case TaskCompleted():
                    task = state.tasks[change.index]
                    self._attempt(run, state, task, change.attempt, task.started_at_ms, change.ended_at_ms)
                    self._task(run, state, task, change.ended_at_ms, "completed")
                case AttemptEnded():
                    error = change.error.type if change.error else None
                    times = change.started_at_ms, change.ended_at_ms
                    task = state.tasks[change.index]
                    self._attempt(run, state, task, change.attempt, *times, status=change.status, error=error)
                case TaskClosed():
                    task = state.tasks[change.index]
                    self._task(run, state, task, change.ended_at_ms, change.status.value, change.error.type)
                case TaskRearmed():
                    run.rearmed[change.index] = run.rearmed.get(change.index, 0) + 1
                case _:
                    pass
        if state.ended:
            self._run(run, state)

    def _run(self, run: _Run, state: SwarmState) -> None:
        spec, counts = state.spec, state.counts
        attributes: dict[str, _Value] = {
            "gen_ai.operation.name": "invoke_workflow",
            "swarmd.swarm.id": state.swarm_id,
            "swarmd.tenant.id": state.tenant_id,
            "swarmd.orchestrator.id": spec.agent_id,
            "swarmd.kind": spec.kind,
            "swarmd.status": state.status.value,
            "swarmd.tasks.total": counts.total,
            "swarmd.tasks.completed": counts.completed,
            "swarmd.tasks.failed": counts.failed,
            "swarmd.steps": state.steps,
            "swarmd.tokens.input": state.usage.prompt_tokens,
            "swarmd.tokens.output": state.usage.completion_tokens,
            "swarmd.cost_usd": state.cost_nano_usd / 1e9,
        }
        if spec.name:
            attributes["gen_ai.workflow.name"] = spec.name
        failed = state.status is SwarmStatus.FAILED
        self._ids.trace_id = run.trace_id
        self._tell(
            _run_name(state),
            run.caller,
            _id_of(state.swarm_id, "run", state.started_at_ms),
            (state.started_at_ms, state.ended_at_ms or state.started_at_ms),
            attributes,
            "failed" if failed else None,
        )

    def _task(
        self, run: _Run, state: SwarmState, task: TaskState, ended_at_ms: int, status: str, error: str | None = None
    ) -> None:
        operation = "plan" if task.kind is TaskKind.PLANNER else "invoke_agent"
        attributes: dict[str, _Value] = {
            "gen_ai.operation.name": operation,
            "gen_ai.agent.id": sub_agent_id(state.swarm_id, task.index),
            "swarmd.swarm.id": state.swarm_id,
            "swarmd.task.id": task.task_id,
            "swarmd.task.kind": task.kind.value,
            "swarmd.status": status,
            "swarmd.attempts": task.attempt,
        }
        self._tell(
            operation,
            _below(run, _id_of(state.swarm_id, "run", state.started_at_ms)),
            _task_id(run, state, task),
            (run.begun_at_ms.pop(task.index, ended_at_ms), ended_at_ms),
            attributes,
            (error or status) if status in _FAILED else None,
        )

    def _attempt(
        self,
        run: _Run,
        state: SwarmState,
        task: TaskState,
        attempt: int,
        started_at_ms: int,
        ended_at_ms: int,
        status: str = "completed",
        error: str | None = None,
    ) -> None:
        attributes: dict[str, _Value] = {
            "swarmd.swarm.id": state.swarm_id,
            "swarmd.task.id": task.task_id,
            "swarmd.attempt": attempt,
            "swarmd.status": status,
        }
        # Of one that another process started it is not known when its task became ready.
        run.begun_at_ms.setdefault(task.index, started_at_ms)
        self._tell(
            "attempt",
            _below(run, _task_id(run, state, task)),
            _id_of(state.swarm_id, task.index, attempt),
            (started_at_ms, ended_at_ms),
            attributes,
            (error or status) if status in _FAILED else None,
        )

    def _tell(
        self,
        name: str,
        parent: Context,
        span_id: int,
        times_ms: tuple[int, int],
        attributes: Mapping[str, _Value],
        error: str | None,
    ) -> None:
        started_at_ms, ended_at_ms = times_ms
        self._ids.span_id = span_id
        span = self._tracer.start_span(name, parent, attributes=attributes, start_time=started_at_ms * _NS)
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(max(started_at_ms, ended_at_ms) * _NS)  # the clock may have been set back
        self._ids.span_id = self._ids.trace_id = 0  # where the sampler wanted none, they were not used


class _Observer:
    """Tells both metrics and traces. Whatever goes wrong with a trace is logged, and the run goes on."""

    def __init__(self, traces: SwarmTraces, metrics: SwarmMetrics) -> None:
        self._traces = traces
        self._metrics = metrics

    def took_over(self, state: SwarmState) -> None:
        self._metrics.took_over(state)
        try:
            self._traces.took_over(state)
        except Exception:
            _log.exception("trace_failed", swarm_id=state.swarm_id)

    def let_go(self, state: SwarmState) -> None:
        self._metrics.let_go(state)
        self._traces.let_go(state)

    def committed(self, state: SwarmState, step: Step) -> None:
        self._metrics.committed(state, step)
        try:
            self._traces.committed(state, step)
        except Exception:
            _log.exception("trace_failed", swarm_id=state.swarm_id)


def _below(run: _Run, span_id: int) -> Context:
    return below(SpanContext(run.trace_id, span_id, is_remote=False, trace_flags=run.flags))


def _task_id(run: _Run, state: SwarmState, task: TaskState) -> int:
    """A task that is run again is another span of the trace."""
    return _id_of(state.swarm_id, "task", state.started_at_ms, task.index, run.rearmed.get(task.index, 0))


def _id_of(*parts: str | int) -> int:
    """Return a span id that the same parts always give; it is never 0, which stands for no span."""
    return int.from_bytes(blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()) | 1


def _run_name(state: SwarmState) -> str:
    name = state.spec.name
    return f"invoke_workflow {name[:_MAX_NAME]}" if name else "invoke_workflow"
