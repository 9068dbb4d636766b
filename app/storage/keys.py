"""API keys (``ports.keys.KeyStore``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, insert, or_, select, update

from app.domain.errors import InvalidRequest
from app.domain.ids import KEY_PREFIX, is_id
from app.ports.keys import KeyRow
from app.ports.pages import Page
from app.storage.dialect import Op, compile_statement
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import KEYS
from app.storage.writer import Writer

_LIMITS = (
    "name",
    "max_cost_per_day_nano_usd",
    "max_requests_per_minute",
    "max_parallel_agents",
    "expires_at_ms",
)
_ITS_ROW = and_(KEYS.c.id == param("id"), KEYS.c.revoked_at_ms.is_(None))

_INSERT = compile_statement(insert(KEYS))
_REVOKE = compile_statement(update(KEYS).where(_ITS_ROW).values(revoked_at_ms=param("revoked_at_ms")))
_CHANGE = compile_statement(update(KEYS).where(_ITS_ROW).values({name: param(name) for name in _LIMITS}))
_ROTATE = compile_statement(
    update(KEYS)
    .where(_ITS_ROW)
    .values(
        # Every expression sees the row as it was: the present secret becomes the old one.
        old_secret_hash=KEYS.c.secret_hash,
        old_secret_until_ms=param("old_until_ms"),
        secret_hash=param("secret_hash"),
        prefix=param("prefix"),
    )
)
_USED = compile_statement(update(KEYS).where(KEYS.c.id == param("id")).values(last_used_at_ms=param("last_used_at_ms")))


class Keys:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def create(self, key: KeyRow, secret_hash: str) -> None:
        values = {
            "id": key.key_id,
            "tenant_id": key.tenant_id,
            "secret_hash": secret_hash,
            "scopes": " ".join(key.scopes),
            "prefix": key.prefix,
            "created_at_ms": key.created_at_ms,
            "revoked_at_ms": key.revoked_at_ms,
            "old_secret_hash": None,
            "old_secret_until_ms": None,
            "last_used_at_ms": None,
        }
        await self._writer.write([Op(_INSERT, [_INSERT.row(values | _limits(key))])])

    async def find(self, secret_hash: str, now_ms: int) -> KeyRow | None:
        query = select(KEYS).where(
            or_(
                KEYS.c.secret_hash == secret_hash,
                and_(KEYS.c.old_secret_hash == secret_hash, KEYS.c.old_secret_until_ms > now_ms),
            ),
            KEYS.c.revoked_at_ms.is_(None),
            or_(KEYS.c.expires_at_ms.is_(None), KEYS.c.expires_at_ms > now_ms),
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _key_row(row)

    async def get(self, key_id: str) -> KeyRow | None:
        async with self._reader.connect() as connection:
            row = (await connection.execute(select(KEYS).where(KEYS.c.id == key_id))).one_or_none()
        return None if row is None else _key_row(row)

    async def any_live(self) -> bool:
        query = select(KEYS.c.id).where(KEYS.c.revoked_at_ms.is_(None)).limit(1)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def list(self, tenant_id: str | None, *, limit: int, cursor: str | None) -> Page[KeyRow]:
        query = select(KEYS).order_by(KEYS.c.id).limit(limit + 1)
        if tenant_id is not None:
            query = query.where(KEYS.c.tenant_id == tenant_id)
        if cursor is not None:
            if not is_id(KEY_PREFIX, cursor):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(KEYS.c.id > cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        found = [_key_row(row) for row in rows[:limit]]
        return Page(found, found[-1].key_id if len(rows) > limit else None)

    async def limited(self) -> Sequence[KeyRow]:
        query = select(KEYS).where(KEYS.c.revoked_at_ms.is_(None), KEYS.c.max_parallel_agents.is_not(None))
        async with self._reader.connect() as connection:
            return [_key_row(row) for row in (await connection.execute(query)).all()]

    async def change(self, key: KeyRow) -> bool:
        row = _CHANGE.row({"id": key.key_id} | _limits(key))
        [affected] = await self._writer.write([Op(_CHANGE, [row])])
        return bool(affected)

    async def rotate(self, key_id: str, secret_hash: str, prefix: str, old_until_ms: int | None) -> bool:
        values = {"id": key_id, "secret_hash": secret_hash, "prefix": prefix, "old_until_ms": old_until_ms}
        [affected] = await self._writer.write([Op(_ROTATE, [_ROTATE.row(values)])])
        return bool(affected)

    async def revoke(self, key_id: str, at_ms: int) -> bool:
        row = _REVOKE.row({"id": key_id, "revoked_at_ms": at_ms})
        [affected] = await self._writer.write([Op(_REVOKE, [row])])
        return bool(affected)

    async def note_used(self, at_ms: Mapping[str, int]) -> None:
        rows = [_USED.row({"id": key_id, "last_used_at_ms": moment}) for key_id, moment in at_ms.items()]
        if rows:
            await self._writer.write([Op(_USED, rows)])


def _limits(key: KeyRow) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _LIMITS}


def _key_row(row: Any) -> KeyRow:
    return KeyRow(
        key_id=row.id,
        tenant_id=row.tenant_id,
        scopes=tuple(row.scopes.split()),
        created_at_ms=row.created_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        prefix=row.prefix,
        last_used_at_ms=row.last_used_at_ms,
        old_secret_until_ms=row.old_secret_until_ms,
        **{name: getattr(row, name) for name in _LIMITS},
    )
