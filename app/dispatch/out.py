"""What a node that hands out remembers of a job until its fact is there."""

from __future__ import annotations

import asyncio
import time

from app.ports.dispatch import Begins, Job


class Out:
    """A job that is out.

    Attributes:
        held_at: when it was told last that nobody has it; before, since when it is to be done.
        pool: in whose subject it was published; empty before.
        sequence: its place in the stream, once the server has said so, in that one's life ``epoch``.
        published: how often it was.
        begins: to be called once when it begins, as far as is known; None where nobody asked, or it was.
    """

    __slots__ = (
        "begins",
        "epoch",
        "held_at",
        "job",
        "looked_at",
        "pool",
        "published",
        "published_at",
        "sequence",
        "told",
    )

    def __init__(self, job: Job, told: asyncio.Future[str | None], begins: Begins | None) -> None:
        self.job = job
        self.told = told
        self.begins = begins
        self.pool = ""
        self.published = 0
        self.held_at = self.published_at = self.looked_at = time.monotonic()
        self.sequence: int | None = None
        self.epoch: str | None = None

    def begun(self) -> None:
        begins, self.begins = self.begins, None
        if begins is not None:
            begins()
