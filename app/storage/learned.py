"""What nodes have learned of providers' limits together (``ports.learned.LearnedStore``)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.ports import learned as port
from app.storage.dialect import Op, Variants, compile_statement
from app.storage.dialect.expressions import clock_ms, greatest
from app.storage.node_tables import LEARNED
from app.storage.parameters import param
from app.storage.writer import Writer

_LEAST_MILLI = 10
_KEPT_MS = 600_000


def _add(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    made = insert.values(
        {"lane": param("lane"), "milli": greatest(param("own"), _LEAST_MILLI), "told_at_ms": clock_ms()}
    )
    return made.on_conflict_do_update(
        index_elements=[LEARNED.c.lane],
        set_={"milli": greatest(LEARNED.c.milli + param("change"), _LEAST_MILLI), "told_at_ms": clock_ms()},
    )


_ADD = compile_statement(Variants(_add(sqlite.insert(LEARNED)), _add(postgresql.insert(LEARNED))))
_FORGET = compile_statement(LEARNED.delete().where(LEARNED.c.told_at_ms < clock_ms() - param("kept_ms")))
_ALL = compile_statement(select(LEARNED.c.lane, LEARNED.c.milli).order_by(LEARNED.c.lane))


class Learned:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, learned: Mapping[str, port.Learned]) -> Mapping[str, float]:
        rows = [
            _ADD.row({"lane": lane, "own": round(one.limit * 1000), "change": round(one.change * 1000)})
            for lane, one in sorted(learned.items())
        ]
        ops = [Op(_FORGET, [_FORGET.row({"kept_ms": _KEPT_MS})])]
        if rows:
            ops.append(Op(_ADD, rows))
        *_, found = await self._writer.write([*ops, Op(_ALL, [_ALL.row({})], fetch=True)])
        return {lane: milli / 1000 for lane, milli in found}
