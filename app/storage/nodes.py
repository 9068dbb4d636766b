"""The nodes that share a database (``ports.nodes.NodeStore``), and what their leases mean for a claim."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ClauseElement, ColumnElement, Table, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from app.ports.runs import Lease
from app.storage.dialect import Op, Statement, Variants, compile_statement
from app.storage.dialect.expressions import clock_ms
from app.storage.node_tables import DUTIES, NODES
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import COMMANDS, SWARMS
from app.storage.writer import Writer

_MAX_IN = 500
_KEPT_MS = 86_400_000
"""How long a dead node is remembered."""


def _until_then(
    insert: sqlite.Insert | postgresql.Insert, table: Table, key: str, keeping: ColumnElement[bool] | None = None
) -> ClauseElement:
    """Insert or overwrite a row that expires after ``lease_ms``; one that is there and not to be kept stays."""
    values = {column.name: param(column.name) for column in table.columns} | {
        "expires_at_ms": clock_ms() + param("lease_ms")
    }
    made = insert.values(values)
    changing = [column.name for column in table.columns if column.name != key]
    return made.on_conflict_do_update(
        index_elements=[table.c[key]], set_={name: made.excluded[name] for name in changing}, where=keeping
    )


def _lease(table: Table, key: str, keeping: ColumnElement[bool] | None = None) -> Statement:
    inserts = (sqlite.insert(table), postgresql.insert(table))
    return compile_statement(Variants(*[_until_then(insert, table, key, keeping) for insert in inserts]))


_RENEW = _lease(NODES, "id")
_LEAVE = compile_statement(NODES.delete().where(NODES.c.id == param("id")))
_FORGET = compile_statement(NODES.delete().where(NODES.c.expires_at_ms < clock_ms() - param("kept_ms")))
_HOLD = _lease(DUTIES, "name", or_(DUTIES.c.node == param("node"), DUTIES.c.expires_at_ms < clock_ms()))
_GIVE_UP = compile_statement(DUTIES.delete().where(DUTIES.c.node == param("node")))


class Nodes:
    """Args:
    lease_s: how long a node lives after each renewal.
    """

    def __init__(self, writer: Writer, reader: Reader, lease_s: float) -> None:
        self._writer = writer
        self._reader = reader
        self.lease_s = lease_s
        self._lease_ms = round(lease_s * 1000)

    def renewal(self, node: str) -> Op:
        """Return the write that lets the node live."""
        return Op(_RENEW, [_RENEW.row({"id": node, "lease_ms": self._lease_ms})])

    async def renew(self, node: str) -> None:
        await self._writer.write([self.renewal(node), Op(_FORGET, [_FORGET.row({"kept_ms": _KEPT_MS})])])

    async def leave(self, node: str) -> None:
        await self._writer.write([Op(_LEAVE, [_LEAVE.row({"id": node})]), Op(_GIVE_UP, [_GIVE_UP.row({"node": node})])])

    async def hold(self, duty: str, node: str) -> bool:
        row = _HOLD.row({"name": duty, "node": node, "lease_ms": self._lease_ms})
        [held] = await self._writer.write([Op(_HOLD, [row])])
        return bool(held)

    async def lost(self, leases: Collection[Lease]) -> Sequence[Lease]:
        tokens = {lease.swarm_id: lease for lease in leases}
        swarm_ids = list(tokens)
        held: dict[str, int] = {}
        async with self._reader.connect() as connection:
            for start in range(0, len(swarm_ids), _MAX_IN):
                query = select(SWARMS.c.id, SWARMS.c.lease_token).where(
                    SWARMS.c.id.in_(swarm_ids[start : start + _MAX_IN])
                )
                held.update({row.id: row.lease_token for row in await connection.execute(query)})
        return [lease for lease in tokens.values() if held.get(lease.swarm_id) != lease.token]

    async def asked(self, node: str) -> Sequence[str]:
        query = (
            select(COMMANDS.c.swarm_id)
            .join(SWARMS, SWARMS.c.id == COMMANDS.c.swarm_id)
            .where(SWARMS.c.lease_owner == node)
            .distinct()
        )
        async with self._reader.connect() as connection:
            return list((await connection.execute(query)).scalars())
