"""Saved graphs: what ``POST /v1/swarms`` takes, kept under a name of the client's, with an editor's layout beside it.

One method is one transaction, durable (fsync) before it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.ports.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphVersion:
    """Which content of a graph is meant: ``revision`` counts its changes from 1, ``digest`` is of the content.

    Only both together are of one content for ever: a graph that was deleted and made anew counts from 1 again.
    """

    revision: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphContent:
    """What a client saves: ``body`` is the JSON text of what a run takes, ``layout`` that of the editor's own."""

    name: str | None
    description: str | None
    tasks: int
    body: str
    layout: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphListed:
    """A graph without its content; ``tasks`` are those that it lists, 0 where a planner makes them."""

    graph_id: str
    name: str | None
    description: str | None
    tasks: int
    version: GraphVersion
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRow(GraphListed):
    body: str
    layout: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IfGraph:
    """On what condition a graph is written or removed.

    Attributes:
        exists: True: there is one; False: there is none; None: either.
        revision: there is one, at this revision.
        digest: there is one, of this content.
    """

    exists: bool | None = None
    revision: int | None = None
    digest: str | None = None

    @property
    def needs_one(self) -> bool:
        return bool(self.exists) or self.revision is not None or self.digest is not None


ALWAYS = IfGraph()


class GraphStore(Protocol):
    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[GraphListed]:
        """In the order of their ids; the cursor is the last id of the page before."""
        ...

    async def get(self, tenant_id: str, graph_id: str) -> GraphRow | None: ...

    async def count(self, tenant_id: str) -> int: ...

    async def put(
        self, tenant_id: str, graph_id: str, content: GraphContent, at_ms: int, condition: IfGraph = ALWAYS
    ) -> bool:
        """Write a graph, a revision more than it had; False, and nothing written, where ``condition`` does not hold."""
        ...

    async def delete(self, tenant_id: str, graph_id: str, condition: IfGraph = ALWAYS) -> bool:
        """Remove a graph; False, and nothing removed, where there is none or ``condition`` does not hold."""
        ...
