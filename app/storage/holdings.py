"""What each node holds of the accounts (``ports.holdings.HoldingStore``).

What is left of an account is summed up where it is written: usage, what runs have reserved, what other nodes hold. All
three change by payments and takes only, which lock the account, or become less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.domain.swarm import PAUSED_BY_CREDITS, PAUSED_BY_KEY, SWARM_ACTIVE
from app.ports.holdings import Holding, Payment
from app.storage.account_tables import CREDITS
from app.storage.dialect import Op, Statement, Variants, compile_statement
from app.storage.dialect.expressions import clock_ms, greatest, least, total
from app.storage.node_tables import HOLDINGS, NODES
from app.storage.nodes import Nodes
from app.storage.parameters import param
from app.storage.tables import KEYS, SWARMS, USAGE
from app.storage.writer import Writer

_LOCKED = ("kind", "owner")
_OTHERS = HOLDINGS.alias("others")
_EARLIER = CREDITS.alias("earlier")
_ITS = (HOLDINGS.c.kind == param("kind")) & (HOLDINGS.c.owner == param("owner"))
_MINE = _ITS & (HOLDINGS.c.node == param("node"))
_COST = USAGE.c.cost_nano_usd + USAGE.c.unsettled_nano_usd
_LIVE = select(NODES.c.id).where(NODES.c.expires_at_ms > clock_ms())


def _sum(value: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.coalesce(total(value), 0)).where(*where).scalar_subquery()


def _reserved(whose: ColumnElement[bool]) -> ColumnElement[int]:
    return _sum(SWARMS.c.reserved_nano_usd, SWARMS.c.status.in_(sorted(SWARM_ACTIVE)), whose)


def _look(left: ColumnElement[Any]) -> Statement:
    """Write down what is left for a node; what it holds is decided by that, in the next statement."""

    def build(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
        zero = dict.fromkeys(("held_nano_usd", "short_nano_usd"), 0)
        made = insert.values({name: param(name) for name in ("kind", "owner", "node")} | zero | {"left_nano_usd": left})
        return made.on_conflict_do_update(
            index_elements=[HOLDINGS.c[name] for name in ("kind", "owner", "node")],
            set_={"left_nano_usd": made.excluded.left_nano_usd},
        )

    variants = Variants(build(sqlite.insert(HOLDINGS)), build(postgresql.insert(HOLDINGS)))
    return compile_statement(variants, locked=_LOCKED)


_BESIDE = _sum(
    _OTHERS.c.held_nano_usd,
    _OTHERS.c.kind == param("kind"),
    _OTHERS.c.owner == param("owner"),
    _OTHERS.c.node != param("node"),
)
_DAYS = (
    select(total(_COST).label("cost"))
    .where(USAGE.c.key_id == param("owner"), USAGE.c.day >= param("day"))
    .group_by(USAGE.c.day)
    .subquery()
)
_DAY = select(func.coalesce(func.max(_DAYS.c.cost), 0)).scalar_subquery()
_CAP_OF_KEY = select(KEYS.c.max_cost_per_day_nano_usd).where(KEYS.c.id == param("owner")).scalar_subquery()
_GIVEN = (
    select(CREDITS.c.balance_nano_usd + CREDITS.c.usage_nano_usd)
    .where(
        CREDITS.c.tenant_id == param("owner"),
        CREDITS.c.position
        == select(func.max(_EARLIER.c.position)).where(_EARLIER.c.tenant_id == param("owner")).scalar_subquery(),
    )
    .scalar_subquery()
)
_LOOK = {
    PAUSED_BY_KEY: _look(_CAP_OF_KEY - _DAY - _reserved(SWARMS.c.key_id == param("owner")) - _BESIDE),
    PAUSED_BY_CREDITS: _look(
        func.coalesce(_GIVEN, 0)
        - _sum(_COST, USAGE.c.tenant_id == param("owner"))
        - _reserved(SWARMS.c.tenant_id == param("owner"))
        - _BESIDE
    ),
}
_LEFT = HOLDINGS.c.left_nano_usd
_LACKS = param("least") > _LEFT
_KEPT = least(HOLDINGS.c.held_nano_usd, param("out"))
_IS_SHORT = _LACKS & (param("least") > param("out"))
_TAKE = compile_statement(
    update(HOLDINGS)
    .where(_MINE)
    .values(
        held_nano_usd=case(
            (_LEFT.is_(None), 0),
            (_LACKS, greatest(_KEPT, least(_LEFT, param("out")), 0)),
            else_=least(_LEFT, param("most")),
        ),
        short_nano_usd=case((_IS_SHORT, param("least") - param("out")), else_=0),
    ),
    locked=_LOCKED,
)
_STANDING = compile_statement(
    select(HOLDINGS.c.node, HOLDINGS.c.held_nano_usd, HOLDINGS.c.left_nano_usd, HOLDINGS.c.short_nano_usd).where(_ITS)
)
_FORGET = compile_statement(
    HOLDINGS.delete().where(_ITS, HOLDINGS.c.node != param("node"), HOLDINGS.c.node.not_in(_LIVE)), locked=_LOCKED
)
_ENDED = or_(HOLDINGS.c.node == param("node"), HOLDINGS.c.node.not_in(_LIVE))
_GIVE_UP = compile_statement(HOLDINGS.delete().where(_ENDED))
_PAY = compile_statement(
    update(HOLDINGS)
    .where(_MINE, HOLDINGS.c.held_nano_usd >= param("nano_usd"))
    .values(held_nano_usd=HOLDINGS.c.held_nano_usd - param("nano_usd")),
    locked=_LOCKED,
)
_PAY_ANYHOW = compile_statement(
    update(HOLDINGS).where(_MINE).values(held_nano_usd=greatest(HOLDINGS.c.held_nano_usd - param("nano_usd"), 0)),
    locked=_LOCKED,
)
"""For what was spent already, be it more than was reserved for it."""


def payment_ops(payments: Sequence[Payment]) -> list[Op]:
    """Return the writes of a commit's payments; a fenced one that is not covered undoes the commit."""
    ops = []
    for payment in payments:
        row = {name: getattr(payment, name) for name in ("kind", "owner", "node", "nano_usd")}
        statement = _PAY if payment.is_fenced else _PAY_ANYHOW
        ops.append(Op(statement, [statement.row(row)], expect=1 if payment.is_fenced else None))
    return ops


class Holdings:
    def __init__(self, writer: Writer, nodes: Nodes) -> None:
        self._writer = writer
        self._nodes = nodes
        self.lease_s = nodes.lease_s

    async def take(self, kind: str, owner: str, node: str, day: str, *, out: int, least: int, most: int) -> Holding:
        its = {"kind": kind, "owner": owner, "node": node}
        look = _LOOK[kind]
        *_, rows = await self._writer.write(
            [
                self._nodes.renewal(node),
                Op(_FORGET, [_FORGET.row(its)]),
                Op(look, [look.row(its | {"day": day})]),
                Op(_TAKE, [_TAKE.row(its | {"out": out, "least": least, "most": most})]),
                Op(_STANDING, [_STANDING.row(its)], fetch=True),
            ]
        )
        [(held, left)] = [row[1:3] for row in rows if row[0] == node]
        others = [row for row in rows if row[0] != node]
        return Holding(
            held_nano_usd=held,
            left_nano_usd=left,
            others_nano_usd=sum(row[1] for row in others),
            others_short=any(row[3] for row in others),
        )

    async def give_up(self, node: str) -> None:
        await self._writer.write([Op(_GIVE_UP, [_GIVE_UP.row({"node": node})])])
