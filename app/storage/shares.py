"""What each node may use of limits that hold for all (``ports.shares.ShareStore``)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects import postgresql, sqlite

from app.ports.shares import Ask, ShareRow
from app.storage.dialect import Op, Variants, compile_statement
from app.storage.dialect.expressions import clock_ms, greatest, least, total
from app.storage.node_tables import NODES, SHARES
from app.storage.parameters import param
from app.storage.writer import Writer

_OTHERS = SHARES.alias("others")
_MINE = SHARES.alias("mine")


def _alive(node: ColumnElement[str]) -> ColumnElement[bool]:
    return select(NODES.c.id).where(NODES.c.id == node, NODES.c.expires_at_ms > clock_ms()).exists()


_TAKEN = (
    select(func.coalesce(total(greatest(_OTHERS.c.share, _OTHERS.c.used)), 0))
    .where(_OTHERS.c.pool == param("pool"), _OTHERS.c.node != param("node"), _alive(_OTHERS.c.node))
    .scalar_subquery()
)


def _take(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    values = {name: param(name) for name in ("pool", "node", "demand", "used")}
    made = insert.values(values | {"share": least(param("wanted"), greatest(param("most") - _TAKEN, 0))})
    return made.on_conflict_do_update(
        index_elements=[SHARES.c.pool, SHARES.c.node],
        set_={name: made.excluded[name] for name in ("demand", "used", "share")},
    )


_TAKE = compile_statement(Variants(_take(sqlite.insert(SHARES)), _take(postgresql.insert(SHARES))), locked=("pool",))
_STANDING = compile_statement(
    select(SHARES.c.pool, SHARES.c.node, SHARES.c.demand, SHARES.c.share)
    .where(
        SHARES.c.pool.in_(select(_MINE.c.pool).where(_MINE.c.node == param("node"))),
        (SHARES.c.node == param("node")) | _alive(SHARES.c.node),
    )
    .order_by(SHARES.c.pool, SHARES.c.node)
)
_FORGET = compile_statement(SHARES.delete().where(SHARES.c.node != param("node"), ~_alive(SHARES.c.node)))
_GIVE_BACK = compile_statement(SHARES.delete().where(SHARES.c.pool == param("pool"), SHARES.c.node == param("node")))


class Shares:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def take(
        self, node: str, asks: Sequence[Ask], given_back: Collection[str] = ()
    ) -> Mapping[str, Sequence[ShareRow]]:
        who = {"node": node}
        takes = [
            _TAKE.row(
                who
                | {"pool": ask.pool, "demand": ask.demand, "used": ask.used, "wanted": ask.wanted, "most": ask.limit}
            )
            for ask in asks
        ]
        ops = [Op(_FORGET, [_FORGET.row(who)])]
        if given_back:
            ops.append(Op(_GIVE_BACK, [_GIVE_BACK.row(who | {"pool": pool}) for pool in given_back]))
        if takes:
            ops.append(Op(_TAKE, takes))
        *_, rows = await self._writer.write([*ops, Op(_STANDING, [_STANDING.row(who)], fetch=True)])
        found: dict[str, list[ShareRow]] = {ask.pool: [] for ask in asks}
        for pool, *standing in rows:
            if pool in found:
                found[pool].append(ShareRow(*standing))
        return found
