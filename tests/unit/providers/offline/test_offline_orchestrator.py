"""The turns of an orchestrator that calls its sub-agents by name: the service's own tools, driven by its own rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.turns import ORCHESTRATOR_TOOLS, Assignment, Call, take_turn
from app.ports.provider import ChatRequest
from app.providers.offline import respond
from app.providers.offline.claims import read_claims
from app.scheduler.planning import AttachmentNote, orchestrator_prompt
from tests.support.offline_asking import ask_text

_HEAD = "Item 8. Statements\n(in millions) | 2024 | 2023\n"
TEXTS = {
    "acme.txt": f"{_HEAD}Total revenue | $21 | $19\nThe auditor is Smith LLP.\n",
    "shoes.txt": f"{_HEAD}Total revenue | $7 | $6\nThe auditor is Jones LLP.\n",
    "sand.txt": "We sell sand.\n",
}


def run(
    goal: str,
    worker: Callable[[Assignment], str],
    names: list[str] | None = None,
    *,
    max_subagents: int = 20,
    max_assignments: int = 40,
) -> tuple[list[list[Assignment]], str]:
    """The assignments of each turn and the answer; fails where it takes more than six turns."""
    names = names or []
    notes = [AttachmentNote(name=name, chars=9, begins="") for name in names]
    prompt = orchestrator_prompt(
        goal, notes, [("researcher", "reads")], max_subagents=max_subagents, max_assignments=max_assignments
    )
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    team: dict[str, str] = {}
    turns: list[list[Assignment]] = []
    for number in range(1, 7):
        result = respond(ChatRequest(model="offline", messages=messages, tools=ORCHESTRATOR_TOOLS))
        if not result.tool_calls:
            return turns, result.content or ""
        calls = [Call(id=call.id, name=call.name, arguments=call.arguments) for call in result.tool_calls]
        turn = take_turn(
            calls,
            team,
            assigned=sum(map(len, turns)),
            max_subagents=max_subagents,
            max_assignments=max_assignments,
            attachments=names,
            turn=number,
        )
        team = dict(turn.team)
        assert len({call.id for call in calls}) == len(calls)
        turns.append(list(turn.assignments))
        said = dict(turn.replies) | {each.call_id: worker(each) for each in turn.assignments}
        functions = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": functions})
        messages += [{"role": "tool", "tool_call_id": call.id, "content": said[call.id]} for call in calls]
    raise AssertionError("the orchestrator does not end")


def read(assignment: Assignment) -> str:
    documents = [{"name": name, "text": TEXTS[name]} for name in assignment.task.sources]
    return ask_text(assignment.task.prompt or "", task={"id": assignment.task.id, "data": {"documents": documents}})


def test_attachments_are_read_and_checked_and_compared() -> None:
    turns, answer = run("Compare their revenue and auditors, and validate each claim", read, list(TEXTS))
    assert [[each.task.sources for each in turn] for turn in turns] == [[(name,) for name in TEXTS]] * 2
    assert "| acme.txt | $21 million (2024) | Smith LLP |" in answer
    assert "| sand.txt | not found | not found |" in answer
    claims = read_claims(answer)
    assert {claim.status for claim in claims} == {"supported"}
    assert claims[0].source == "acme.txt, Item 8"


def test_one_turn_is_enough_where_nothing_is_checked() -> None:
    turns, answer = run("Research rivers, analyse lakes and then write a report", lambda task: "They are wet.")
    assert [len(turn) for turn in turns] == [2]
    assert "- **analyse-lakes**: They are wet. [analyse-lakes]" in answer


def test_a_sequence_hands_its_results_on_and_ends() -> None:
    turns, answer = run("First collect the prices, then clean them and then train a model", lambda task: "Done so.")
    assert [len(turn) for turn in turns] == [1, 1, 1]
    assert json.dumps({"collect-prices": "Done so."}, separators=(",", ":")) in (turns[1][0].task.prompt or "")
    assert "Done so." in answer


def test_the_limits_of_the_rules_are_kept_to() -> None:
    turns, _ = run("Compare their revenue", read, list(TEXTS), max_subagents=1, max_assignments=2)
    assert [len(turn) for turn in turns] == [2]


@pytest.mark.parametrize("said", ["", "Error: the task failed", "{" * 5000, '{"error": "no such sub-agent"}'])
def test_results_of_any_kind_end_in_an_answer(said: str) -> None:
    _, answer = run("Compare their revenue, and validate it", lambda task: said, list(TEXTS))
    assert answer
