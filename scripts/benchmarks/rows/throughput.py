"""Rows 1-4: independent tasks, POST to answer, beside the floor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from scripts.benchmarks.bench import LATENCY_S, Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.swarm_bodies import independent

_HOW = "the goal is for the whole way, POST ?wait=300 to its answer with all results; ends: created_at to ended_at"


def _measure(tasks: int, quick: int, parallel: int, limit: float) -> Callable[[Bench], Awaitable[Sequence[Finding]]]:
    async def measure(bench: Bench) -> Sequence[Finding]:
        count = bench.size(tasks, quick)
        runs = bench.short_runs if count <= parallel else bench.runs
        body = independent(count, parallel)
        floors, walls, owns = [], [], []
        async with bench.model() as model, bench.floor(model) as floor, bench.service(model) as service:
            for index in range(runs + 1):
                burst = await floor.burst(count, parallel)
                run = await service.run(body)
                if index:  # the first pair warms up connections and caches
                    floors.append(burst.wall_s)
                    walls.append(run.wall_s)
                    owns.append(run.own_s)
        what = f"{count:,} at {parallel:,}"
        ideal = LATENCY_S * -(-count // parallel)
        return [
            Finding(
                what=f"{what}: POST to answer",
                unit="s",
                values=walls,
                references=floors,
                goal=Goal(limit, of_ratio=True),
            ),
            Finding(what=f"{what}: ends of the swarm", unit="s", values=owns, references=floors),
            Finding(
                what=f"{what}: the floor itself",
                unit="s",
                values=floors,
                references=[ideal] * len(floors),
                reference="ideal",
            ),
        ]

    return measure


ROWS = (
    Row(number=1, title="100 tasks at 100 parallel, 200 ms model", measure=_measure(100, 100, 100, 1.2), how=_HOW),
    Row(number=2, title="300 at 300", measure=_measure(300, 300, 300, 1.2), how=_HOW),
    Row(number=3, title="10,000 at 300", measure=_measure(10_000, 1_500, 300, 1.05), how=_HOW),
    Row(number=4, title="10,000 at 1,000", measure=_measure(10_000, 2_000, 1_000, 1.3), how=_HOW),
)
