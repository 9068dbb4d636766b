"""Prometheus metrics of lanes (a model of a provider), read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.ports.admission import Lanes, LaneSnapshot

_MAX_LANES = 200
"""Labels stay bounded: model names come from configuration and from what providers list."""

_BREAKER = {"closed": 0, "half_open": 1, "open": 2}
_LABELS = ["provider", "model"]


class LaneMetrics(Collector):
    def __init__(self, lanes: Lanes, registry: CollectorRegistry) -> None:
        self._lanes = lanes
        registry.register(self)

    def describe(self) -> Sequence[Metric]:
        return []  # so that registering does not ask

    def collect(self) -> Iterator[Metric]:
        lanes = self._lanes.snapshot()[:_MAX_LANES]
        yield _gauge("swarmd_lane_in_flight", "Calls under way", [(lane, lane.in_flight) for lane in lanes])
        yield _gauge("swarmd_lane_waiting", "Calls that a limit holds back", [(lane, lane.waiting) for lane in lanes])
        limits = [(lane, lane.limit) for lane in lanes if lane.limit is not None]
        yield _gauge("swarmd_lane_limit", "Calls at once that the provider was seen to take", limits)
        states = [(lane, _BREAKER[lane.breaker.value]) for lane in lanes]
        yield _gauge("swarmd_breaker_state", "0 closed, 1 half-open, 2 open", states)
        yield _counter("swarmd_breaker_opened", "Times it opened", [(lane, lane.opened_count) for lane in lanes])
        yield _counter("swarmd_lane_calls", "Calls that ended", [(lane, lane.calls) for lane in lanes])
        yield _counter("swarmd_lane_failures", "Calls that failed", [(lane, lane.failures) for lane in lanes])
        yield _counter("swarmd_lane_refusals", "Calls answered with 429", [(lane, lane.refusals) for lane in lanes])
        throttled = [(lane, lane.throttled_ms / 1000) for lane in lanes]
        yield _counter("swarmd_lane_throttled_seconds", "Time that calls waited for a limit", throttled)


def _gauge(name: str, text: str, values: Sequence[tuple[LaneSnapshot, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=_LABELS)
    for lane, value in values:
        family.add_metric([lane.provider, lane.model], value)
    return family


def _counter(name: str, text: str, values: Sequence[tuple[LaneSnapshot, float]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=_LABELS)
    for lane, value in values:
        family.add_metric([lane.provider, lane.model], value)
    return family
