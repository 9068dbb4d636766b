"""Saved graphs on the wire: what ``POST /v1/swarms`` takes, and what an editor keeps beside it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.insights import SimulationOut
from app.api.schemas.swarm_create import SwarmCreate
from app.api.schemas.tasks import TaskId, time_json
from app.api.schemas.times import Timestamp
from app.api.schemas.webhooks import WebhookIn, WebhookUrl
from app.domain.errors import InvalidRequest, PreconditionFailed
from app.ports.graphs import GraphContent, GraphListed, GraphRow, GraphVersion, IfGraph

GraphId = Annotated[
    str, Field(min_length=1, max_length=100, pattern="^[a-z0-9][a-z0-9_.-]*$", examples=["quarterly-report"])
]

_OWN = ("graph_id", "revision", "created_at", "updated_at")
"""What the service says of a graph; an editor may send it back as it came."""

ETAG = r'"[1-9][0-9]{0,8}-[0-9a-f]{16}"'
"""Form of an ETag, as a regular expression."""


class GraphIn(SwarmCreate):
    """A graph to save: whatever `POST /v1/swarms` takes, with a description and a layout.

    What `GET` answers may be sent back, changed: `graph_id` has to be the path's, `revision` the newest.
    """

    description: str | None = Field(None, max_length=20_000)
    layout: Any = Field(None, description="The editor's own: kept and given back as it is", examples=[{"a": [0, 40]}])
    graph_id: str | None = Field(None, description="Read-only")
    revision: int | None = Field(None, ge=1, description="The revision that is changed; another one there is a 412")
    created_at: str | None = Field(None, description="Read-only")
    updated_at: str | None = Field(None, description="Read-only")


class GraphListedOut(BaseModel):
    graph_id: str
    name: str | None
    description: str | None
    task_count: int = Field(description="Tasks that it lists; 0 where a planner or a decomposition makes them")
    revision: int = Field(description="Counts its changes from 1")
    etag: str = Field(description="For `If-Match`", examples=['"3-9f86d081884c7d65"'])
    created_at: Timestamp
    updated_at: Timestamp


class GraphPage(BaseModel):
    items: list[GraphListedOut]
    next_cursor: str | None


class GraphOut(BaseModel):
    """A saved graph: every field as it was saved, and these."""

    model_config = ConfigDict(extra="allow")

    graph_id: str
    name: str | None = None
    description: str | None
    layout: Any
    revision: int
    created_at: Timestamp
    updated_at: Timestamp


class GraphRun(BaseModel):
    """What is different in one run of a saved graph; each field wins over the saved one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(None, min_length=1, max_length=200)
    model: str | None = Field(None, min_length=1, max_length=200)
    inputs: dict[TaskId, Any] = Field(
        default_factory=dict,
        max_length=20_000,
        description="`data` by task id: an object is merged over the saved one, field by field, else it replaces it",
        examples=[{"collect": {"quarter": "2026-Q3"}}],
    )
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=900, description="Merged over the saved one")
    webhook: WebhookUrl | WebhookIn | None = None

    def applied_to(self, graph: GraphRow) -> dict[str, Any]:
        """Return the body of ``POST /v1/swarms`` that this run stands for.

        Raises:
            InvalidRequest: inputs of a task that the graph does not list.
        """
        body: dict[str, Any] = orjson.loads(graph.body)
        body |= {name: value for name in ("name", "model") if (value := getattr(self, name)) is not None}
        if self.webhook is not None:
            body["webhook"] = self.webhook if isinstance(self.webhook, str) else self.webhook.model_dump()
        tasks = {task.get("id") or task.get("task_id"): task for task in body.get("tasks") or ()}
        for task_id, data in self.inputs.items():
            task = tasks.get(task_id)
            if task is None:
                raise InvalidRequest.field("/inputs", f"graph {graph.graph_id!r} lists no task {task_id!r}")
            saved = task.get("data")
            task["data"] = saved | data if isinstance(saved, dict) and isinstance(data, dict) else data
        marks = {"graph_id": graph.graph_id, "graph_revision": graph.version.revision}
        body["metadata"] = {**body.get("metadata", {}), **self.metadata, **marks}
        return body


class GraphProblemOut(BaseModel):
    """What is wrong with a graph."""

    pointer: str = Field(description="RFC 6901 JSON pointer into the request", examples=["/tasks/2/depends_on/0"])
    detail: str
    code: str = Field(examples=["dependency_cycle"])
    path: list[str] | None = Field(description="Of a cycle: its tasks, the first one repeated at the end")


class GraphValidationOut(BaseModel):
    valid: bool = Field(description="Whether `POST /v1/swarms` would start it as of now")
    problems: list[GraphProblemOut]
    warnings: list[str] = Field(description="What would be missing, and what the prediction cannot tell")
    task_count: int | None = Field(description="null where the tasks could not be read")
    levels: int | None = Field(description="Tasks of the longest chain of dependencies")
    widths: list[int] | None = Field(description="Tasks of each level, first to last")
    prediction: SimulationOut | None = Field(description="As `POST /v1/swarms/simulate`; null where it is not valid")


def content_of(value: Mapping[str, Any], graph: GraphIn, max_bytes: int) -> GraphContent:
    """Return what is saved of a request.

    Args:
        value: the body as it came; ``graph`` is the same, checked.

    Raises:
        InvalidRequest: too large, or with a secret in it.
    """
    if isinstance(graph.webhook, WebhookIn) and graph.webhook.secret is not None:
        detail = "is not saved: leave it out, and the tenant's signs, or send the webhook with each run"
        raise InvalidRequest.field("/webhook/secret", detail)
    body = orjson.dumps({name: item for name, item in value.items() if name not in {*_OWN, "description", "layout"}})
    layout = None if graph.layout is None else orjson.dumps(graph.layout)
    size = len(body) + len(layout or b"")
    if size > max_bytes:
        raise InvalidRequest.field("", f"the graph has {size} bytes; at most {max_bytes} are saved")
    digest = sha256(orjson.dumps([graph.description, body.decode(), (layout or b"").decode()])).hexdigest()[:16]
    return GraphContent(
        name=graph.name,
        description=graph.description,
        tasks=len(graph.tasks or ()),
        body=body.decode(),
        layout=None if layout is None else layout.decode(),
        digest=digest,
    )


def etag_of(version: GraphVersion) -> str:
    return f'"{version.revision}-{version.digest}"'


def condition_of(if_match: str | None, if_none_match: str | None) -> IfGraph:
    """Return what the headers of a request ask for (RFC 9110, 13.1), which have the form of ``ETAG`` or ``*``.

    Raises:
        PreconditionFailed: both, which never holds.
    """
    if if_none_match is not None:
        if if_match is not None:
            raise PreconditionFailed("If-Match and If-None-Match never hold both; send one of them")
        return IfGraph(exists=False)
    if if_match is None:
        return IfGraph()
    if if_match == "*":
        return IfGraph(exists=True)
    revision, _, digest = if_match.strip('"').partition("-")
    return IfGraph(revision=int(revision), digest=digest)


def graph_listed_json(row: GraphListed) -> dict[str, Any]:
    return {
        "graph_id": row.graph_id,
        "name": row.name,
        "description": row.description,
        "task_count": row.tasks,
        "revision": row.version.revision,
        "etag": etag_of(row.version),
        "created_at": time_json(row.created_at_ms),
        "updated_at": time_json(row.updated_at_ms),
    }


def graph_row_json(row: GraphRow) -> dict[str, Any]:
    saved: dict[str, Any] = orjson.loads(row.body)
    return saved | {
        "graph_id": row.graph_id,
        "description": row.description,
        "layout": None if row.layout is None else orjson.loads(row.layout),
        "revision": row.version.revision,
        "created_at": time_json(row.created_at_ms),
        "updated_at": time_json(row.updated_at_ms),
    }
