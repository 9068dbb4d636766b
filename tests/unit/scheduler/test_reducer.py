"""The reducer: all completed outputs in the order of the request, whatever their number."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.scheduler.reducer import Reducer
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.runs import completed, failed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("count", "broken"), [(2500, 0), (2500, 1), (1, 0)])
async def test_outputs_of_any_number_are_merged_in_order(tmp_path: Path, count: int, broken: int) -> None:
    async with open_database(place_database(tmp_path / "x.db")) as store:
        names: dict[str, list[str]] = {f"t{index}": [] for index in range(count)}
        await store.swarms.create(
            new_swarm(names, max_parallel_agents=count, max_steps=9999, aggregate={"strategy": "concat"})
        )
        [lease] = await store.runs.claim("me", limit=1)
        state = await store.runs.load(lease)
        await store.runs.commit(lease, turn(state, grant(count)))
        facts = [completed(state, index, f'"{index}"') for index in range(broken, count)]
        for task in state.tasks[:broken]:
            task.max_retries = 0
            await store.runs.commit(lease, turn(state, failed(state, task.index)))
        await store.runs.commit(lease, turn(state, *facts))

        fact = await Reducer(store.tasks).reduce(state)

    assert fact.aggregated == "\n\n".join(str(index) for index in range(broken, count))
    assert fact.aggregation == {
        "strategy": "concat",
        "status": "partial" if broken else "completed",
        "inputs": count - broken,
        "missing": [f"t{index}" for index in range(broken)],
        "agreement": None,
        "cost_usd": 0.0,
        "error": None,
    }
