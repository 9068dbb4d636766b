"""Patterns of paths, matched name by name on the way down a directory tree."""

from __future__ import annotations

import fnmatch
import re

_ANY_DEPTH = "**"
_WILD = re.compile(r"[*?\[]")


class Pattern:
    """Numbers the parts of a pattern: a state is the part that has to match next, ``end`` the state after the last.

    Following sets of states makes every name cost the same, however many ``**`` there are.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.end = len(parts)
        self._parts = parts
        self._names = [None if part == _ANY_DEPTH else _name_matcher(part) for part in parts]
        self.start = self._with_empty_depths({0})

    def after(self, states: frozenset[int], name: str) -> frozenset[int]:
        """The states after going through ``name`` in one of ``states``; empty where nothing matches."""
        following = set()
        for state in states:
            if state == self.end:
                continue
            matcher = self._names[state]
            if matcher is None:
                if not name.startswith("."):
                    following.add(state)
            elif matcher.match(name) and (not name.startswith(".") or self._parts[state].startswith(".")):
                following.add(state + 1)
        return self._with_empty_depths(following)

    def _with_empty_depths(self, states: set[int]) -> frozenset[int]:
        found = set()
        for state in states:
            at = state
            found.add(at)
            while at < self.end and self._names[at] is None:
                at += 1
                found.add(at)
        return frozenset(found)


def _name_matcher(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part) if _WILD.search(part) else re.escape(part) + r"\Z", re.DOTALL)
