"""The figures of a run that watchers get every second."""

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.figures import percentile, snapshot_fields
from app.domain.swarm import Counts
from app.domain.usage import Usage

LATENCIES = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


def snapshot(counts: Counts, **fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"latencies_ms": [], "usage": Usage(), "cost_nano_usd": 0, "steps": 0, "elapsed_ms": 0}
    return snapshot_fields(counts=counts, **(values | fields))


@pytest.mark.parametrize(("rank", "value"), [(1, 1), (50, 50), (95, 95), (99, 99), (100, 100)])
def test_a_percentile_of_one_to_a_hundred_is_its_rank(rank: int, value: int) -> None:
    assert percentile(range(1, 101), rank) == value


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 50) is None


@given(LATENCIES, st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_enough_values_do_not_exceed(values: list[float], rank: int) -> None:
    enough = ceil(len(values) * rank / 100)
    found = percentile(sorted(values), rank)

    assert found == min(value for value in values if sum(other <= value for other in values) >= enough)


def test_a_run_that_just_began_divides_nothing_by_zero() -> None:
    fields = snapshot(Counts(queued=3))

    assert (fields["success_rate"], fields["tasks_per_s"], fields["elapsed_s"]) == (1.0, 0.0, 0.0)
    assert [fields[name] for name in ("avg_latency_ms", "p50_ms", "p95_ms", "p99_ms")] == [None] * 4


def test_rates_are_over_the_tasks_that_ended() -> None:
    counts = Counts(queued=1, running=2, completed=6, failed=1, skipped=1)
    fields = snapshot(counts, latencies_ms=[30.0, 10.0, 20.0], elapsed_ms=4_000, cost_nano_usd=2_500_000_000, steps=9)

    assert fields["counts"] == counts.as_dict()
    assert (fields["active_agents"], fields["success_rate"], fields["tasks_per_s"]) == (2, 0.75, 2.0)
    assert (fields["avg_latency_ms"], fields["p50_ms"], fields["p99_ms"]) == (20.0, 20.0, 30.0)
    assert (fields["cost_usd"], fields["steps"], fields["elapsed_s"]) == (2.5, 9, 4.0)


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    fields = snapshot(Counts(completed=1), elapsed_ms=-5_000)

    assert (fields["elapsed_s"], fields["tasks_per_s"]) == (0.0, 0.0)
