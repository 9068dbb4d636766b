"""Row 6: how long a freed slot stays empty, seen from the model's side."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.stamping_model import stamping_model
from scripts.benchmarks.swarm_bodies import independent

_SLOTS = 300
_LATENCY_S = 0.2
_JITTER_S = 0.1


async def _measure(bench: Bench) -> Sequence[Finding]:
    count = bench.size(6_000, 3_000)
    body = independent(count, _SLOTS)
    ours, floors = [], []
    async with (
        stamping_model(bench.children, _LATENCY_S, _JITTER_S) as model,
        bench.floor(model.server) as floor,
        bench.service(model.server) as service,
    ):
        for index in range(bench.runs + 1):
            await floor.burst(count, _SLOTS)
            least = await model.gaps(_SLOTS)
            await service.run(body)
            gaps = await model.gaps(_SLOTS)
            if gaps.calls != count:
                raise service.child.failure(f"made {gaps.calls} calls for {count} tasks")
            if index:
                floors.append(least)
                ours.append(gaps)
    return [
        Finding(
            what="answer to next request, p50",
            unit="ms",
            values=[gaps.p50 for gaps in ours],
            references=[gaps.p50 for gaps in floors],
            goal=Goal(3),
        ),
        Finding(
            what="answer to next request, p99",
            unit="ms",
            values=[gaps.p99 for gaps in ours],
            references=[gaps.p99 for gaps in floors],
            goal=Goal(10),
        ),
        Finding(
            what="answer to next request, longest",
            unit="ms",
            values=[gaps.highest for gaps in ours],
            references=[gaps.highest for gaps in floors],
        ),
    ]


ROWS = (
    Row(
        number=6,
        title="slot freed -> next attempt sent, 300 parallel, model 100-300 ms",
        measure=_measure,
        how="seen by the model server, on its one monotonic clock: from just before it writes answer k to when it has "
        "read request 300+k whole, both counted in order of time, which pairs slots with requests first in, first out "
        "(the mean is the same for any pairing; the longest is the shortest that any pairing gives). So it holds "
        "both ways over loopback, the parsing of the answer, the commit of its result and of the next attempt, and the "
        "sending. The floor does all but the commit. A request before its slot is free fails the row",
    ),
)
