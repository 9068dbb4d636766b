"""A task's journal, read: what the present attempt goes on from, and what is left of those before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.scheduler.calls import purpose_of
from app.scheduler.conversation import NEW, Conversation, read

ANSWER = {"kind": "answer", "content": "x", "errors": ["/a: expected a number"]}
OUTPUT = {"kind": "answer", "content": "x", "output": '"x"'}
REPAIRED = {"kind": "repair", "content": "x", "output": '"x"'}
BAD_REPAIR = {"kind": "repair", "over": True, "content": "y", "errors": ["/a: expected a number"]}
REJECTED = {"kind": "verdict", "over": True, "output": '"x"', "score": 0.2, "critique": "Too short."}
TURN: dict[str, Any] = {"kind": "turn", "content": None, "tool_calls": [], "replies": {}, "work": {}, "team": {}}


def journal(*records: dict[str, Any]) -> Conversation:
    return read([json.dumps(record) for record in records])


@pytest.mark.parametrize(
    ("records", "purpose"),
    [
        ([], "answer"),
        ([ANSWER], "repair"),
        ([OUTPUT], "verdict"),
        ([ANSWER, REPAIRED], "verdict"),
        ([ANSWER, BAD_REPAIR], "answer"),
        ([OUTPUT, REJECTED], "answer"),
        ([OUTPUT, REJECTED, ANSWER], "repair"),
        ([TURN, TURN], "answer"),
        ([TURN, ANSWER], "repair"),
    ],
)
def test_the_last_record_says_what_the_next_call_is_for(records: list[dict[str, Any]], purpose: str) -> None:
    assert purpose_of(journal(*records)) == purpose


def test_an_empty_journal_is_a_new_conversation() -> None:
    assert journal() == Conversation(records=[])
    assert journal().last is None
    assert NEW.last is None


def test_a_conversation_that_is_over_is_forgotten_but_for_the_review() -> None:
    talk = journal(OUTPUT, REJECTED, ANSWER, BAD_REPAIR, OUTPUT)

    assert list(talk.records) == [OUTPUT]
    assert talk.rejected == REJECTED  # a failed repair says nothing of the answer that was judged


def test_of_several_reviews_the_newest_is_heeded() -> None:
    newest = REJECTED | {"critique": "Still too short."}

    assert journal(OUTPUT, REJECTED, OUTPUT, newest).rejected == newest


def test_turns_outlive_an_answer_that_would_not_do() -> None:
    """The work that they gave out is done: the next attempt asks for the answer alone."""
    first, second = TURN | {"content": "1"}, TURN | {"content": "2"}

    assert list(journal(first, second, ANSWER).turns) == [first, second]
    assert list(journal(first, second, ANSWER, BAD_REPAIR).records) == [first, second]
