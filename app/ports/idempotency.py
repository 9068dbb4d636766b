"""What a client's ``Idempotency-Key`` stands for: the run that the first request with it started, or its answer.

A key that stands for a run is stored in the transaction that stores the run (``ports.runs.Beside``), so that no crash
can part them. Keys are per tenant, and a deleted run takes its keys with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol


class KeyTaken(Exception):
    """Another request has the key: nothing was written, and ``IdempotencyStore.find`` tells what it stands for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: HTTP status and JSON text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A key to be taken by the request that has it.

    Attributes:
        fingerprint: SHA-256 of the request, hexadecimal.
        created_at_ms: now, in Unix milliseconds.
        expired_ms: a key that was taken at or before this time is free again.
        answer: what the request is answered with; None where it waits for its run's results, or is not answered yet.
    """

    tenant_id: str
    key: str
    fingerprint: str
    created_at_ms: int
    expired_ms: int
    answer: Answer | None = None

    def answered(self, answer: Answer | None) -> Once:
        return replace(self, answer=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenKey:
    """What a key stands for; without an ``answer`` it is that of the run's results."""

    fingerprint: str
    swarm_id: str | None
    answer: Answer | None


class IdempotencyStore(Protocol):
    async def find(self, tenant_id: str, key: str, *, expired_ms: int) -> TakenKey | None:
        """Return what a key stands for; None where it is free, or was taken at or before ``expired_ms``."""
        ...

    async def take(self, once: Once) -> None:
        """Store a key with its answer.

        Raises:
            KeyTaken: another request has it.
        """
        ...

    async def answer(self, once: Once) -> None:
        """Add the answer to a key that this request took; nothing happens where it is gone meanwhile."""
        ...

    async def sweep(self, *, expired_ms: int, limit: int) -> int:
        """Delete up to ``limit`` keys that were taken at or before ``expired_ms``; return how many were."""
        ...
