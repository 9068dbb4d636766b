"""JSON Schemas that answers are held against: compiled once, then every answer is found, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from app.domain.errors import SwarmdError
from app.ports.provider import JsonObject

MAX_ERRORS = 20
"""Errors that a ``Mismatch`` lists at most."""

MAX_ERROR_LENGTH = 300
"""Characters of one error at most."""


class InvalidSchema(SwarmdError):
    """The schema cannot be used.

    Attributes:
        pointer: RFC 6901 JSON pointer into the schema; "" is the schema itself.
        reason: what was expected there and what came.
    """

    code = "invalid_schema"

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer or 'the schema'}: {reason}")
        self.pointer = pointer
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An answer that is valid against its schema.

    Attributes:
        value: the JSON value; its integers fit 64 bits, its numbers are finite, its nesting is at most 100 levels.
        text: ``value`` as compact JSON, as it is stored.
        repaired: the answer was not quite JSON; what is here was read tolerantly out of it.
    """

    value: Any
    text: str
    repaired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """An answer that is not valid, or not JSON.

    Attributes:
        errors: 1 to ``MAX_ERRORS`` sentences of at most ``MAX_ERROR_LENGTH`` characters, each with the JSON pointer
            into the answer (``the answer`` for the whole of it), what was expected there and what came.
    """

    errors: tuple[str, ...]


class OutputSchema(Protocol):
    """A compiled schema; safe to use from several threads at once."""

    def check(self, answer: str) -> Checked | Mismatch:
        """Find the JSON value in a model's answer and hold it against the schema.

        Never raises on any text, and ends within about a second on any. It keeps to the processor the whole time:
        an answer of more than some 100 KB is better checked in a thread.
        """
        ...


class OutputSchemas(Protocol):
    """Where schemas are compiled; equal schemas are compiled once."""

    def compile(self, schema: JsonObject | bool) -> OutputSchema:
        """Return the compiled schema; nothing is ever fetched for it.

        Raises:
            InvalidSchema: not JSON Schema 2020-12, too large, nested too deeply, or it refers to another document.
        """
        ...
