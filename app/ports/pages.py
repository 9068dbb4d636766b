"""Lists page by page (contract, section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in order and the cursor of the next page, None at the end."""

    items: Sequence[Row]
    next_cursor: str | None
