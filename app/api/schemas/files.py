"""Uploaded files on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.times import Timestamp
from app.domain.events import rfc3339
from app.ports.files import FileRow


class FileOut(BaseModel):
    file_id: str = Field(examples=["fil_01JZ6M5K8Q1V3X7Y9B2D4F6H8J"])
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: Timestamp


class FilePage(BaseModel):
    items: list[FileOut]
    next_cursor: str | None


def file_json(row: FileRow) -> dict[str, Any]:
    return {
        "file_id": row.file_id,
        "name": row.name,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "created_at": rfc3339(row.created_at_ms),
    }
