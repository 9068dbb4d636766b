"""Row 11: the same run with and without metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.service import Service
from scripts.benchmarks.swarm_bodies import independent

_PARALLEL = 1_000
_SCRAPE_EVERY_S = 1.0
_OFF = {"SWARMD_METRICS": "false"}


@asynccontextmanager
async def _scraped(service: Service) -> AsyncIterator[None]:
    """Read /metrics every second until the block ends.

    Raises:
        ProcessFailure: it could not be read.
    """

    async def scrape() -> None:
        while True:
            async with service.session.get(f"{service.base_url}/metrics") as response:
                if response.status != 200 or b"swarm" not in await response.read():
                    raise service.child.failure(f"answered {response.status} to GET /metrics, or without its figures")
            await asyncio.sleep(_SCRAPE_EVERY_S)

    scraper = asyncio.create_task(scrape())
    try:
        yield
        if scraper.done():
            scraper.result()
    finally:
        scraper.cancel()
        await asyncio.gather(scraper, return_exceptions=True)


async def _measure(bench: Bench) -> Sequence[Finding]:
    count = bench.size(10_000, 2_000)
    body = independent(count, _PARALLEL)
    with_metrics, without = [], []
    async with bench.model() as model, bench.service(model) as on, bench.service(model, _OFF) as off:
        async with off.session.get(f"{off.base_url}/metrics") as response:
            if response.status != 404:
                raise off.child.failure("serves GET /metrics although metrics are off")
        for index in range(bench.runs * (1 if bench.options.quick else 2) + 1):
            plain = await off.run(body)
            async with _scraped(on):
                run = await on.run(body)
            if index:
                without.append(plain)
                with_metrics.append(run)
    what = f"{count:,} at {_PARALLEL:,}"
    return [
        Finding(
            what=f"{what}: POST to answer",
            unit="s",
            values=[run.wall_s for run in with_metrics],
            references=[run.wall_s for run in without],
            reference="without",
            goal=Goal(1.05, of_ratio=True),
        ),
        Finding(
            what=f"{what}: CPU a sub-agent",
            unit="ms",
            values=[run.cpu_s / count * 1000 for run in with_metrics],
            references=[run.cpu_s / count * 1000 for run in without],
            reference="without",
        ),
    ]


ROWS = (
    Row(
        number=11,
        title="metrics on vs off",
        measure=_measure,
        how="two services, one with SWARMD_METRICS=false, in turns, twice as often as other rows; at 1,000 parallel "
        "CPU is the limit and not the model; the one with metrics is also scraped once a second",
    ),
)
