"""Times on the wire: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

Timestamp = Annotated[datetime, Field(description="RFC 3339, UTC", examples=["2026-01-31T12:04:31.250Z"])]


def moment_ms(moment: datetime | None) -> int | None:
    """Return Unix milliseconds; a time without an offset is UTC, as all times of the contract are."""
    if moment is None:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
