"""Saved graphs: kept, changed without losing what another editor saved meanwhile, removed."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.errors import Conflict, NotFound, PreconditionFailed
from app.ports.clock import Clock
from app.ports.graphs import ALWAYS, GraphContent, GraphListed, GraphRow, GraphStore, IfGraph
from app.ports.pages import Page


@dataclass(frozen=True, slots=True)
class GraphService:
    """``max_graphs`` of one tenant."""

    store: GraphStore
    clock: Clock
    max_graphs: int

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[GraphListed]:
        return await self.store.list(tenant_id, limit=limit, cursor=cursor)

    async def get(self, tenant_id: str, graph_id: str) -> GraphRow:
        found = await self.store.get(tenant_id, graph_id)
        if found is None:
            raise NotFound("graph", graph_id)
        return found

    async def put(
        self, tenant_id: str, graph_id: str, content: GraphContent, condition: IfGraph = ALWAYS
    ) -> tuple[GraphRow, bool]:
        """Save a graph; return it, and whether it is new. What is saved already is left as it is, revision included.

        Raises:
            PreconditionFailed: ``condition`` does not hold, and it is not the same content either.
            Conflict: the tenant has as many graphs as may be kept.
        """
        kept = await self.store.get(tenant_id, graph_id)
        if kept is not None and kept.version.digest == content.digest and condition.exists is not False:
            return kept, False
        if kept is None and await self.store.count(tenant_id) >= self.max_graphs:
            raise Conflict(f"there are {self.max_graphs} saved graphs already; delete one (DELETE /v1/graphs/{{id}})")
        if not await self.store.put(tenant_id, graph_id, content, self.clock.now_ms(), condition):
            raise _not_as_expected(graph_id, await self.store.get(tenant_id, graph_id))
        return await self.get(tenant_id, graph_id), kept is None

    async def delete(self, tenant_id: str, graph_id: str, condition: IfGraph = ALWAYS) -> None:
        """Raises:
        NotFound: there is none.
        PreconditionFailed: ``condition`` does not hold.
        """
        if not await self.store.delete(tenant_id, graph_id, condition):
            raise _not_as_expected(graph_id, await self.get(tenant_id, graph_id))


def _not_as_expected(graph_id: str, found: GraphRow | None) -> PreconditionFailed:
    if found is None:
        return PreconditionFailed(f"there is no graph {graph_id!r} any more; send it without a condition to make it")
    return PreconditionFailed(
        f"graph {graph_id!r} is not as this request expects it: it is at revision {found.version.revision}; get it"
        " again, and send your change with its ETag"
    )
