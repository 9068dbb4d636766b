"""Artifacts on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.times import Timestamp
from app.domain.events import rfc3339
from app.ports.artifacts import ArtifactRow


class ArtifactOut(BaseModel):
    name: str = Field(description="May hold folders, parted by `/`")
    version: int = Field(description="From 1; the same name saved again is the next one")
    swarm_id: str
    task_id: str = Field(description="The task that saved it")
    media_type: str
    size_bytes: int
    sha256: str
    created_at: Timestamp


class ArtifactPage(BaseModel):
    items: list[ArtifactOut]
    next_cursor: str | None


def artifact_json(row: ArtifactRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "swarm_id": row.swarm_id,
        "task_id": row.task_id,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "created_at": rfc3339(row.created_at_ms),
    }
