"""A slot for a single call outside any swarm."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Slots(Protocol):
    def slot(self, lane: str) -> AbstractAsyncContextManager[None]:
        """Hold one slot of ``lane`` while the context lasts; waits in turn with the swarms until one is free."""
        ...
