"""Usage and cost, summed up (``ports.usage.UsageStore``).

Runs write their rows with the outcomes they count (``runs``); ``add`` is for calls outside of runs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Table, cast, func, null, select

from app.domain.errors import InvalidRequest
from app.domain.swarm import SWARM_ACTIVE
from app.domain.usage import Usage as TokenUsage
from app.ports.usage import ModelUsage, UsageGroup, UsageQuery, UsageReport, UsageRow, UsageSum
from app.storage.dialect import Op
from app.storage.reader import Reader
from app.storage.statements import ADD_USAGE, USAGE_SUMS
from app.storage.tables import ATTEMPTS, STEPS, SWARMS, TASKS, USAGE
from app.storage.writer import Writer

_COLUMNS = {UsageGroup.MODEL: USAGE.c.model, UsageGroup.KEY: USAGE.c.key_id, UsageGroup.DAY: USAGE.c.day}
_OF_SWARMS: dict[str, ColumnElement[Any]] = {
    "calls": SWARMS.c.steps,
    "unpriced_calls": cast(null(), BigInteger),
} | {name: SWARMS.c[name] for name in USAGE_SUMS if name not in {"calls", "unpriced_calls"}}


class Usage:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, rows: Sequence[UsageRow]) -> None:
        if rows:
            await self._writer.write([Op(ADD_USAGE, [ADD_USAGE.row(asdict(row)) for row in rows])])

    async def report(self, tenant_id: str, query: UsageQuery, *, limit: int, cursor: str | None) -> UsageReport:
        of_swarms = query.group is UsageGroup.SWARM
        label = SWARMS.c.id if of_swarms else _COLUMNS[query.group]
        newest_first = query.group in {UsageGroup.SWARM, UsageGroup.DAY}
        where = _swarms_between(tenant_id, query) if of_swarms else _usage_between(tenant_id, query)
        page = select(label.label("label"), *_sums(of_swarms)).where(*where).group_by(label)
        if cursor is not None:
            place = _place(query.group, cursor)
            page = page.where(label < place if newest_first else label > place)
        page = page.order_by(label.desc() if newest_first else label).limit(limit + 1)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(page)).all()
            total = (await connection.execute(select(*_sums(of_swarms)).where(*where))).one()
        more = len(rows) > limit
        return UsageReport(
            items=[(row.label, _usage_sum(row, of_swarms)) for row in rows[:limit]],
            next_cursor=_cursor(query.group, rows[limit - 1].label) if more else None,
            total=_usage_sum(total, of_swarms),
        )

    async def of_swarm(self, swarm_id: str) -> Sequence[ModelUsage]:
        # A task's row sums up all its calls. Those that other models answered are told by its ended attempts and its
        # journal: they are moved from the model of its row to their own.
        totals: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
        async with self._reader.connect() as connection:
            of_tasks = select(TASKS.c.model, *_bills(TASKS)).where(TASKS.c.swarm_id == swarm_id)
            for row in await connection.execute(of_tasks.group_by(TASKS.c.model)):
                totals[row.model].update(_bill(row))
            for calls in (ATTEMPTS, STEPS):
                own = TASKS.c.model.label("own")
                query = (
                    select(calls.c.model, own, *_bills(calls))
                    .join(TASKS, (TASKS.c.swarm_id == calls.c.swarm_id) & (TASKS.c.ix == calls.c.ix))
                    .where(calls.c.swarm_id == swarm_id)
                    .group_by(calls.c.model, own)
                )
                for row in await connection.execute(query):
                    totals[row.model].update(_bill(row))
                    totals[row.own].subtract(_bill(row))
        found = [_model_usage(model, bill) for model, bill in totals.items() if any(bill.values())]
        return sorted(found, key=lambda entry: (-entry.cost_nano_usd, entry.model or ""))

    async def spent_today(self, key_id: str, day: str) -> int:
        query: Select[Any] = select(
            func.coalesce(func.sum(USAGE.c.cost_nano_usd + USAGE.c.unsettled_nano_usd), 0)
        ).where(USAGE.c.key_id == key_id, USAGE.c.day == day)
        async with self._reader.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def reserved(self, *, tenant_id: str | None = None, key_id: str | None = None) -> int:
        # Ended runs have nothing under way; those that have not are found by the index on the status.
        query = select(func.coalesce(func.sum(SWARMS.c.reserved_nano_usd), 0)).where(
            SWARMS.c.status.in_(sorted(SWARM_ACTIVE))
        )
        if tenant_id is not None:
            query = query.where(SWARMS.c.tenant_id == tenant_id)
        if key_id is not None:
            query = query.where(SWARMS.c.key_id == key_id)
        async with self._reader.connect() as connection:
            return int((await connection.execute(query)).scalar_one())


_BILL = ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_nano_usd")


def _bills(calls: Table) -> list[ColumnElement[Any]]:
    return [func.coalesce(func.sum(calls.c[name]), 0).label(name) for name in _BILL]


def _bill(row: Any) -> dict[str, int]:
    """PostgreSQL's sums are decimals."""
    return {name: int(getattr(row, name)) for name in _BILL}


def _model_usage(model: str | None, bill: Mapping[str, int]) -> ModelUsage:
    tokens = {name: bill[name] for name in _BILL[:-1]}
    return ModelUsage(model=model, usage=TokenUsage(**tokens), cost_nano_usd=bill["cost_nano_usd"])


def _sums(of_swarms: bool) -> list[ColumnElement[Any]]:
    return [func.sum(_OF_SWARMS[name] if of_swarms else USAGE.c[name]).label(name) for name in USAGE_SUMS]


def _usage_between(tenant_id: str, query: UsageQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [USAGE.c.tenant_id == tenant_id]
    if query.first is not None:
        where.append(USAGE.c.day >= query.first.isoformat())
    if query.last is not None:
        where.append(USAGE.c.day <= query.last.isoformat())
    return where


def _swarms_between(tenant_id: str, query: UsageQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [SWARMS.c.tenant_id == tenant_id]
    if query.first is not None:
        where.append(SWARMS.c.created_at_ms >= _midnight_ms(query.first))
    if query.last is not None and query.last < date.max:
        where.append(SWARMS.c.created_at_ms < _midnight_ms(query.last + timedelta(days=1)))
    return where


def _midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _usage_sum(row: Any, of_swarms: bool) -> UsageSum:
    """Sums over no rows are NULL, and PostgreSQL's are decimals."""
    sums = {name: int(getattr(row, name) or 0) for name in USAGE_SUMS}
    unpriced = sums.pop("unpriced_calls")
    return UsageSum(**sums, unpriced_calls=None if of_swarms else unpriced)


def _cursor(group: UsageGroup, label: str) -> str:
    """Named after the group, since a label may be empty, and so that a cursor of another grouping is told."""
    return f"{group.value}:{label}"


def _place(group: UsageGroup, cursor: str) -> str:
    named, colon, label = cursor.partition(":")
    if named != group.value or not colon:
        raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
    return label
