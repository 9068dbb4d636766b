"""The three ledgers of a run that was killed again and again, and what they must agree on with the database.

Kept outside the service: what its client was told (``shown`` and ``frames``) and what the model server wrote down
(``calls``). The database is read from a copy while no service has it: at every kill (``Grave``) and at the end. Nothing
here starts, asks or waits for anything.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Json = dict[str, Any]
DATABASE = "swarmd.db"
COMPLETED = "completed"
SNAPSHOT = "metrics_snapshot"
"""A frame that is not in the event log."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """What the database holds of a task; ``output`` is JSON text."""

    status: str
    attempt: int
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One reading of the database.

    Attributes:
        integrity: SQLite's own verdict, ``ok`` or what is wrong.
        status: of the swarm; None when there is no such swarm.
        tasks: by the client's task id.
        attempts: number and status of the attempts that ended without an output, by task id, in order.
    """

    integrity: str
    status: str | None
    last_seq: int
    tasks: Mapping[str, TaskRow]
    attempts: Mapping[str, Sequence[tuple[int, str]]]

    def of_status(self, status: str) -> set[str]:
        return {task_id for task_id, task in self.tasks.items() if task.status == status}


@dataclass(frozen=True, slots=True)
class Grave:
    """A kill: the database as it was left, and the lines in the model server's log by then."""

    record: Record
    lines: int


@dataclass(frozen=True, slots=True)
class Shown:
    """An output as the API showed it, after so many kills."""

    kills: int
    task_id: str
    output: Any


@dataclass(slots=True, kw_only=True)
class Ledgers:
    """All that was seen of one run; ``audit`` compares it.

    Attributes:
        graph: dependencies by task id, as posted.
        planned_kills: how many kills there were to be.
        graves: the kills that were, in order.
        frames: what the stream delivered, in the order received, each with the number of kills before it.
        calls: the model server's log: an entry when a request arrives (``received``) and one when it ends.
        going_again_s: seconds from each start to the first new call; only where one was waited for.
        log: the events as the API lists them after the end.
    """

    graph: Mapping[str, Sequence[str]]
    planned_kills: int
    graves: list[Grave] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    frames: list[tuple[int, Json]] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    going_again_s: list[float] = field(default_factory=list)
    log: list[Json] = field(default_factory=list)
    final: Record


def read_record(data_dir: Path, swarm_id: str) -> Record:
    """Read a copy of the database: opening the file itself would do part of the recovery that is on trial."""
    with tempfile.TemporaryDirectory(prefix="swarmd-ledger-") as folder:
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (data_dir / name).exists():
                shutil.copy(data_dir / name, folder)
        connection = sqlite3.connect(Path(folder) / DATABASE)
        try:
            return _read(connection, swarm_id)
        finally:
            connection.close()


def _read(connection: sqlite3.Connection, swarm_id: str) -> Record:
    verdicts = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    swarm = connection.execute("SELECT status, last_seq FROM swarms WHERE id = ?", (swarm_id,)).fetchone()
    rows = connection.execute("SELECT ix, task_id, status, attempt, output FROM tasks WHERE swarm_id = ?", (swarm_id,))
    tasks, names = {}, {}
    for index, task_id, status, attempt, output in rows:
        tasks[task_id] = TaskRow(status, attempt, output)
        names[index] = task_id
    attempts: dict[str, list[tuple[int, str]]] = {}
    query = "SELECT ix, attempt, status FROM attempts WHERE swarm_id = ? ORDER BY ix, attempt"
    for index, attempt, status in connection.execute(query, (swarm_id,)):
        attempts.setdefault(names[index], []).append((attempt, status))
    return Record(
        integrity="; ".join(verdicts),
        status=swarm and swarm[0],
        last_seq=swarm[1] if swarm else 0,
        tasks=tasks,
        attempts=attempts,
    )


class Audit:
    """The comparison; every list of violations is empty when the promises were kept."""

    def __init__(self, ledgers: Ledgers) -> None:
        self.ledgers = ledgers
        self._told = _told_before(ledgers)

    @cached_property
    def asked(self) -> Counter[str]:
        """Calls that reached the model server, by task."""
        return Counter(str(task_id) for _, task_id in _received(self.ledgers.calls))

    @cached_property
    def in_flight(self) -> Counter[str]:
        """How many attempts of each task a kill met under way, by task."""
        met = {
            (task_id, row.attempt)  # an attempt that two kills met was made once: the second came before the recovery
            for grave in self.ledgers.graves
            for task_id, row in grave.record.tasks.items()
            if row.status == "running"
        }
        return Counter(task_id for task_id, _ in met)

    @property
    def repeated(self) -> int:
        return sum(self.asked.values()) - len(self.asked)

    @cached_property
    def lost(self) -> list[str]:
        """Tasks not completed in the end, and outcomes that were told before a kill and not there after it."""
        final = self.ledgers.final
        missing = [f"{task_id} is {_status(final, task_id)}" for task_id in self._not_completed(final)]
        for number, (grave, told) in enumerate(zip(self.ledgers.graves, self._told, strict=True), 1):
            kept = grave.record.of_status(COMPLETED)
            missing += [f"{task_id} was told as completed and was not at kill {number}" for task_id in told - kept]
        return sorted(missing)

    def _not_completed(self, final: Record) -> list[str]:
        return sorted(set(self.ledgers.graph) - final.of_status(COMPLETED))

    @cached_property
    def replaced(self) -> list[str]:
        """Outcomes that are not what the database or the API held before."""
        final = self.ledgers.final.tasks
        found = []
        for number, grave in enumerate(self.ledgers.graves, 1):
            for task_id, task in grave.record.tasks.items():
                if task.status == COMPLETED and _output(final, task_id) != task.output:
                    found.append(f"{task_id}: not what kill {number} found")
        for shown in self.ledgers.shown:
            output = _output(final, shown.task_id)
            if output is None or json.loads(output) != shown.output:
                found.append(f"{shown.task_id}: not what the API showed after {shown.kills} kills")
        return found

    @cached_property
    def called_again(self) -> list[str]:
        """Calls for tasks whose outcome was recorded, or told, before a kill that came before the call."""
        found = []
        for line, task_id in _received(self.ledgers.calls):
            for number, (grave, told) in enumerate(zip(self.ledgers.graves, self._told, strict=True), 1):
                if line >= grave.lines and (task_id in told or _status(grave.record, task_id) == COMPLETED):
                    found.append(f"{task_id}: completed at kill {number}, called again")
                    break
        return found

    @cached_property
    def unexplained(self) -> list[str]:
        """Tasks called more often than the attempts that kills met in flight, and those that failed, explain."""
        attempts = self.ledgers.final.attempts
        found = []
        for task_id, calls in sorted(self.asked.items()):
            failed = sum(status == "failed" for _, status in attempts.get(task_id, ()))
            if calls > 1 + failed + self.in_flight[task_id]:
                found.append(f"{task_id}: {calls} calls, {self.in_flight[task_id]} met by kills, {failed} failed")
        return found

    @cached_property
    def unrecorded(self) -> list[str]:
        """Calls that no attempt of the database stands for, and gaps in the attempts of a task."""
        final = self.ledgers.final
        found = []
        for task_id, calls in sorted(self.asked.items()):
            row = final.tasks.get(task_id)
            if row is None or calls > row.attempt:
                found.append(f"{task_id}: {calls} calls, {row.attempt if row else 'no'} attempts recorded")
        for task_id, row in final.tasks.items():
            numbers = [number for number, _ in final.attempts.get(task_id, ())]
            last = row.attempt - 1 if row.status == COMPLETED else row.attempt
            if numbers != list(range(1, last + 1)):
                found.append(f"{task_id}: {row.attempt} attempts, of which {numbers} are on record")
        return found

    @cached_property
    def logged(self) -> list[Json]:
        """The events that the stream delivered."""
        return [frame for _, frame in self.ledgers.frames if frame["type"] != SNAPSHOT]

    @cached_property
    def missing(self) -> list[int]:
        """``seq`` of the events that the stream, or the list of events, left out."""
        whole = set(range(1, self.ledgers.final.last_seq + 1))
        return sorted((whole - _seqs(self.logged)) | (whole - _seqs(self.ledgers.log)))

    @cached_property
    def doubled(self) -> list[int]:
        """``seq`` of the events that came twice, or after a later one."""
        found = []
        for frames in (self.logged, self.ledgers.log):
            last = 0
            for frame in frames:
                if frame["seq"] <= last:
                    found.append(frame["seq"])
                last = max(last, frame["seq"])
        return found

    @cached_property
    def altered(self) -> list[int]:
        """``seq`` of the events that the stream told otherwise than the log does."""
        log = {event["seq"]: event for event in self.ledgers.log}
        return [frame["seq"] for frame in self.logged if log.get(frame["seq"], frame) != frame]

    @cached_property
    def out_of_order(self) -> list[str]:
        """Tasks that started before a dependency had completed, or that started or completed more than once."""
        return disorder(self.ledgers.graph, self.ledgers.log)

    @cached_property
    def broken(self) -> list[str]:
        """Readings of the database that SQLite itself found wrong."""
        records = [*(grave.record for grave in self.ledgers.graves), self.ledgers.final]
        return [record.integrity for record in records if record.integrity != "ok"]


def disorder(graph: Mapping[str, Sequence[str]], events: Iterable[Json]) -> list[str]:
    """Where the events of a run, all of whose tasks completed, contradict its graph."""
    spawned: dict[str, int] = {}
    completed: dict[str, int] = {}
    found = []
    for event in events:
        seen = {"agent_spawned": spawned, "agent_completed": completed}.get(event["type"])
        if seen is not None:
            if event["task_id"] in seen:
                found.append(f"{event['type']} twice for {event['task_id']}")
            seen[event["task_id"]] = event["seq"]
    for task_id, dependencies in graph.items():
        if task_id not in spawned or task_id not in completed:
            found.append(f"{task_id}: its start or its end was not told")
            continue
        found += [
            f"{task_id} started before {name} had completed"
            for name in dependencies
            if completed.get(name, spawned[task_id]) >= spawned[task_id]
        ]
    return found


def _told_before(ledgers: Ledgers) -> list[set[str]]:
    """Per kill, the tasks that the client had been told before it to be completed."""
    told: list[set[str]] = [set() for _ in ledgers.graves]
    news = [(shown.kills, shown.task_id) for shown in ledgers.shown]
    news += [(kills, frame["task_id"]) for kills, frame in ledgers.frames if frame["type"] == "agent_completed"]
    for kills, task_id in news:
        for known in told[kills:]:
            known.add(task_id)
    return told


def _received(calls: Sequence[Json]) -> list[tuple[int, str]]:
    """Line and task of every request that arrived."""
    return [(line, str(call["task_id"])) for line, call in enumerate(calls) if call["event"] == "received"]


def _seqs(frames: Iterable[Json]) -> set[int]:
    return {frame["seq"] for frame in frames}


def _status(record: Record, task_id: str) -> str:
    row = record.tasks.get(task_id)
    return "not there" if row is None else row.status


def _output(tasks: Mapping[str, TaskRow], task_id: str) -> str | None:
    row = tasks.get(task_id)
    return row.output if row is not None and row.status == COMPLETED else None
