"""Runs made from ended ones: what is read of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec, TaskStatus
from app.ports.store import SwarmRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A task of an ended run; its input is read apart (``RunStore.payloads``).

    Attributes:
        spec: without its payload.
        output_bytes: of its output as JSON; 0 where it has none.
        ended_at_ms: None for one that never started.
    """

    spec: TaskSpec
    status: TaskStatus
    lane: str
    attempts: int
    latency_ms: float | None
    output_bytes: int
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    swarm: SwarmRow
    spec: SwarmSpec
    tasks: Sequence[Ended]


class ForkStore(Protocol):
    async def blueprint(self, tenant_id: str, swarm_id: str) -> Blueprint | None:
        """Return a run as of one and the same commit, its tasks in order; None where the tenant has no such run."""
        ...
