"""A task's journal, read: the calls that its present attempt goes on from, and what the attempts before it left.

A record is what a later call must know of an earlier one. Its ``kind`` is ``answer`` (of the task, ``errors`` where it
did not match), ``repair`` (of such an answer), ``verdict`` (of a judge), ``turn`` (of an orchestrator), ``calls`` (of
tools) or ``results`` (of those). A record with ``over`` ends a conversation: the next attempt begins a new one, with
what tools and sub-agents have done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.journal import CALLS, RESULTS, TURN, VERDICT
from app.domain.planned import PlannedTask

Record = Mapping[str, Any]

_LASTING = frozenset({TURN, CALLS, RESULTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Attributes:
    records: of the present conversation, oldest first.
    rejected: the judge's record that ended the one before; None where there is none.
    """

    records: Sequence[Record] = ()
    rejected: Record | None = None

    @property
    def last(self) -> Record | None:
        return self.records[-1] if self.records else None

    @property
    def turns(self) -> Sequence[Record]:
        return [record for record in self.records if record["kind"] == TURN]


NEW = Conversation()


def read(journal: Sequence[str]) -> Conversation:
    """Return where a task stands, by its journal (JSON texts, oldest first)."""
    records: list[Record] = []
    rejected: Record | None = None
    for text in journal:
        record = orjson.loads(text)
        if record.get("over"):
            records = [one for one in records if one["kind"] in _LASTING]  # what they asked for is done, and paid
            rejected = record if record["kind"] == VERDICT else rejected
        else:
            records.append(record)
    return Conversation(records=records, rejected=rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The attempt has its output.

    Attributes:
        output: JSON text.
        score: a judge's, 0-1.
        plan: what is to be run next, where this was a planner.
        model: that gave the output, where it is another than that of this call.
    """

    output: str
    model: str | None = None
    score: float | None = None
    plan: Sequence[PlannedTask] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """The attempt takes another call.

    Attributes:
        record: of this one.
        next_model: of the next one; None for the task's own.
        work: tasks that the next call waits for.
    """

    record: Record
    next_model: str | None = None
    work: Sequence[PlannedTask] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanting:
    """The answer will not do.

    Attributes:
        kind, message: of the task's error.
        record: for the journal, where the next attempt is to know of it.
    """

    kind: str
    message: str
    retryable: bool = True
    record: Record | None = None


Outcome = Done | GoOn | Wanting
