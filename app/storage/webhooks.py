"""Webhooks, their deliveries and secrets (``ports.webhooks.WebhookStore``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import delete, func, insert, select, update

from app.domain.errors import InvalidRequest
from app.domain.ids import DELIVERY_PREFIX, is_id
from app.domain.webhooks import DeliveryStatus
from app.ports.pages import Page
from app.ports.webhooks import (
    KEPT_ATTEMPTS,
    Attempt,
    Delivery,
    DeliveryFilter,
    NewDelivery,
    TenantSecret,
    Upcoming,
    Webhook,
)
from app.storage.delivery_tables import WEBHOOK_DELIVERIES, WEBHOOK_SECRETS, WEBHOOKS
from app.storage.dialect import Op, compile_statement
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.writer import Writer

_D = WEBHOOK_DELIVERIES.c
_S = WEBHOOK_SECRETS.c
_PENDING = DeliveryStatus.PENDING.value

_INSERT_WEBHOOK = compile_statement(insert(WEBHOOKS))
_INSERT_DELIVERY = compile_statement(insert(WEBHOOK_DELIVERIES))
_RECORD = compile_statement(
    update(WEBHOOK_DELIVERIES)
    .where(_D.id == param("id"))
    .values({name: param(name) for name in ("status", "attempts", "attempt", "failures", "next_at_ms", "ended_at_ms")})
)
_REDELIVER = compile_statement(
    update(WEBHOOK_DELIVERIES)
    .where(_D.tenant_id == param("tenant_id"), _D.id == param("id"))
    .values(status=_PENDING, failures=0, next_at_ms=param("now_ms"), ended_at_ms=None)
)
_OLDEST = (
    select(_D.id)
    .where(_D.status.in_([DeliveryStatus.DELIVERED.value, DeliveryStatus.DEAD.value]))
    .where(_D.ended_at_ms < param("before_ms"))
    .limit(param("limit"))
)
_PRUNE = compile_statement(delete(WEBHOOK_DELIVERIES).where(_D.id.in_(_OLDEST)))
_NONE_YET = ~select(_S.tenant_id).where(_S.tenant_id == param("tenant_id")).exists()
_FIRST_SECRET = compile_statement(
    insert(WEBHOOK_SECRETS).from_select(
        ["tenant_id", "secret", "created_at_ms"],
        select(param("tenant_id"), param("secret"), param("now_ms")).where(_NONE_YET),
    ),
    locked=("tenant_id",),
)
_ROTATE = compile_statement(
    update(WEBHOOK_SECRETS)
    .where(_S.tenant_id == param("tenant_id"))
    .values(
        secret=param("secret"), created_at_ms=param("now_ms"), old_secret=_S.secret, old_until_ms=param("until_ms")
    ),
    locked=("tenant_id",),
)


class Webhooks:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def upcoming(
        self, *, limit: int, not_hosts: Collection[str], not_tenants: Collection[str], not_ids: Collection[str]
    ) -> Sequence[Upcoming]:
        query = (
            select(*_D["id", "tenant_id", "swarm_id", "body", "attempt", "failures", "next_at_ms"])
            .add_columns(*WEBHOOKS.c["url", "host", "secret"])
            .join(WEBHOOKS, WEBHOOKS.c.swarm_id == _D.swarm_id)
            .where(_D.status == _PENDING)
            .order_by(_D.next_at_ms)
            .limit(limit)
        )
        for column, names in ((WEBHOOKS.c.host, not_hosts), (_D.tenant_id, not_tenants), (_D.id, not_ids)):
            if names:
                query = query.where(column.not_in(sorted(names)))
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Upcoming(
                delivery_id=row.id,
                tenant_id=row.tenant_id,
                swarm_id=row.swarm_id,
                url=row.url,
                host=row.host,
                secret=row.secret,
                body=row.body,
                attempts=row.attempt,
                failures=row.failures,
                at_ms=row.next_at_ms,
            )
            for row in rows
        ]

    async def record(
        self, delivery_id: str, attempt: Attempt, status: DeliveryStatus, *, failures: int, next_at_ms: int | None
    ) -> None:
        query = select(_D.attempts).where(_D.id == delivery_id)
        async with self._reader.connect() as connection:
            before = (await connection.execute(query)).scalar_one_or_none()
        if before is None:
            return
        attempts = [*orjson.loads(before), asdict(attempt)][-KEPT_ATTEMPTS:]
        values = {
            "id": delivery_id,
            "status": status.value,
            "attempts": orjson.dumps(attempts).decode(),
            "attempt": attempt.attempt,
            "failures": failures,
            "next_at_ms": next_at_ms,
            "ended_at_ms": None if status is DeliveryStatus.PENDING else attempt.at_ms,
        }
        await self._writer.write([Op(_RECORD, [_RECORD.row(values)])])

    async def list(self, tenant_id: str, where: DeliveryFilter, *, limit: int, cursor: str | None) -> Page[Delivery]:
        query = _LISTED.where(_D.tenant_id == tenant_id)
        if where.status is not None:
            query = query.where(_D.status == where.status.value)
        if where.swarm_id is not None:
            query = query.where(_D.swarm_id == where.swarm_id)
        if cursor is not None:
            if not is_id(DELIVERY_PREFIX, cursor):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(_D.id < cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(_D.id.desc()).limit(limit + 1))).all()
        found = [_delivery(row) for row in rows[:limit]]
        return Page(found, found[-1].delivery_id if len(rows) > limit else None)

    async def get(self, tenant_id: str, delivery_id: str) -> Delivery | None:
        query = _LISTED.where(_D.tenant_id == tenant_id, _D.id == delivery_id)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _delivery(row)

    async def redeliver(self, tenant_id: str, delivery_id: str, now_ms: int) -> bool:
        row = _REDELIVER.row({"tenant_id": tenant_id, "id": delivery_id, "now_ms": now_ms})
        [changed] = await self._writer.write([Op(_REDELIVER, [row])])
        return bool(changed)

    async def secret(self, tenant_id: str) -> TenantSecret | None:
        query = select(WEBHOOK_SECRETS).where(_S.tenant_id == tenant_id)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return TenantSecret(
            secret=row.secret,
            created_at_ms=row.created_at_ms,
            old_secret=row.old_secret,
            old_until_ms=row.old_until_ms,
        )

    async def first_secret(self, tenant_id: str, secret: str, now_ms: int) -> TenantSecret:
        values = {"tenant_id": tenant_id, "secret": secret, "now_ms": now_ms}
        await self._writer.write([Op(_FIRST_SECRET, [_FIRST_SECRET.row(values)])])
        return await self._known(tenant_id)

    async def rotate_secret(self, tenant_id: str, secret: str, now_ms: int, *, old_until_ms: int) -> TenantSecret:
        values = {"tenant_id": tenant_id, "secret": secret, "now_ms": now_ms, "until_ms": old_until_ms}
        await self._writer.write([Op(_ROTATE, [_ROTATE.row(values)]), Op(_FIRST_SECRET, [_FIRST_SECRET.row(values)])])
        return await self._known(tenant_id)

    async def prune(self, before_ms: int, *, limit: int) -> int:
        row = _PRUNE.row({"before_ms": before_ms, "limit": limit})
        [removed] = await self._writer.write([Op(_PRUNE, [row])])
        return int(removed)

    async def _known(self, tenant_id: str) -> TenantSecret:
        found = await self.secret(tenant_id)
        assert found is not None, "a tenant's secret is replaced, never removed"
        return found


_LISTED = select(
    *_D["id", "tenant_id", "swarm_id", "type", "status", "attempts", "created_at_ms", "next_at_ms", "ended_at_ms"],
    func.coalesce(WEBHOOKS.c.url, "").label("url"),
).outerjoin(WEBHOOKS, WEBHOOKS.c.swarm_id == _D.swarm_id)


def webhook_op(swarm_id: str, webhook: Webhook) -> Op:
    """Return the write of a new run's webhook."""
    values = {"swarm_id": swarm_id, "url": webhook.url, "host": webhook.host, "secret": webhook.secret}
    return Op(_INSERT_WEBHOOK, [_INSERT_WEBHOOK.row(values)])


def delivery_op(tenant_id: str, swarm_id: str, deliveries: Sequence[NewDelivery]) -> Op:
    """Return the write of new messages of a run."""
    rows = [
        {
            "id": one.delivery_id,
            "tenant_id": tenant_id,
            "swarm_id": swarm_id,
            "type": one.type,
            "body": one.body,
            "status": _PENDING,
            "attempts": "[]",
            "attempt": 0,
            "failures": 0,
            "created_at_ms": one.at_ms,
            "next_at_ms": one.at_ms,
            "ended_at_ms": None,
        }
        for one in deliveries
    ]
    return Op(_INSERT_DELIVERY, [_INSERT_DELIVERY.row(row) for row in rows])


def _delivery(row: Any) -> Delivery:
    return Delivery(
        delivery_id=row.id,
        tenant_id=row.tenant_id,
        swarm_id=row.swarm_id,
        type=row.type,
        url=row.url,
        status=DeliveryStatus(row.status),
        attempts=[Attempt(**one) for one in orjson.loads(row.attempts)],
        created_at_ms=row.created_at_ms,
        next_attempt_at_ms=row.next_at_ms,
        ended_at_ms=row.ended_at_ms,
    )
