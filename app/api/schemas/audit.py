"""The audit log on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.times import Timestamp
from app.domain.events import rfc3339
from app.ports.audit import AuditRow


class AuditEntryOut(BaseModel):
    audit_id: str = Field(examples=["aud_01JZ6M5K8Q1V3X7Y9B2D4F6H8J"])
    at: Timestamp
    key_id: str | None = Field(description="Key that was used; null: local mode, or the command line")
    action: str = Field(examples=["key.created"])
    object: str | None = Field(description="Id or name of what it was done to")
    detail: dict[str, Any] | None = Field(description="Further facts; never a secret")
    remote: str | None = Field(description="Address that the request came from; null: the command line")


class AuditPage(BaseModel):
    items: list[AuditEntryOut]
    next_cursor: str | None


def audit_json(row: AuditRow) -> dict[str, Any]:
    return {
        "audit_id": row.audit_id,
        "at": rfc3339(row.at_ms),
        "key_id": row.actor,
        "action": row.action,
        "object": row.object,
        "detail": row.detail,
        "remote": row.remote,
    }
