"""One walk of an answer through a compiled schema: verdicts are kept, errors collected, the cost bounded.

A verdict on an object or array is found once for each subschema, so what recursion or repetition in the schema would
multiply is added instead. What is left is bounded by ``MAX_STEPS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.outputs.wording import shortened
from app.ports.output_schemas import MAX_ERROR_LENGTH, MAX_ERRORS

MAX_STEPS = 1_500_000
"""Of a third of a microsecond each, about: a subschema held against a value, a keyword asked, a member looked at."""


class TooCostly(Exception):
    """The walk would take more than ``MAX_STEPS``, or one match too long; the message says which."""


class Found(NamedTuple):
    """One error: where in the answer, and what was expected and came."""

    pointer: str
    said: str

    def sentence(self) -> str:
        where = shortened(self.pointer, 120) if self.pointer else "the answer"
        return shortened(f"{where}: {self.said}", MAX_ERROR_LENGTH)


Check = Callable[["Walk", Any, str, "list[Found] | None"], bool]
"""Holds a value against one keyword. Errors are added to the list, with their pointers, where there is one."""

Matches = Callable[["Walk", str], bool]
"""Whether a pattern is found in a text."""


@dataclass(slots=True, eq=False)
class Node:
    """A compiled subschema.

    Attributes:
        number: unique within the schema.
        pointer: where it stands in the schema.
        checks: one for each keyword that asserts something, the cheap and telling ones first.
        inplace: the subschemas that apply to the same value, by keyword.
        names, patterns, prefix: what ``properties``, ``patternProperties`` and ``prefixItems`` cover.
        others: ``additionalProperties`` or ``items`` covers what is left.
        unevaluated: so does ``unevaluatedProperties`` or ``unevaluatedItems``.
    """

    number: int
    pointer: str
    checks: tuple[Check, ...] = ()
    inplace: dict[str, list[Node]] = field(default_factory=dict)
    dependent: dict[str, Node] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    patterns: tuple[Matches, ...] = ()
    prefix: int = 0
    contains: Node | None = None
    others: set[type] = field(default_factory=set)
    unevaluated: set[type] = field(default_factory=set)


class Walk:
    """State of one check; the values must outlive it (verdicts are kept by identity)."""

    def __init__(self) -> None:
        self._left = MAX_STEPS
        self._verdicts: dict[tuple[int, int], bool] = {}
        self._told: set[tuple[int, str]] = set()
        self._evaluated: dict[tuple[int, int], set[Any]] = {}

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooCostly("expected what can be checked in reasonable time; this value and schema take too long")

    def check(self, node: Node, value: Any, at: str = "", out: list[Found] | None = None) -> bool:
        """Return whether ``value`` is valid; where it is not and ``out`` is given, say why."""
        # Scalars are asked once for each place, unless other subschemas hang on the answer.
        kept = node.inplace or type(value) is dict or type(value) is list
        key = (node.number, id(value)) if kept else None
        verdict = self._verdicts.get(key) if key else None
        if verdict is None:
            self.spend(1 + len(node.checks))
            verdict = True
            for each in node.checks:
                if not each(self, value, "", None):
                    verdict = False
                    break
            if key:
                self._verdicts[key] = verdict
        if not verdict and out is not None and len(out) < MAX_ERRORS and (node.number, at) not in self._told:
            self._told.add((node.number, at))
            self.spend(1 + len(node.checks))
            for each in node.checks:
                each(self, value, at, out)
        return verdict

    def evaluated(self, node: Node, value: dict[str, Any] | list[Any]) -> set[Any]:
        """Return the keys or indexes of ``value`` that a node's keywords, and those in place of it, have covered."""
        key = (node.number, id(value))
        known = self._evaluated.get(key)
        if known is None:
            known = _everything(value) if type(value) in node.unevaluated else self.covered(node, value)
            self._evaluated[key] = known
        return known

    def covered(self, node: Node, value: dict[str, Any] | list[Any]) -> set[Any]:
        """As ``evaluated``, but without what the node's own ``unevaluated...`` covers: it is asked by that."""
        self.spend(8 + 2 * len(value))
        if type(value) in node.others:
            return _everything(value)
        found: set[Any] = set()
        if isinstance(value, dict):
            matched = (key for key in value if any(matches(self, key) for matches in node.patterns))
            found.update(node.names & value.keys(), matched)
        else:
            found.update(range(min(node.prefix, len(value))))
            if node.contains is not None:
                found.update(index for index, item in enumerate(value) if self.check(node.contains, item))
        for keyword, parts in node.inplace.items():
            for part in () if keyword in ("not", "then", "else") else parts:
                valid = self.check(part, value)
                if valid:
                    found |= self.evaluated(part, value)
                if keyword == "if":
                    for branch in node.inplace.get("then" if valid else "else", ()):
                        found |= self.evaluated(branch, value) if self.check(branch, value) else set()
        if isinstance(value, dict):
            for name, part in node.dependent.items():
                found |= self.evaluated(part, value) if name in value and self.check(part, value) else set()
        return found


def _everything(value: dict[str, Any] | list[Any]) -> set[Any]:
    return set(value) if isinstance(value, dict) else set(range(len(value)))
