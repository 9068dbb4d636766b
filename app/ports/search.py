"""Search engines of the web."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.errors import SwarmdError

MAX_HITS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result: plain text on single lines, all of it written by others."""

    title: str
    url: str
    snippet: str


class SearchFailed(SwarmdError):
    """The engine gave no results that can be read; the message says why and holds no key."""

    code = "search_failed"


class SearchProvider(Protocol):
    @property
    def name(self) -> str: ...

    async def search(self, query: str, count: int) -> Sequence[Hit]:
        """Return at most ``count`` (1 to ``MAX_HITS``) results, the best first; none where nothing was found.

        Raises:
            SearchFailed: not reachable, late, refused, or an answer in another shape.
        """
        ...
