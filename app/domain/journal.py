"""What the last record of a task's journal says of its next call; the scheduler makes them (``StepRecorded``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.swarm import SwarmSpec

ANSWER, REPAIR, VERDICT, TURN = "answer", "repair", "verdict", "turn"
CALLS, RESULTS = "calls", "results"
"""Kinds of records: an output, one made anew after a mismatch, a judge's score, an orchestrator's turn; tool calls that
a model asked for, and what came of them."""

TOOLS = "~tools"
"""In place of a model: the next step of a task runs tools, and costs nothing that is billed."""

TOOLS_LANE = "tools/run"


def wants_judge(record: Mapping[str, Any] | None) -> bool:
    """Whether the record is an output that no judge has scored yet."""
    if record is None or record.get("over") or record.get("errors"):
        return False
    return record["kind"] in {ANSWER, REPAIR}


def next_model(spec: SwarmSpec, last: Mapping[str, Any] | None) -> str | None:
    """Return the model of a task's next call where it is not the task's own."""
    if last is not None and last["kind"] == CALLS:
        return TOOLS
    if spec.validation is None or not wants_judge(last):
        return None
    model: str | None = spec.validation.get("model")
    return model
