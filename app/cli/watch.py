"""Following a swarm to its end: what the service says, as a series of ``Snapshot`` values for the screen."""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from app.cli.client import TERMINAL_STATUSES, JsonObject, ServiceClient
from app.cli.messages import counted, printable

POLL_INTERVAL_S = 0.25
_PAGES_PER_POLL = 5
_ALL_PAGES = 1000
_FAILURES_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a swarm.

    Attributes:
        ended: tasks in a final state, whatever it is.
        p95_ms: 95th percentile of the attempts completed so far, milliseconds; None before the first.
        failures: the latest failures, newest last, as ``task: error``, and why the run is paused.
        notes: what happened beside the tasks since the snapshot before: turns of a planner, merges, checkpoints.
    """

    name: str
    status: str
    total: int = 0
    ended: int = 0
    completed: int = 0
    running: int = 0
    queued: int = 0
    waiting: int = 0
    retrying: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    cost_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    p95_ms: float | None = None
    elapsed_s: float = 0.0
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def percent(self) -> int:
        return 100 * self.ended // self.total if self.total else 0

    @property
    def is_final(self) -> bool:
        return self.status in TERMINAL_STATUSES


@dataclass(slots=True)
class _Log:
    """What only the event log tells: latencies (kept sorted), why tasks failed, why the run is paused, and its merges.

    Attributes:
        notes: since they were last taken away, by what they are about, so that of many turns only the last is told.
    """

    seq: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    merges: int = 0

    def take(self, event: JsonObject) -> None:
        self.seq = int(event["seq"])
        kind = event.get("type")
        if kind == "agent_completed" and isinstance(event.get("latency_ms"), int | float):
            bisect.insort(self.latencies_ms, float(event["latency_ms"]))
        elif kind == "agent_failed":
            self._note(f"{event.get('task_id')}: {event.get('error') or 'failed'}")
        elif kind == "swarm_paused":
            self._note(f"paused: {event.get('detail') or 'on request'}")
        elif kind == "agent_step":
            self._take_step(event)
        elif kind == "checkpoint":
            done = counted(int(event.get("completed") or 0), "completed task")
            self.notes["checkpoint"] = f"checkpoint after {done} ({event.get('strategy')})"
        elif kind == "aggregate_completed" and event.get("strategy") != "none":
            self._take_merged(event)

    def _take_step(self, event: JsonObject) -> None:
        """A call of a planner or a merge, which are no tasks of the run; those of sub-agents are too many to tell."""
        step = event.get("step")
        if step not in {"planner", "merge"}:
            return
        if event.get("error"):
            self._note(f"{step}: {event['error']}")
        elif step == "merge":
            self.merges += 1
            self.notes["merge"] = f"merging: {counted(self.merges, 'merge')} done"
        elif event.get("kind"):
            self.notes["planner"] = f"planner: {event['kind']} {event.get('nth')}"
        else:
            self.notes["planner"] = "planner: done"

    def _take_merged(self, event: JsonObject) -> None:
        if event.get("error"):
            self._note(f"merge: {event['error']}")
            return
        missing = len(event.get("missing") or [])
        told = f"merged {counted(int(event.get('inputs') or 0), 'output')} ({event.get('strategy')})"
        self.notes["merge"] = told + (f", {missing:,} missing" if missing else "")

    def taken_notes(self) -> tuple[str, ...]:
        notes, self.notes = tuple(printable(note) for note in self.notes.values()), {}
        return notes

    def _note(self, reason: str) -> None:
        self.failures = [*self.failures, printable(" ".join(reason.split()))[:200]][-_FAILURES_SHOWN:]

    def p95_ms(self) -> float | None:
        if not self.latencies_ms:
            return None
        return self.latencies_ms[math.ceil(0.95 * len(self.latencies_ms)) - 1]


def watch(
    client: ServiceClient,
    swarm_id: str,
    *,
    interval_s: float = POLL_INTERVAL_S,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Snapshot]:
    """Ask until the swarm has ended, at most once per ``interval_s``; the last snapshot is the final one."""
    log = _Log()
    started = clock()
    while True:
        asked_at = clock()
        swarm = client.swarm(swarm_id)
        # A long log is caught up over several polls, so that the counts never stand still; at the end it is read out.
        pages = _ALL_PAGES if swarm.get("status") in TERMINAL_STATUSES else _PAGES_PER_POLL
        for event in client.new_events(swarm_id, log.seq, pages=pages):
            log.take(event)
        snapshot = snapshot_of(swarm, p95_ms=log.p95_ms(), elapsed_s=clock() - started, failures=tuple(log.failures))
        snapshot = replace(snapshot, notes=log.taken_notes())
        yield snapshot
        if snapshot.is_final:
            return
        sleep(max(0.0, interval_s - (clock() - asked_at)))


def snapshot_of(
    swarm: JsonObject, *, p95_ms: float | None = None, elapsed_s: float = 0.0, failures: tuple[str, ...] = ()
) -> Snapshot:
    """The swarm document of the service as a ``Snapshot``."""
    counts = {name: int(number or 0) for name, number in (swarm.get("counts") or {}).items()}
    tokens = swarm.get("tokens") or {}
    ended = sum(counts.get(name, 0) for name in ("completed", "failed", "cancelled", "skipped"))
    return Snapshot(
        name=str(swarm.get("name") or swarm.get("swarm_id") or "swarm"),
        status=str(swarm.get("status")),
        total=counts.get("total", 0),
        ended=ended,
        completed=counts.get("completed", 0),
        running=counts.get("running", 0),
        queued=counts.get("queued", 0),
        waiting=counts.get("waiting", 0),
        retrying=counts.get("retrying", 0),
        failed=counts.get("failed", 0),
        skipped=counts.get("skipped", 0),
        cancelled=counts.get("cancelled", 0),
        cost_usd=float(swarm.get("cost_usd") or 0.0),
        tokens_in=int(tokens.get("in") or 0),
        tokens_out=int(tokens.get("out") or 0),
        p95_ms=p95_ms,
        elapsed_s=elapsed_s,
        failures=failures,
    )
