"""Swarm metrics: gauges that come back to zero, counters that equal what was committed, labels that stay few."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from app.domain.changes import Step
from app.domain.facts import AttemptAbandoned, CancelRequested, Fact
from app.domain.swarm import SwarmState
from app.domain.transitions import step
from app.telemetry.prometheus import PrometheusSwarmMetrics
from tests.support.runs import completed, failed, grant, new_swarm, random_dag, random_facts


class Metrics:
    """The metrics of a process, and their values by name."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = PrometheusSwarmMetrics(self.registry)

    def tell(self, state: SwarmState, *facts: Fact) -> Step:
        out = Step()
        for fact in facts:
            step(state, fact, 2_000_000_000_000, out)
        self.metrics.committed(state, out)
        return out

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def total(self, name: str) -> float:
        return sum(
            sample.value for metric in self.registry.collect() for sample in metric.samples if sample.name == name
        )


def test_a_run_is_counted_once_in_everything() -> None:
    seen = Metrics()
    state = new_swarm({"a": [], "b": [], "c": ["a"]}).state
    seen.metrics.took_over(state)
    assert seen.value("swarmd_tasks", status="queued") == 2
    assert seen.value("swarmd_tasks", status="waiting") == 1

    seen.tell(state, grant(2))
    assert (seen.value("swarmd_active_agents"), seen.value("swarmd_active_swarms")) == (2, 1)
    seen.tell(state, completed(state, 0), AttemptAbandoned(1, 1), grant(2))
    seen.tell(state, completed(state, 1), failed(state, 2))
    seen.tell(state, CancelRequested())
    seen.metrics.let_go(state)

    assert seen.value("swarmd_tasks_ended_total", status="completed") == 2
    assert seen.value("swarmd_tasks_ended_total", status="cancelled") == 1
    assert seen.value("swarmd_tokens_total", model="model", kind="prompt") == 20
    assert seen.value("swarmd_tokens_total", model="model", kind="completion") == 10
    assert seen.value("swarmd_cost_usd_total", model="model") == pytest.approx(14e-9)
    assert seen.value("swarmd_attempts_failed_total", error="timeout") == 1
    assert seen.value("swarmd_attempt_seconds_count") == 2
    assert seen.value("swarmd_queue_wait_seconds_count") == 4
    assert seen.value("swarmd_swarms_ended_total", status="cancelled") == 1
    assert seen.total("swarmd_tasks") == seen.value("swarmd_active_agents") == seen.value("swarmd_active_swarms") == 0


@pytest.mark.parametrize("seed", range(10))
def test_gauges_are_the_counts_of_all_runs_at_any_time(seed: int) -> None:
    rng = random.Random(seed)
    seen = Metrics()
    states = [new_swarm(random_dag(rng, 8), number=number).state for number in range(4)]
    for state in states:
        seen.metrics.took_over(state)
    for _ in range(100):
        state = rng.choice(states)
        if not state.ended:
            seen.tell(state, *random_facts(rng, state))
        for status in ("waiting", "queued", "running", "retrying"):
            assert seen.value("swarmd_tasks", status=status) == sum(getattr(s.counts, status) for s in states)
    for state in states:
        seen.metrics.let_go(state)

    assert seen.total("swarmd_tasks") == 0
    ended = sum(state.counts.total - state.counts.open for state in states)
    assert seen.total("swarmd_tasks_ended_total") == ended


def test_labels_stay_few_whatever_models_answer() -> None:
    seen = Metrics()
    state = new_swarm({f"t{index}": [] for index in range(500)}, max_parallel_agents=500).state
    seen.metrics.took_over(state)
    seen.tell(state, grant(500))
    seen.tell(state, *(replace(completed(state, index), model=f"model-{index}") for index in range(500)))

    models = {
        sample.labels["model"]
        for metric in seen.registry.collect()
        for sample in metric.samples
        if sample.name == "swarmd_tokens_total"
    }
    assert len(models) <= 51
    assert seen.total("swarmd_tokens_total") == 500 * (10 + 5 + 2)


def test_a_run_that_was_taken_over_without_news_leaves_no_trace() -> None:
    seen = Metrics()
    state = new_swarm({"a": []}).state
    for _ in range(3):
        seen.metrics.took_over(state)
        seen.metrics.let_go(state)

    assert seen.total("swarmd_tasks") == seen.value("swarmd_active_swarms") == 0
