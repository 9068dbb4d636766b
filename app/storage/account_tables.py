"""The tables of what an operator keeps of tenants: prepaid credits, and who did what. Private to ``app.storage``.

Rows are only ever added; those of ``audit`` go when they are old enough (``ports.audit``). Times are Unix milliseconds,
money nano-dollars.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlmodel import Field, SQLModel


def _big() -> Column[int]:
    return Column(BigInteger, nullable=False)


def _text() -> Column[str]:
    return Column(Text, nullable=True)


class Credits(SQLModel, table=True):
    """A tenant's ledger, ``position`` from 1: the amounts up to a row add up to its ``balance_nano_usd``.

    ``usage_nano_usd`` is how much of the tenant's usage, counted from its very first call, the rows up to this one have
    taken off. ``reference`` is the payment's, once a tenant; ``actor`` is a key's id.
    """

    __tablename__ = "credits"
    __table_args__ = (
        Index("credits_by_reference", "tenant_id", "reference", unique=True),
        {"sqlite_with_rowid": False},
    )

    tenant_id: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    id: str
    kind: str
    amount_nano_usd: int = Field(sa_column=_big())
    balance_nano_usd: int = Field(sa_column=_big())
    usage_nano_usd: int = Field(sa_column=_big())
    reference: str | None = None
    note: str | None = Field(sa_column=_text())
    actor: str | None = None
    at_ms: int = Field(sa_column=_big())


class Audit(SQLModel, table=True):
    """Who did what; ``id`` sorts by time, ``detail`` is JSON without secrets, ``remote`` an address."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_age", "at_ms"), {"sqlite_with_rowid": False})

    tenant_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    at_ms: int = Field(sa_column=_big())
    actor: str | None = None
    action: str
    object: str | None = None
    detail: str | None = Field(sa_column=_text())
    remote: str | None = None


CREDITS: Table = SQLModel.metadata.tables["credits"]
AUDIT: Table = SQLModel.metadata.tables["audit"]
