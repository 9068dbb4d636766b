"""Times on the wire: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

Timestamp = Annotated[datetime, Field(description="RFC 3339, UTC", examples=["2026-01-31T12:04:31.250Z"])]
