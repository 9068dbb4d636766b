"""API keys (``ports.keys.KeyStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from app.ports.keys import KeyRow
from app.storage.dialect import Op, compile_sqlite
from app.storage.reader import Reader
from app.storage.statements import param
from app.storage.tables import KEYS
from app.storage.writer import Writer

_INSERT = compile_sqlite(insert(KEYS))
_REVOKE = compile_sqlite(
    update(KEYS)
    .where(KEYS.c.id == param("id"), KEYS.c.revoked_at_ms.is_(None))
    .values(revoked_at_ms=param("revoked_at_ms"))
)


class Keys:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def create(self, key: KeyRow, secret_hash: str) -> None:
        values = {
            "id": key.key_id,
            "tenant_id": key.tenant_id,
            "name": key.name,
            "secret_hash": secret_hash,
            "scopes": " ".join(key.scopes),
            "max_cost_per_day_nano_usd": key.max_cost_per_day_nano_usd,
            "created_at_ms": key.created_at_ms,
            "revoked_at_ms": key.revoked_at_ms,
        }
        await self._writer.write([Op(_INSERT, [_INSERT.row(values)])])

    async def find(self, secret_hash: str) -> KeyRow | None:
        query = select(KEYS).where(KEYS.c.secret_hash == secret_hash, KEYS.c.revoked_at_ms.is_(None))
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

    async def list(self) -> Sequence[KeyRow]:
        async with self._reader.connect() as connection:
            rows = (await connection.execute(select(KEYS).order_by(KEYS.c.id))).all()
        return [_key_row(row) for row in rows]

    async def revoke(self, key_id: str, at_ms: int) -> bool:
        row = _REVOKE.row({"id": key_id, "revoked_at_ms": at_ms})
        [affected] = await self._writer.write([Op(_REVOKE, [row])])
        return bool(affected)


def _key_row(row: Any) -> KeyRow:
    return KeyRow(
        key_id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_at_ms=row.created_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        max_cost_per_day_nano_usd=row.max_cost_per_day_nano_usd,
    )
