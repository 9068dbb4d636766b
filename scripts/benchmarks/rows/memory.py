"""Row 7: memory of queued tasks, of live agents, and growth over runs."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.bench import FOREVER_S, Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.swarm_bodies import independent

_MB = 1_000_000
_KIB = 1024


async def _queued_mb(bench: Bench) -> tuple[float, float]:
    """Memory that 10,000 queued tasks of 1 KB add, and the idle service's."""
    async with bench.model() as model, bench.service(model) as service:
        await service.run(independent(10, 10))
        idle = await service.settled_rss_bytes()
        swarm_id = await service.submit(independent(bench.size(10_000, 2_000), 1, padding_bytes=1_000))
        await service.until_running(swarm_id, 1)
        return (await service.settled_rss_bytes() - idle) / _MB, idle / _MB


async def _live_kib(bench: Bench) -> float:
    """Memory that one agent adds whose call hangs: its task, its row, its connection."""
    count = bench.size(1_000, 300)
    async with bench.model(latency_s=FOREVER_S) as model, bench.service(model) as service:
        first = await service.submit(independent(10, 10))
        await service.until_running(first, 10)
        await service.cancel(first)
        before = await service.settled_rss_bytes()
        swarm_id = await service.submit(independent(count, count))
        await service.until_running(swarm_id, count)
        return (await service.settled_rss_bytes() - before) / count / _KIB


async def _growth_percent(bench: Bench) -> tuple[float, float]:
    """How much larger the service is after ten more runs than after the first, and after ten more than after those."""
    body = independent(bench.size(1_000, 300), 300)
    sizes = []
    async with bench.model() as model, bench.service(model) as service:
        for runs in (1, 10, 10):
            for _ in range(runs):
                await service.run(body)
            sizes.append(await service.settled_rss_bytes())
    first, second, third = sizes
    return (second - first) / first * 100, (third - second) / second * 100


async def _measure(bench: Bench) -> Sequence[Finding]:
    queued, live, growth = [], [], []
    for _ in range(bench.runs):
        queued.append(await _queued_mb(bench))
        live.append(await _live_kib(bench))
        growth.append(await _growth_percent(bench))
    return [
        Finding(
            what=f"{bench.size(10_000, 2_000):,} queued 1 KB tasks above idle",
            unit="MB",
            values=[mb for mb, _ in queued],
            goal=Goal(40),
        ),
        Finding(
            what=f"per live agent ({bench.size(1_000, 300):,} hanging calls)", unit="KiB", values=live, goal=Goal(40)
        ),
        Finding(
            what=f"growth over ten runs of {bench.size(1_000, 300):,} tasks",
            unit="%",
            values=[ten for ten, _ in growth],
            goal=Goal(5),
        ),
        Finding(what="growth over the ten runs after those", unit="%", values=[ten for _, ten in growth]),
        Finding(what="the idle service", unit="MB", values=[idle for _, idle in queued]),
    ]


ROWS = (
    Row(
        number=7,
        title="memory: queued tasks, live agents, growth",
        measure=_measure,
        how="resident memory of the process once it stands still, a fresh process each time; the queued swarm runs one "
        "task at a time, so the others wait; a live agent includes all there is of its task and its connection",
    ),
)
