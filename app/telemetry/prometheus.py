"""Prometheus metrics of swarms and webhooks (``ports.telemetry``).

Swarms are counted once a commit, not once a task, so the cost is a few dozen increments whatever the batch. Labels are
bounded: statuses and error names of ours, and at most ``_MAX_MODELS`` model names.
"""

from __future__ import annotations

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.domain.changes import AttemptEnded, AttemptStarted, Step, StepRecorded, TaskClosed, TaskCompleted
from app.domain.swarm import Counts, SwarmState
from app.domain.webhooks import DeliveryStatus

_MAX_MODELS = 50
_OTHER = "other"
_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_GAUGED = ("waiting", "queued", "running", "retrying")


class PrometheusSwarmMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._tasks = Gauge("swarmd_tasks", "Open tasks by status", ["status"], registry=registry)
        self._ended = Counter("swarmd_tasks_ended", "Tasks that ended, by status", ["status"], registry=registry)
        self._failures = Counter("swarmd_attempts_failed", "Failed attempts, by error", ["error"], registry=registry)
        self._tokens = Counter("swarmd_tokens", "Tokens billed", ["model", "kind"], registry=registry)
        self._cost = Counter("swarmd_cost_usd", "Cost of priced calls in US dollars", ["model"], registry=registry)
        self._active = Gauge("swarmd_active_agents", "Sub-agents with an attempt under way", registry=registry)
        self._swarms = Gauge("swarmd_active_swarms", "Swarms in the hands of this process", registry=registry)
        self._swarms_ended = Counter("swarmd_swarms_ended", "Swarms that ended", ["status"], registry=registry)
        self._queue_wait = Histogram(
            "swarmd_queue_wait_seconds", "Ready until its attempt started", buckets=_SECONDS, registry=registry
        )
        self._latency = Histogram(
            "swarmd_attempt_seconds", "Duration of attempts that gave an output", buckets=_SECONDS, registry=registry
        )
        self._scores = Histogram(
            "swarmd_validation_score", "What validators gave accepted outputs, 0-1", buckets=_SCORES, registry=registry
        )
        self._open: dict[str, Counts] = {}
        self._models: set[str] = set()

    def took_over(self, state: SwarmState) -> None:
        self._swarms.inc()
        self._regauge(state)

    def let_go(self, state: SwarmState) -> None:
        self._swarms.dec()
        last = self._open.pop(state.swarm_id, Counts())
        for name in _GAUGED:
            self._tasks.labels(name).dec(getattr(last, name))
        self._active.dec(last.running)

    def committed(self, state: SwarmState, step: Step) -> None:
        ended: Tally[str] = Tally()
        failures: Tally[str] = Tally()
        tokens: Tally[tuple[str, str]] = Tally()
        cost: Tally[str] = Tally()
        for change in step.changes:
            if isinstance(change, AttemptStarted):
                self._queue_wait.observe(change.queue_ms / 1000)
                continue
            if isinstance(change, TaskCompleted):
                ended["completed"] += 1
                self._latency.observe(change.latency_ms / 1000)
                if change.score is not None:
                    self._scores.observe(change.score)
            elif isinstance(change, TaskClosed):
                ended[change.status.value] += 1
                continue
            elif isinstance(change, AttemptEnded):
                failures[change.error.type if change.error else _OTHER] += 1
            elif not isinstance(change, StepRecorded) or not change.billed:
                continue
            model = self._bounded(change.model)
            tokens[model, "prompt"] += change.usage.prompt_tokens
            tokens[model, "completion"] += change.usage.completion_tokens
            tokens[model, "cached"] += change.usage.cached_tokens
            cost[model] += change.cost_nano_usd or 0
        for status, count in ended.items():
            self._ended.labels(status).inc(count)
        for error, count in failures.items():
            self._failures.labels(error).inc(count)
        for (model, kind), count in tokens.items():
            self._tokens.labels(model, kind).inc(count)
        for model, nano_usd in cost.items():
            self._cost.labels(model).inc(nano_usd / 1e9)
        if state.ended:
            self._swarms_ended.labels(state.status.value).inc()
        self._regauge(state)

    def _regauge(self, state: SwarmState) -> None:
        last = self._open.get(state.swarm_id, Counts())
        now = Counts(**{name: getattr(state.counts, name) for name in _GAUGED})
        for name in _GAUGED:
            self._tasks.labels(name).inc(getattr(now, name) - getattr(last, name))
        self._active.inc(now.running - last.running)
        self._open[state.swarm_id] = now

    def _bounded(self, model: str | None) -> str:
        name = model or _OTHER
        if name in self._models:
            return name
        if len(self._models) >= _MAX_MODELS:
            return _OTHER
        self._models.add(name)
        return name


class PrometheusDeliveryMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        attempts = Counter(
            "swarmd_webhook_attempts", "Attempts to deliver a webhook's message", ["outcome"], registry=registry
        )
        # Each there from the start: a rate of what was never counted is no zero.
        self._attempts = {status: attempts.labels(_OUTCOMES[status]) for status in DeliveryStatus}

    def attempted(self, status: DeliveryStatus) -> None:
        self._attempts[status].inc()


_OUTCOMES = {DeliveryStatus.DELIVERED: "delivered", DeliveryStatus.PENDING: "failed", DeliveryStatus.DEAD: "dead"}
"""A message that waits after an attempt is one whose attempt failed."""


class NoMetrics:
    """For a service that serves no metrics."""

    def took_over(self, state: SwarmState) -> None:
        """Nothing is counted."""

    def let_go(self, state: SwarmState) -> None:
        """Nothing is counted."""

    def committed(self, state: SwarmState, step: Step) -> None:
        """Nothing is counted."""

    def attempted(self, status: DeliveryStatus) -> None:
        """Nothing is counted."""
