"""Wakes whoever waits for news of a swarm. A lost ring costs latency, never data: the store is the truth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Doorbell(Protocol):
    def ring(self, topic: str) -> None:
        """Call the listeners of ``topic``; never blocks."""
        ...

    def listen(self, topic: str, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call ``callback`` in the event loop at each ring until the context ends; it must not block or raise."""
        ...


def events_of(swarm_id: str) -> str:
    """Topic rung after each commit of a swarm."""
    return f"events.{swarm_id}"


def end_of(swarm_id: str) -> str:
    """Topic rung once a swarm has ended."""
    return f"end.{swarm_id}"


def idle_of(agent_id: str) -> str:
    """Topic rung whenever a swarm of an orchestrator has ended."""
    return f"idle.{agent_id}"


def log_of(agent_id: str) -> str:
    """Topic rung after each commit of a swarm of an orchestrator."""
    return f"log.{agent_id}"


CONTROL_TOPICS = "control."


def control_of(swarm_id: str) -> str:
    """Topic rung when a client asked something of a running swarm, or changed its orchestrator, which has its own."""
    return f"{CONTROL_TOPICS}{swarm_id}"


NEW_SWARMS = "swarms.new"
"""Topic rung when a swarm was stored that no runner owns yet."""
