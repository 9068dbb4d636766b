"""The figures of a run, computed from its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import NotFound
from app.domain.facts import CancelRequested
from app.domain.figures import percentile
from app.domain.retry import TaskError
from app.services.results import ResultService
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.runs import completed, failed, grant, new_swarm, turn


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=200), st.floats(0.1, 100))
def test_a_percentile_is_a_value_that_this_share_does_not_exceed(values: list[float], rank: float) -> None:
    ascending = sorted(values)

    found = percentile(ascending, rank)

    assert found in ascending
    assert sum(value <= found for value in ascending) >= len(ascending) * rank / 100 - 1e-6
    assert sum(value < found for value in ascending) < len(ascending) * rank / 100 + 1e-6


def test_percentiles_of_a_known_row() -> None:
    row = [float(number) for number in range(1, 101)]

    assert [percentile(row, rank) for rank in (1, 50, 95, 99, 100)] == [1.0, 50.0, 95.0, 99.0, 100.0]
    assert percentile([], 50) is None
    assert percentile([7.0], 1) == percentile([7.0], 100) == 7.0


@pytest.mark.anyio
async def test_a_summary_tells_the_run_while_it_goes_on_and_after(tmp_path: Path) -> None:
    async with open_database(place_database(tmp_path / "x.db")) as store:
        service = ResultService(store.swarms)
        swarm = new_swarm({"a": [], "b": [], "c": ["b"], "d": []})
        await store.swarms.create(swarm)
        [lease] = await store.runs.claim("me", limit=1)
        state = await store.runs.load(lease)

        before = (await service.get("default", lease.swarm_id)).summary
        assert (before.success_rate, before.avg_latency_ms, before.p99_ms) == (0.0, None, None)
        assert before.missing == ["a", "b", "c", "d"]

        await store.runs.commit(lease, turn(state, grant(3)))
        error = TaskError(type="request_refused", message="too long")
        await store.runs.commit(lease, turn(state, completed(state, 0), failed(state, 1, error)))
        during = (await service.get("default", lease.swarm_id)).summary
        assert (during.total_agents, during.successful, during.failed) == (4, 1, 2)
        assert during.success_rate == pytest.approx(1 / 3)
        assert during.failures == [("b", "too long"), ("c", "dependency 'b' is failed")]

        await store.runs.commit(lease, turn(state, replace(completed(state, 3), latency_ms=100.5)))
        after = (await service.get("default", lease.swarm_id)).summary
        assert (after.successful, after.failed, after.success_rate) == (2, 2, 0.5)
        assert (after.avg_latency_ms, after.p50_ms, after.p99_ms) == (56.5, 12.5, 100.5)
        assert (after.total_tokens, after.total_cost_nano_usd) == (45, 17)
        assert after.missing == ["b", "c"]


@pytest.mark.anyio
async def test_a_cancelled_run_counts_its_cancelled_tasks_as_failed(tmp_path: Path) -> None:
    async with open_database(place_database(tmp_path / "x.db")) as store:
        await store.swarms.create(new_swarm({"a": [], "b": []}))
        [lease] = await store.runs.claim("me", limit=1)
        state = await store.runs.load(lease)
        await store.runs.commit(lease, turn(state, CancelRequested()))

        summary = (await ResultService(store.swarms).get("default", lease.swarm_id)).summary

    assert (summary.failed, summary.success_rate) == (2, 0.0)
    assert [error for _, error in summary.failures] == ["cancelled by request"] * 2


@pytest.mark.anyio
async def test_results_of_an_unknown_swarm_are_not_found(tmp_path: Path) -> None:
    async with open_database(place_database(tmp_path / "x.db")) as store:
        with pytest.raises(NotFound):
            await ResultService(store.swarms).get("default", "swm_nobody")
