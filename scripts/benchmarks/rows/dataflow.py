"""Row 12: a graph of three levels beside the three calls of its critical path, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.swarm_bodies import swarm, task

_LEVELS = 3


def _fan_in() -> bytes:
    """100 tasks, 10 that each read ten of them, 1 that reads those."""
    leaves = [task(index) for index in range(100)]
    middle = [task(100 + index, [leaf["id"] for leaf in leaves[index * 10 : index * 10 + 10]]) for index in range(10)]
    return swarm([*leaves, *middle, task(110, [node["id"] for node in middle])], 100)


async def _measure(bench: Bench) -> Sequence[Finding]:
    body = _fan_in()
    walls, owns, paths = [], [], []
    async with bench.model() as model, bench.floor(model) as floor, bench.service(model) as service:
        for index in range(bench.short_runs + 1):
            path = await floor.burst(_LEVELS, 1)
            run = await service.run(body)
            if index:
                paths.append(path.wall_s)
                walls.append(run.wall_s)
                owns.append(run.own_s)
    what = "critical path"
    return [
        Finding(
            what="POST to answer",
            unit="s",
            values=walls,
            references=paths,
            reference=what,
            goal=Goal(1.08, of_ratio=True),
        ),
        Finding(what="ends of the swarm", unit="s", values=owns, references=paths, reference=what),
    ]


ROWS = (
    Row(
        number=12,
        title="DAG of 100 -> 10 -> 1 at 100 parallel",
        measure=_measure,
        how="the critical path is three of the floor's calls, one after the other",
    ),
)
