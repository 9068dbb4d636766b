"""What the scheduler reports about itself; the adapter decides how it is exposed."""

from __future__ import annotations

from typing import Protocol

from app.domain.changes import Step
from app.domain.swarm import SwarmState


class SwarmMetrics(Protocol):
    def committed(self, state: SwarmState, step: Step) -> None:
        """Count what one commit changed; called once per commit, after it."""
        ...

    def took_over(self, state: SwarmState) -> None:
        """A runner now owns the swarm."""
        ...

    def let_go(self, state: SwarmState) -> None:
        """The runner no longer owns the swarm."""
        ...
