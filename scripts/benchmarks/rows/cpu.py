"""Row 5: what a sub-agent costs the service in CPU, and whether that grows with the parallelism."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.swarm_bodies import independent


async def _measure(bench: Bench) -> Sequence[Finding]:
    count = bench.size(3_000, 1_000)
    wide, narrow = independent(count, 1_000), independent(count, 100)
    at_1000, at_100, floors = [], [], []
    async with bench.model() as model, bench.floor(model) as floor, bench.service(model) as service:
        for index in range(bench.runs + 1):
            burst = await floor.burst(count, 1_000)
            costs = [(await service.run(body)).cpu_s for body in (wide, narrow)]
            if index:
                floors.append(burst.cpu_s / count * 1000)
                at_1000.append(costs[0] / count * 1000)
                at_100.append(costs[1] / count * 1000)
    return [
        Finding(what="CPU a sub-agent at 1,000 parallel", unit="ms", values=at_1000, goal=Goal(0.4)),
        Finding(
            what="the same, against 100 parallel",
            unit="ms",
            values=at_1000,
            references=at_100,
            reference="at 100",
            goal=Goal(1.3, of_ratio=True),
        ),
        Finding(what="the same, against the floor", unit="ms", values=at_1000, references=floors),
    ]


ROWS = (
    Row(
        number=5,
        title="CPU of the service per sub-agent at 1,000 and at 100 parallel",
        measure=_measure,
        how="user + system time of the whole process, all threads, from the POST to the answer, over the tasks",
    ),
)
