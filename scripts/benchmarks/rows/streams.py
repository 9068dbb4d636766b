"""Rows 9 and 10: how late events reach those who watch, and what watching costs a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.service import Service
from scripts.benchmarks.swarm_bodies import independent
from scripts.benchmarks.watchers import Seen, Watchers, watchers

_EVENTS_PER_S = 500
_JITTER_S = 0.1
_PARALLEL = 52
"""At 200 ms, and a little more for the rest, 250 tasks a second end and as many begin: two events each."""

_RUN_S = 60
_END_S = 60.0
_POLL_S = 0.25
_WATCHERS = 50
_LATEST = "&after=latest"
_RUN_PARALLEL = 300


async def _window(bench: Bench, service: Service, watching: Watchers, clients: int, query: str) -> tuple[Seen, float]:
    """What ``clients`` see of a run that is under way, and the share of a core that their process needs."""
    swarm_id = await service.submit(independent(_EVENTS_PER_S // 2 * _RUN_S, _PARALLEL))
    await service.until_running(swarm_id, _PARALLEL)
    path = f"/v1/swarms/{swarm_id}/stream?after=latest{query}"
    await watching.open(service.base_url, path, clients, timed=True)
    cpu, began = watching.child.cpu_s(), time.perf_counter()
    seen = await watching.window(bench.size(8, 3))
    share = (watching.child.cpu_s() - cpu) / (time.perf_counter() - began)
    await watching.drop()
    await service.cancel(swarm_id)
    if seen.least != seen.most:
        raise service.child.failure(f"sent between {seen.least} and {seen.most} events of a window to its clients")
    return seen, share


async def _lateness(bench: Bench) -> Sequence[Finding]:
    kinds = ((50, "", "50 plain clients", 10.0), (200, "&batch_ms=20", "200 clients, batch_ms=20", 40.0))
    taken: dict[str, list[tuple[Seen, float]]] = {what: [] for _, _, what, _ in kinds}
    async with (
        bench.model(jitter_s=_JITTER_S) as model,
        bench.service(model) as service,
        watchers(bench.children) as watching,
    ):
        for _ in range(bench.runs):
            for clients, query, what, _ in kinds:
                taken[what].append(await _window(bench, service, watching, clients, query))
    found: list[Finding] = []
    for _, _, what, limit in kinds:
        seen = [entry for entry, _ in taken[what]]
        found += [
            Finding(what=f"{what}: p99", unit="ms", values=[entry.p99_ms for entry in seen], goal=Goal(limit)),
            Finding(what=f"{what}: p50", unit="ms", values=[entry.p50_ms for entry in seen]),
            Finding(what=f"{what}: latest", unit="ms", values=[entry.highest_ms for entry in seen]),
            Finding(what="    events", unit="1/s", values=[entry.most / bench.size(8, 3) for entry in seen]),
            Finding(what="    core of the watchers", unit="%", values=[share * 100 for _, share in taken[what]]),
        ]
    return found


@dataclass(frozen=True, slots=True)
class _Watched:
    """A run by its own account, the service's CPU until all watchers were done, and how long after its end that was."""

    own_s: float
    cpu_s: float
    behind_s: float


async def _run(service: Service, tasks: int, watching: Watchers | None = None, query: str = "") -> _Watched:
    """Run a swarm; ``watching`` connects as soon as its id is known, and reads to its last event."""
    body = independent(tasks, _RUN_PARALLEL)
    cpu = service.child.cpu_s()
    swarm_id = await service.submit(body)
    events = []
    if watching is not None:
        path = f"/v1/swarms/{swarm_id}/stream?batch_ms=50{query}"
        await watching.open(service.base_url, path, _WATCHERS, timed=False)
        events = await watching.closed(_END_S)
    done_s = time.time()
    swarm = await service.get(f"/v1/swarms/{swarm_id}")
    for _ in range(round(_END_S / _POLL_S)):
        if swarm["status"] not in {"pending", "running"}:
            break
        await asyncio.sleep(_POLL_S)
        swarm = await service.get(f"/v1/swarms/{swarm_id}")
    if swarm["counts"]["completed"] != tasks:
        raise service.child.failure(f"did not complete the swarm within {_END_S:g} s: {swarm['counts']}")
    total = 3 * tasks + 2  # queued, spawned, completed; and the ends of the run
    least = 2 * tasks * 0.9 if query == _LATEST else total  # spawned and completed, but for those before they came
    if events and not least <= min(events) <= max(events) <= total:
        raise service.child.failure(f"sent {min(events)} to {max(events)} events of {total} to its watchers")
    began, ended = (datetime.fromisoformat(swarm[name]).timestamp() for name in ("created_at", "ended_at"))
    return _Watched(ended - began, service.child.cpu_s() - cpu, done_s - ended)


async def _cost(bench: Bench) -> Sequence[Finding]:
    count = bench.size(10_000, 2_000)
    alone, whole, live, shares = [], [], [], []
    async with bench.model() as model, bench.service(model) as service, watchers(bench.children) as watching:
        for index in range(bench.runs + 1):
            plain = await _run(service, count)
            cpu = watching.child.cpu_s()
            from_first = await _run(service, count, watching)
            cpu = watching.child.cpu_s() - cpu
            from_now = await _run(service, count, watching, _LATEST)
            if index:
                alone.append(plain)
                whole.append(from_first)
                live.append(from_now)
                shares.append(cpu / (from_first.own_s + from_first.behind_s) * 100)
    return [
        *_compared(f"{count:,} at {_RUN_PARALLEL}, from the first event", whole, alone),
        Finding(what="    core of the watchers", unit="%", values=shares),
        *_compared(f"{count:,} at {_RUN_PARALLEL}, from when they came", live, alone),
    ]


def _compared(what: str, watched: Sequence[_Watched], alone: Sequence[_Watched]) -> list[Finding]:
    return [
        Finding(
            what=what,
            unit="s",
            values=[run.own_s for run in watched],
            references=[run.own_s for run in alone],
            reference="unwatched",
            goal=Goal(1.05, of_ratio=True),
        ),
        Finding(
            what="    CPU of the service",
            unit="s",
            values=[run.cpu_s for run in watched],
            references=[run.cpu_s for run in alone],
            reference="unwatched",
        ),
        Finding(what="    end of the run to its last watcher's", unit="s", values=[run.behind_s for run in watched]),
    ]


_HOW_LATE = (
    "52 parallel tasks on a model of 100-300 ms; all clients on the run's own stream, in one process, connected with "
    "?after=latest while it runs; over every event of a window of 8 s at every client, from its ts to the read that "
    "completed its frame, by the same machine's wall clock. ts has whole milliseconds, cut off: each value is 0-1 ms "
    "too long. Snapshots are left out; a client that misses an event fails the row"
)
_HOW_COSTLY = (
    "in turns: none, watchers of all, watchers of what comes. They connect when the POST has answered and read to the "
    "close: first the whole run (all 3 n + 2 events at each, or the row fails), then with ?after=latest, which "
    "leaves out the replay of n task_queued. Times are created_at to ended_at of the swarm. The watchers' process "
    "needs its part of a core that, on two cores, others may want"
)

ROWS = (
    Row(
        number=9,
        title="an event, from its timestamp (before the commit) to the client, at 500 events/s",
        measure=_lateness,
        how=_HOW_LATE,
    ),
    Row(number=10, title="a run with 50 watchers (batch_ms=50) vs none", measure=_cost, how=_HOW_COSTLY),
)
