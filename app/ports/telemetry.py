"""What the scheduler and the delivery of webhooks report about themselves; the adapter decides how it is exposed."""

from __future__ import annotations

from typing import Protocol

from app.domain.changes import Step
from app.domain.swarm import SwarmState
from app.domain.webhooks import DeliveryStatus


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


class DeliveryMetrics(Protocol):
    def attempted(self, status: DeliveryStatus) -> None:
        """Count an attempt to deliver a message, once it is recorded, by where that leaves the message."""
        ...
