"""Saved graphs (``ports.graphs.GraphStore``)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update

from app.ports.graphs import ALWAYS, GraphContent, GraphListed, GraphRow, GraphVersion, IfGraph
from app.ports.pages import Page
from app.storage.delivery_tables import GRAPHS
from app.storage.dialect import Op, compile_statement
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.writer import Writer

_C = GRAPHS.c
_CONTENT = ("name", "description", "tasks", "body", "layout", "digest")
_THIS = and_(_C.tenant_id == param("tenant_id"), _C.id == param("id"))
_IS_VERSION = and_(
    or_(param("if_revision").is_(None), _C.revision == param("if_revision")),
    or_(param("if_digest").is_(None), _C.digest == param("if_digest")),
)
_UPDATE = compile_statement(
    update(GRAPHS)
    .where(_THIS, _IS_VERSION)
    .values(
        {name: param(name) for name in _CONTENT} | {"revision": _C.revision + 1, "updated_at_ms": param("at_ms")},
    ),
    locked=("tenant_id", "id"),
)
_INSERT = compile_statement(
    insert(GRAPHS).from_select(
        ["tenant_id", "id", *_CONTENT, "revision", "created_at_ms", "updated_at_ms"],
        select(
            param("tenant_id"), param("id"), *[param(name) for name in _CONTENT], 1, param("at_ms"), param("at_ms")
        ).where(~select(_C.id).where(_THIS).exists()),
    ),
    locked=("tenant_id", "id"),
)
_DELETE = compile_statement(delete(GRAPHS).where(_THIS, _IS_VERSION))
_LISTED = select(*_C["id", "name", "description", "tasks", "digest", "revision", "created_at_ms", "updated_at_ms"])


class Graphs:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[GraphListed]:
        query = _LISTED.where(_C.tenant_id == tenant_id)
        if cursor is not None:
            query = query.where(_C.id > cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(_C.id).limit(limit + 1))).all()
        found = [GraphListed(**_listed(row)) for row in rows[:limit]]
        return Page(found, found[-1].graph_id if len(rows) > limit else None)

    async def get(self, tenant_id: str, graph_id: str) -> GraphRow | None:
        query = _LISTED.add_columns(*_C["body", "layout"]).where(_C.tenant_id == tenant_id, _C.id == graph_id)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else GraphRow(**_listed(row), body=row.body, layout=row.layout)

    async def count(self, tenant_id: str) -> int:
        query = select(func.count()).select_from(GRAPHS).where(_C.tenant_id == tenant_id)
        async with self._reader.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def put(
        self, tenant_id: str, graph_id: str, content: GraphContent, at_ms: int, condition: IfGraph = ALWAYS
    ) -> bool:
        values = _named(tenant_id, graph_id, condition) | {"at_ms": at_ms}
        values |= {name: getattr(content, name) for name in _CONTENT}
        ops = []
        if condition.exists is not False:
            ops.append(Op(_UPDATE, [_UPDATE.row(values)]))
        if not condition.needs_one:
            ops.append(Op(_INSERT, [_INSERT.row(values)]))
        return any(await self._writer.write(ops))

    async def delete(self, tenant_id: str, graph_id: str, condition: IfGraph = ALWAYS) -> bool:
        [removed] = await self._writer.write([Op(_DELETE, [_DELETE.row(_named(tenant_id, graph_id, condition))])])
        return bool(removed)


def _named(tenant_id: str, graph_id: str, condition: IfGraph) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "id": graph_id,
        "if_revision": condition.revision,
        "if_digest": condition.digest,
    }


def _listed(row: Any) -> dict[str, Any]:
    return {
        "graph_id": row.id,
        "name": row.name,
        "description": row.description,
        "tasks": row.tasks,
        "version": GraphVersion(revision=row.revision, digest=row.digest),
        "created_at_ms": row.created_at_ms,
        "updated_at_ms": row.updated_at_ms,
    }
