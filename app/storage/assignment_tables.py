"""The tables of what is out at workers, and of these. Private to ``app.storage``, as ``tables`` is.

All of it is short-lived: a row for each call under way. Times are Unix milliseconds of the database's own clock.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text
from sqlmodel import Field, SQLModel


def _big() -> Column[int]:
    return Column(BigInteger, nullable=False)


class Assignment(SQLModel, table=True):
    """A call that is out: ``nth`` is 1 for the second one of a hedged pair, ``told`` its fact, once there is one.

    ``claim`` grows with each claim and fences what earlier claimants record.
    """

    __tablename__ = "assignments"

    swarm_id: str = Field(primary_key=True)
    ix: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    step: int = Field(primary_key=True)
    nth: int = Field(primary_key=True)
    claim: int
    worker_id: str | None = None
    told: str | None = Field(sa_column=Column(Text, nullable=True))


class AssignmentText(SQLModel, table=True):
    """What is too large for a message, or the same for many, by its SHA-256."""

    __tablename__ = "assignment_texts"

    swarm_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    body: str = Field(sa_column=Column(Text, nullable=False))


class Worker(SQLModel, table=True):
    """A process that does jobs; ``tags`` is a JSON list."""

    __tablename__ = "workers"

    id: str = Field(primary_key=True)
    name: str
    slots: int
    tags: str
    seen_at_ms: int = Field(sa_column=_big())


ASSIGNMENTS: Table = SQLModel.metadata.tables["assignments"]
ASSIGNMENT_TEXTS: Table = SQLModel.metadata.tables["assignment_texts"]
WORKERS: Table = SQLModel.metadata.tables["workers"]
