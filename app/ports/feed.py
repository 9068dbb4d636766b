"""Hands committed events to whoever watches, in memory, so that a watcher need not query what was just written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.domain.swarm import SwarmState
from app.ports.events import EncodedEvent


class EventFeed(Protocol):
    """Called by runners in the event loop; none of it blocks, and nothing is kept for what nobody watches."""

    def publish(self, agent_id: str, swarm_id: str, position: int, events: Sequence[EncodedEvent]) -> None:
        """Hand on the events of one commit; ``position`` is its place in the orchestrator's log."""
        ...

    def attach(self, state: SwarmState) -> None:
        """``state`` is the live state of a run from now on; it may be read whenever the loop is free."""
        ...

    def detach(self, state: SwarmState) -> None:
        """``state`` is no longer kept up to date."""
        ...
