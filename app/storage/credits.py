"""Prepaid credits (``ports.credits.CreditStore``): rows are inserted only, none is ever changed or removed.

A row is made of the last one before it by a single statement, so that whoever writes at the same time, the command
line beside a running service included, the sum of the rows is the balance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, insert, literal, literal_column, select

from app.domain.errors import InvalidRequest
from app.ports.credits import CreditEntry, CreditRow, CreditStanding, EntryKind
from app.ports.pages import Page
from app.storage.account_tables import CREDITS
from app.storage.dialect import Op, Statement, compile_statement
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import USAGE
from app.storage.writer import Writer

_COLUMNS = (
    "tenant_id",
    "position",
    "id",
    "kind",
    "amount_nano_usd",
    "balance_nano_usd",
    "usage_nano_usd",
    "reference",
    "note",
    "actor",
    "at_ms",
)
_FREE_TEXT = ("reference", "note", "actor", "at_ms")


def _usage_of(tenant: Any) -> ColumnElement[Any]:
    """All that a tenant has used, in nano-dollars, as a subquery."""
    total = func.coalesce(func.sum(USAGE.c.cost_nano_usd + USAGE.c.unsettled_nano_usd), 0)
    return select(total).where(USAGE.c.tenant_id == tenant).scalar_subquery()


_LAST = CREDITS.alias("last")
_OTHER = CREDITS.alias("other")
_END = select(func.max(_OTHER.c.position)).where(_OTHER.c.tenant_id == param("tenant_id")).scalar_subquery()
_IS_LAST = (_LAST.c.tenant_id == param("tenant_id")) & (_LAST.c.position == _END)


def _next_row(amount: ColumnElement[Any], usage: ColumnElement[Any], *where: ColumnElement[bool]) -> Statement:
    """Insert what follows the last row of the tenant."""
    rest = [param(name) for name in _FREE_TEXT]
    row = select(
        param("tenant_id"),
        _LAST.c.position + 1,
        param("id"),
        param("kind"),
        amount,
        _LAST.c.balance_nano_usd + amount,
        usage,
        *rest,
    ).where(_IS_LAST, *where)
    return compile_statement(insert(CREDITS).from_select(_COLUMNS, row).returning(*CREDITS.c), locked=("tenant_id",))


_IS_NEW = ~exists(
    select(literal_column("1")).where(
        _OTHER.c.tenant_id == param("tenant_id"), _OTHER.c.reference == param("reference")
    )
)
_ADD = _next_row(param("amount_nano_usd"), _LAST.c.usage_nano_usd, _IS_NEW)
_USED = _usage_of(param("tenant_id"))
_POST = _next_row(_LAST.c.usage_nano_usd - _USED, _USED, _LAST.c.usage_nano_usd < _USED)
_OPEN = compile_statement(
    insert(CREDITS).from_select(
        _COLUMNS,
        select(
            param("tenant_id"),
            literal_column("1"),
            param("id"),
            param("kind"),
            param("amount_nano_usd"),
            param("amount_nano_usd"),
            _USED,
            *[param(name) for name in _FREE_TEXT],
        ).where(~exists(select(literal_column("1")).where(_OTHER.c.tenant_id == param("tenant_id")))),
    ),
    locked=("tenant_id",),
)


class Credits:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def open(self, entry: CreditEntry) -> None:
        await self._writer.write([Op(_OPEN, [_OPEN.row(_values(entry))])])

    async def add(self, entry: CreditEntry) -> tuple[CreditRow, bool]:
        [rows] = await self._writer.write([Op(_ADD, [_ADD.row(_values(entry))], fetch=True)])
        if rows:
            return _credit_row(dict(zip(_COLUMNS, rows[0], strict=True))), True
        query = select(CREDITS).where(CREDITS.c.tenant_id == entry.tenant_id, CREDITS.c.reference == entry.reference)
        async with self._reader.connect() as connection:
            known = (await connection.execute(query)).mappings().one()
        return _credit_row(known), False

    async def post_usage(self, entry: CreditEntry) -> CreditRow | None:
        [rows] = await self._writer.write([Op(_POST, [_POST.row(_values(entry))], fetch=True)])
        return _credit_row(dict(zip(_COLUMNS, rows[0], strict=True))) if rows else None

    async def standing(self, tenant_id: str) -> CreditStanding | None:
        query = (
            select(CREDITS.c.balance_nano_usd, CREDITS.c.usage_nano_usd, _usage_of(tenant_id).label("usage"))
            .where(CREDITS.c.tenant_id == tenant_id)
            .order_by(CREDITS.c.position.desc())
            .limit(1)
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return CreditStanding(
            balance_nano_usd=row.balance_nano_usd, counted_nano_usd=row.usage_nano_usd, usage_nano_usd=int(row.usage)
        )

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[CreditRow]:
        query = select(CREDITS).where(CREDITS.c.tenant_id == tenant_id)
        if cursor is not None:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(CREDITS.c.position < int(cursor))
        query = query.order_by(CREDITS.c.position.desc()).limit(limit + 1)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found = [_credit_row(row) for row in rows[:limit]]
        return Page(found, str(found[-1].position) if len(rows) > limit else None)

    async def tenants(self) -> Sequence[str]:
        query = select(CREDITS.c.tenant_id).where(CREDITS.c.position == literal(1)).order_by(CREDITS.c.tenant_id)
        async with self._reader.connect() as connection:
            return list((await connection.execute(query)).scalars())


def _values(entry: CreditEntry) -> dict[str, Any]:
    return {
        "tenant_id": entry.tenant_id,
        "id": entry.entry_id,
        "kind": entry.kind.value,
        "amount_nano_usd": entry.amount_nano_usd,
        "reference": entry.reference,
        "note": entry.note,
        "actor": entry.actor,
        "at_ms": entry.at_ms,
    }


def _credit_row(row: Any) -> CreditRow:
    return CreditRow(
        entry_id=row["id"],
        tenant_id=row["tenant_id"],
        kind=EntryKind(row["kind"]),
        amount_nano_usd=row["amount_nano_usd"],
        at_ms=row["at_ms"],
        reference=row["reference"],
        note=row["note"],
        actor=row["actor"],
        position=row["position"],
        balance_nano_usd=row["balance_nano_usd"],
    )
