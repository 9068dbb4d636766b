"""The tables of the processes that share a database. Private to ``app.storage``. Times are the database's, Unix
milliseconds; a SQLite file, which is one process's, has no rows of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table
from sqlmodel import Field, SQLModel


def _big() -> Column[int]:
    return Column(BigInteger, nullable=False)


class Nodes(SQLModel, table=True):
    """The processes that share the database, and until when each lives by the database's clock; none of a file's.

    A run belongs to its ``lease_owner`` while that lives.
    """

    __tablename__ = "nodes"

    id: str = Field(primary_key=True)
    expires_at_ms: int = Field(sa_column=_big())


class Duties(SQLModel, table=True):
    """What one of those processes does for all of them, and until when it is its."""

    __tablename__ = "duties"

    name: str = Field(primary_key=True)
    node: str
    expires_at_ms: int = Field(sa_column=_big())


class Shares(SQLModel, table=True):
    """What each of them may use of a limit: a ``share``; it could use ``demand`` and does use ``used``."""

    __tablename__ = "shares"

    pool: str = Field(primary_key=True)
    node: str = Field(primary_key=True)
    demand: int = Field(sa_column=_big())
    used: int = Field(sa_column=_big())
    share: int = Field(sa_column=_big())


class Signs(SQLModel, table=True):
    """What one of them has learned and the others should know, by what it is about: the newest ``version`` counts."""

    __tablename__ = "signs"

    name: str = Field(primary_key=True)
    version: int = Field(sa_column=_big())
    node: str
    body: str
    said_at_ms: int = Field(sa_column=_big())


class Learned(SQLModel, table=True):
    """Calls at once that a lane was seen to take, of all of them together, in thousandths."""

    __tablename__ = "learned"

    lane: str = Field(primary_key=True)
    milli: int = Field(sa_column=_big())
    told_at_ms: int = Field(sa_column=_big())


class Holdings(SQLModel, table=True):
    """What each of them holds of an account (``ports.holdings``), in nano-dollars.

    It could not have ``short_nano_usd`` more that it needed when it last asked; ``left_nano_usd`` is what it could have
    held then, NULL without a cap.
    """

    __tablename__ = "holdings"
    __table_args__ = (Index("holdings_by_node", "node"),)

    kind: str = Field(primary_key=True)
    owner: str = Field(primary_key=True)
    node: str = Field(primary_key=True)
    held_nano_usd: int = Field(sa_column=_big())
    short_nano_usd: int = Field(sa_column=_big())
    left_nano_usd: int | None = Field(sa_column=Column(BigInteger, nullable=True))


class Tickets(SQLModel, table=True):
    """Tickets of streams, by their SHA-256."""

    __tablename__ = "tickets"

    digest: str = Field(primary_key=True)
    tenant_id: str
    scopes: str
    expires_at_ms: int = Field(sa_column=_big())


TICKETS: Table = SQLModel.metadata.tables["tickets"]
DUTIES: Table = SQLModel.metadata.tables["duties"]
HOLDINGS: Table = SQLModel.metadata.tables["holdings"]
NODES: Table = SQLModel.metadata.tables["nodes"]
SIGNS: Table = SQLModel.metadata.tables["signs"]
LEARNED: Table = SQLModel.metadata.tables["learned"]
SHARES: Table = SQLModel.metadata.tables["shares"]
