"""Following a swarm to its end: what the service says, as a series of ``Snapshot`` values for the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from app.cli.cells import Cell, Cells
from app.cli.client import TERMINAL_STATUSES, JsonObject, ServiceClient
from app.cli.event_stream import SNAPSHOT, frames
from app.cli.messages import counted, one_line, printable

AT_MOST_EVERY_S = 0.1
_COUNTS = ("total", "completed", "running", "queued", "waiting", "retrying", "failed", "skipped", "cancelled")
_RATES = ("p50_ms", "p95_ms", "p99_ms", "tasks_per_s")
_FAILURES_SHOWN = 3
_STATUS_AFTER = {"swarm_paused": "paused", "swarm_resumed": "running", "agent_spawned": "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a swarm.

    Attributes:
        ended: tasks in a final state, whatever it is.
        p50_ms: 50th percentile of the tasks completed so far, milliseconds; None before the first. So p95, p99.
        tasks_per_s: tasks that ended over the time since the start.
        elapsed_s: since the swarm was created, to its end where it has ended.
        failures: the latest failures, newest last, as ``task: error``, and why the run is paused.
        notes: what happened beside the tasks since the snapshot before: turns of a planner, merges, checkpoints.
        cells: the sub-agents one by one; empty where nobody looks at them.
        now: the service's time of it.
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
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    tasks_per_s: float = 0.0
    elapsed_s: float = 0.0
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    now: str = ""

    @property
    def percent(self) -> int:
        return 100 * self.ended // self.total if self.total else 0

    @property
    def is_final(self) -> bool:
        return self.status in TERMINAL_STATUSES


@dataclass(slots=True)
class _Log:
    """What only events tell: why tasks failed, why the run is paused, its merges, and the sub-agents one by one.

    Attributes:
        status: as the latest event has left it.
        notes: since they were last taken away, by what they are about, so that of many turns only the last is told.
    """

    status: str
    cells: Cells = field(default_factory=Cells)
    failures: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    merges: int = 0

    def take(self, event: JsonObject) -> None:
        self.cells.take(event)
        kind = str(event.get("type"))
        if kind in _STATUS_AFTER and not isinstance(event.get("step"), str):
            self.status = _STATUS_AFTER[kind]
        if kind == "swarm_resumed":
            self.failures = []  # what had failed runs again, or what it had paused for is over
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
        self.failures = [*self.failures, one_line(reason)[:200]][-_FAILURES_SHOWN:]


def watch(
    client: ServiceClient,
    swarm_id: str,
    *,
    say: Callable[[str], None] = lambda _: None,
    each: Callable[[JsonObject], None] = lambda _: None,
    after: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Snapshot]:
    """Follow the swarm until it has ended; the last snapshot is the final one.

    Counts, cost and percentiles are the service's own, which come every second and at the end, never sums of events.
    In between a snapshot comes when events have changed something, at most every ``AT_MOST_EVERY_S``.

    Args:
        say: is told of connections lost and made again.
        each: is given every frame of the stream, before the snapshot that it is part of.
        after: the last event that is not of interest.

    Raises:
        Failure: there is no such swarm, or the service does not come back.
    """
    first = snapshot_of(client.swarm(swarm_id))
    if not first.is_final:
        yield first
    log = _Log("running" if first.is_final else first.status)
    figures: JsonObject = {}
    figures_at = yielded_at = clock()
    for frame in frames(client, swarm_id, after, say=say):
        each(frame)
        log.take(frame)
        if frame.get("type") == SNAPSHOT:
            figures, figures_at = frame, clock()
        elif not figures or clock() - yielded_at < AT_MOST_EVERY_S:
            continue  # history is not shown event by event
        if first.is_final:
            continue
        yielded_at = clock()
        now = _with_figures(replace(first, status=log.status), figures)
        yield _seen(replace(now, elapsed_s=now.elapsed_s + yielded_at - figures_at), log)
    kept = {name: figures.get(name) for name in _RATES}  # which the swarm's document does not have
    yield _seen(_with_figures(snapshot_of(client.swarm(swarm_id)), kept), log)


def snapshot_of(swarm: JsonObject) -> Snapshot:
    """The swarm document of the service as a ``Snapshot``."""
    name = str(swarm.get("name") or swarm.get("swarm_id") or "swarm")
    began, ended = (str(swarm.get(moment) or "") for moment in ("created_at", "ended_at"))
    elapsed_s = Cell(task_id="", state="", began=began).running_s(ended)
    return _with_figures(Snapshot(name=name, status=str(swarm.get("status"))), {**swarm, "elapsed_s": elapsed_s})


def _with_figures(snapshot: Snapshot, figures: JsonObject) -> Snapshot:
    """The snapshot with the figures of a swarm document or of a ``metrics_snapshot``, as far as they are there."""
    told: JsonObject = {}
    if figures.get("counts") is not None:
        counts = {name: int(number or 0) for name, number in figures["counts"].items()}
        told = {name: counts.get(name, 0) for name in _COUNTS}
        told["ended"] = sum(told[name] for name in ("completed", "failed", "cancelled", "skipped"))
    if figures.get("tokens") is not None:
        told["tokens_in"], told["tokens_out"] = (int(figures["tokens"].get(way) or 0) for way in ("in", "out"))
    for name in ("cost_usd", "elapsed_s", *_RATES):
        if figures.get(name) is not None:
            told[name] = float(figures[name])
    return replace(snapshot, **told)


def _seen(snapshot: Snapshot, log: _Log) -> Snapshot:
    return replace(
        snapshot,
        failures=tuple(log.failures),
        notes=log.taken_notes(),
        cells=log.cells.all(),
        now=log.cells.now,
    )
