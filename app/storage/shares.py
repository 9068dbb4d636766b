"""What each node may use of a provider's limits (``ports.shares.ShareStore``)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects import postgresql, sqlite

from app.ports.shares import ShareRow
from app.storage.dialect import Op, Variants, compile_statement
from app.storage.dialect.expressions import clock_ms, greatest, least, total
from app.storage.node_tables import NODES, SHARES
from app.storage.parameters import param
from app.storage.writer import Writer

_OTHERS = SHARES.alias("others")


def _alive(node: ColumnElement[str]) -> ColumnElement[bool]:
    return select(NODES.c.id).where(NODES.c.id == node, NODES.c.expires_at_ms > clock_ms()).exists()


_TAKEN = (
    select(func.coalesce(total(_OTHERS.c.share), 0))
    .where(_OTHERS.c.provider == param("provider"), _OTHERS.c.node != param("node"), _alive(_OTHERS.c.node))
    .scalar_subquery()
)


def _take(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    values = {name: param(name) for name in ("provider", "node", "demand")}
    made = insert.values(values | {"share": least(param("wanted"), greatest(param("most") - _TAKEN, 0))})
    return made.on_conflict_do_update(
        index_elements=[SHARES.c.provider, SHARES.c.node],
        set_={"demand": made.excluded.demand, "share": made.excluded.share},
    )


_TAKE = compile_statement(
    Variants(_take(sqlite.insert(SHARES)), _take(postgresql.insert(SHARES))), locked=("provider",)
)
_STANDING = compile_statement(
    select(SHARES.c.node, SHARES.c.demand, SHARES.c.share)
    .where(SHARES.c.provider == param("provider"), (SHARES.c.node == param("node")) | _alive(SHARES.c.node))
    .order_by(SHARES.c.node)
)
_FORGET = compile_statement(
    SHARES.delete().where(
        SHARES.c.provider == param("provider"), SHARES.c.node != param("node"), ~_alive(SHARES.c.node)
    )
)


class Shares:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def take(self, provider: str, node: str, *, demand: int, wanted: int, limit: int) -> Sequence[ShareRow]:
        who = {"provider": provider, "node": node}
        take = _TAKE.row(who | {"demand": demand, "wanted": wanted, "most": limit})
        _, _, rows = await self._writer.write(
            [
                Op(_FORGET, [_FORGET.row(who)]),
                Op(_TAKE, [take]),
                Op(_STANDING, [_STANDING.row(who)], fetch=True),
            ]
        )
        return [ShareRow(*row) for row in rows]
