"""One call of a sub-agent: what it needs, what it asks, and the answers that mean the same to every kind of call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.budget import MAX_DOCUMENT_CHARS
from app.domain.journal import ANSWER, CALLS, REPAIR, RESULTS, TURN, VERDICT
from app.ports.provider import ChatRequest, ChatResult, JsonObject
from app.scheduler.conversation import Conversation, GoOn, Outcome, Record, Wanting

MAX_QUOTED_CHARS = 400_000
"""Of a task or an answer that is shown again."""


class NotStorable(Exception):
    """The answer cannot be kept as UTF-8 JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call to make, and what its answer is read by.

    Attributes:
        purpose: answer, repair, verdict or turn.
        schema: of the answer; None for text.
        document_chars: of documents that a task planned by it may be sent.
    """

    request: ChatRequest
    purpose: str
    payload: Mapping[str, Any]
    talk: Conversation
    schema: JsonObject | bool | None = None
    document_chars: int = MAX_DOCUMENT_CHARS


def purpose_of(talk: Conversation) -> str:
    """Return what the next call of a conversation is for."""
    last = talk.last
    if last is None or last["kind"] in {TURN, RESULTS}:
        return ANSWER
    if last["kind"] == CALLS:
        return CALLS
    return REPAIR if last.get("errors") else VERDICT


def mismatch(call: Call, content: str, errors: Sequence[str]) -> Outcome:
    """The answer does not match: it is shown the errors once, then the attempt has failed."""
    if call.purpose != REPAIR:
        return GoOn(record={"kind": ANSWER, "content": content, "errors": list(errors)})
    record = {"kind": REPAIR, "over": True, "content": content, "errors": list(errors)}
    message = "the answer does not match its schema, nor did its repair: " + "; ".join(errors)
    return Wanting(kind="output_mismatch", message=message, record=record)


def content_of(result: ChatResult) -> str:
    if result.content is None:
        raise NotStorable("the model answered with no content")
    return result.content


def json_record(record: Record) -> str:
    """Return a record as it is journaled."""
    try:
        return orjson.dumps(record).decode()
    except orjson.JSONEncodeError as exc:
        raise NotStorable(f"the answer cannot be stored as UTF-8 JSON: {exc}") from exc


def json_text(content: str) -> str:
    try:
        return orjson.dumps(content).decode()
    except orjson.JSONEncodeError as exc:
        raise NotStorable(f"the answer cannot be stored as UTF-8 JSON: {exc}") from exc
