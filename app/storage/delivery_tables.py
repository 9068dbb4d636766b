"""The tables of webhooks and of saved graphs. Private to ``app.storage``. Times are Unix milliseconds.

Secrets that sign messages are stored as they are, since a sender has to have them at hand: whoever may read the
database or a backup of it may sign. No query but that of the sender, and of ``secret``, selects them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlmodel import Field, SQLModel


def _big(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


class Webhooks(SQLModel, table=True):
    """Where the messages of a run go. Which events are sent stands in the run's spec."""

    __tablename__ = "webhooks"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    url: str = Field(sa_column=_text())
    host: str
    secret: str | None = None


class WebhookDeliveries(SQLModel, table=True):
    """Messages, written with the event that each is about; ``body`` is what is sent, ``attempts`` a JSON array."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_by_tenant", "tenant_id", "id"),
        Index("webhook_deliveries_by_swarm", "swarm_id", "id"),
        Index("webhook_deliveries_by_time", "status", "next_at_ms"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str
    swarm_id: str
    type: str
    body: str = Field(sa_column=_text())
    status: str
    attempts: str = Field(sa_column=_text())
    attempt: int
    failures: int
    created_at_ms: int = Field(sa_column=_big())
    next_at_ms: int | None = Field(sa_column=_big(nullable=True))
    ended_at_ms: int | None = Field(sa_column=_big(nullable=True))


class WebhookSecrets(SQLModel, table=True):
    """What signs the messages of a tenant; the one before signs, too, until ``old_until_ms``."""

    __tablename__ = "webhook_secrets"

    tenant_id: str = Field(primary_key=True)
    secret: str
    created_at_ms: int = Field(sa_column=_big())
    old_secret: str | None = None
    old_until_ms: int | None = Field(sa_column=_big(nullable=True))


class Graphs(SQLModel, table=True):
    """Saved graphs; ``body`` and ``layout`` are JSON as the client sent it, ``digest`` is of all that it sent."""

    __tablename__ = "graphs"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tenant_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str | None = None
    description: str | None = Field(sa_column=_text(nullable=True))
    tasks: int
    body: str = Field(sa_column=_text())
    layout: str | None = Field(sa_column=_text(nullable=True))
    digest: str
    revision: int
    created_at_ms: int = Field(sa_column=_big())
    updated_at_ms: int = Field(sa_column=_big())


WEBHOOKS: Table = SQLModel.metadata.tables["webhooks"]
WEBHOOK_DELIVERIES: Table = SQLModel.metadata.tables["webhook_deliveries"]
WEBHOOK_SECRETS: Table = SQLModel.metadata.tables["webhook_secrets"]
GRAPHS: Table = SQLModel.metadata.tables["graphs"]
