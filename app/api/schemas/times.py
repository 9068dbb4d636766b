"""Times on the wire: RFC 3339 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

Timestamp = Annotated[datetime, Field(description="RFC 3339, UTC", examples=["2026-01-31T12:04:31.250Z"])]

_BEGINS_WITH_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _a_time(value: Any) -> Any:
    if isinstance(value, str) and not _BEGINS_WITH_A_DAY.match(value):
        raise ValueError("expected a time such as 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_a_time)]
"""A time that a client sends, in the query; pydantic alone takes numbers for Unix seconds, or milliseconds."""


def moment_ms(moment: datetime | None) -> int | None:
    """Return Unix milliseconds; a time without an offset is UTC, as all times of the contract are."""
    if moment is None:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
