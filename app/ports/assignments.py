"""Calls that are out at workers: one assignment each, made with the start of its call, gone once its fact is applied.

The row is the truth and a message about it only news: a worker claims it, does the job and writes the fact into it; the
runner takes the fact in the same transaction that removes the row. So a fact counts once, however often its message is
delivered, and what was recorded stays when worker, runner or broker are gone. One method is one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.ports.dispatch import CallKey

LEASE_S = 10.0
"""After so long without a sign of life a worker is held to be gone, and others may do what it had claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What one turn of a runner changes in what is out: written with it, in this order.

    Attributes:
        heard: calls whose facts were applied.
        stopped: indices of tasks all of whose calls nobody waits for any more.
        out: calls that start.
    """

    heard: Sequence[CallKey] = ()
    stopped: Sequence[int] = ()
    out: Sequence[CallKey] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an assignment stands.

    Attributes:
        claimed: whether a worker that shows signs of life has it.
        told: its fact, as the worker wrote it; None until there is one.
    """

    key: CallKey
    claimed: bool
    told: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Which of the asked-for assignments a worker has now.

    Attributes:
        granted: with the number of the claim, which grows: what an older claimant records matches nothing.
        busy: those that are still to be done and not by this worker: another one has them, or had them when it asked.
            The rest needs nothing to be done any more.
    """

    granted: Mapping[CallKey, int]
    busy: Collection[CallKey]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a job: ``text`` is JSON, opaque to the store."""

    key: CallKey
    claim: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A process that does jobs.

    Attributes:
        tags: what it is able to do that others may not be.
        slots: jobs that it does at once.
    """

    worker_id: str
    name: str
    slots: int
    tags: Sequence[str] = field(default_factory=tuple)


class Assignments(Protocol):
    async def standing(self, swarm_ids: Sequence[str]) -> Sequence[Standing]:
        """Return what is out of these swarms."""
        ...

    async def claim(self, worker_id: str, keys: Sequence[CallKey], *, orphans: bool = True) -> Claims:
        """Give assignments to a worker, unless their fact is recorded or another worker that is alive has them.

        Args:
            orphans: also those of workers that are held to be gone.
        """
        ...

    async def record(self, told: Sequence[Told]) -> Mapping[CallKey, str | None]:
        """Write facts down, durably; each only where its claim is the newest and there is no fact yet.

        Returns:
            Of those that were written the owner of the swarm's lease, to whom it is news.
        """
        ...

    async def claimed_by(self, worker_id: str, keys: Sequence[CallKey]) -> Collection[CallKey]:
        """Return those of ``keys`` that a worker has claimed and is still to do: nobody waits for the others."""
        ...

    async def keep(self, swarm_id: str, digest: str, body: str) -> None:
        """Keep a text that messages refer to until the swarm has ended; one of the same digest is the same text."""
        ...

    async def kept(self, swarm_id: str, digest: str) -> str | None:
        """Return such a text; None once it is gone."""
        ...


class Workers(Protocol):
    async def beat(self, worker: WorkerRow) -> None:
        """Note that a worker is alive; long-gone ones are forgotten."""
        ...

    async def leave(self, worker_id: str) -> None:
        """Forget a worker that ends; what it had claimed is free."""
        ...

    async def alive(self) -> Sequence[WorkerRow]:
        """Return those that showed a sign of life within the lease."""
        ...
