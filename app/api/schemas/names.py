"""Names on the wire that clients choose: what the document says of them; ``services.naming`` checks them."""

from __future__ import annotations

from typing import Any

NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
"""No control characters and line breaks, as in ``services.naming.check_name``."""


def own_name(max_chars: int) -> dict[str, Any]:
    """Return what JSON Schema says of such a name."""
    return {"minLength": 1, "maxLength": max_chars, "pattern": NO_CONTROL}
