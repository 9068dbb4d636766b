"""What nodes tell each other (``ports.signs.SignStore``)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.ports.signs import Sign
from app.storage.dialect import Op, Variants, compile_statement
from app.storage.dialect.expressions import clock_ms
from app.storage.node_tables import SIGNS
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.writer import Writer


def _say(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    values = {name: param(name) for name in ("name", "version", "node", "body")}
    made = insert.values(values | {"said_at_ms": clock_ms()})
    return made.on_conflict_do_update(
        index_elements=[SIGNS.c.name],
        set_={name: made.excluded[name] for name in ("version", "node", "body", "said_at_ms")},
        where=SIGNS.c.version < made.excluded.version,
    )


_SAY = compile_statement(Variants(_say(sqlite.insert(SIGNS)), _say(postgresql.insert(SIGNS))))
_STANDING = select(
    SIGNS.c.name, SIGNS.c.version, SIGNS.c.node, SIGNS.c.body, (clock_ms() - SIGNS.c.said_at_ms).label("age_ms")
).order_by(SIGNS.c.name)


class Signs:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def say(self, signs: Sequence[Sign]) -> None:
        rows = [
            _SAY.row({"name": sign.name, "version": sign.version, "node": sign.node, "body": sign.body})
            for sign in sorted(signs, key=lambda sign: sign.name)
        ]
        await self._writer.write([Op(_SAY, rows)])

    async def standing(self) -> Sequence[Sign]:
        async with self._reader.connect() as connection:
            rows = (await connection.execute(_STANDING)).all()
        return [
            Sign(name=row.name, version=row.version, node=row.node, body=row.body, age_s=max(row.age_ms, 0) / 1000)
            for row in rows
        ]
