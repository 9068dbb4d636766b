"""Row 15: the same tasks over PostgreSQL, NATS and workers, beside the embedded service."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.bench import LATENCY_S, Bench
from scripts.benchmarks.cluster import cluster
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.swarm_bodies import independent

_PARALLEL = 300
_WORKERS = (1, 2, 4)


async def _measure(bench: Bench) -> Sequence[Finding]:
    count = bench.size(10_000, 2_000)
    body = independent(count, _PARALLEL)
    embedded = []
    async with bench.model() as model, bench.service(model) as service:
        embedded = [(await service.run(body)).wall_s for _ in range(bench.runs + 1)][1:]
    findings = [Finding(what=f"{count:,} at {_PARALLEL}: embedded, SQLite", unit="s", values=embedded)]
    for workers in _WORKERS:
        walls, service_ms, worker_ms = [], [], []
        async with (
            bench.model() as model,
            cluster(
                bench.children, bench.options.data_root, model, workers=workers, slots=-(-_PARALLEL // workers)
            ) as (service, processes),
        ):
            for index in range(bench.runs + 1):
                before = sum(process.cpu_s() for process in processes)
                run = await service.run(body)
                if index:
                    walls.append(run.wall_s)
                    service_ms.append(run.cpu_s / count * 1000)
                    worker_ms.append((sum(process.cpu_s() for process in processes) - before) / count * 1000)
        what = f"{count:,} at {_PARALLEL}: PostgreSQL, NATS, {workers} worker{'s' * (workers > 1)}"
        goal = Goal(1.5, of_ratio=True) if workers == 1 else None
        findings += [
            Finding(what=what, unit="s", values=walls, references=embedded, reference="embedded", goal=goal),
            Finding(what="  CPU of the service a task", unit="ms", values=service_ms),
            Finding(what="  CPU of all workers a task", unit="ms", values=worker_ms),
        ]
    return findings


ROWS = (
    Row(
        number=15,
        title="Several nodes: 10,000 tasks over 1, 2 and 4 workers, beside the embedded service",
        measure=_measure,
        how=f"one service that does no job itself, {LATENCY_S * 1000:g} ms model, all on this machine, fsync on",
    ),
)
