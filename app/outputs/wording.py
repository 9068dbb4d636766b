"""How pointers and values are shown in errors: short, whatever their size."""

from __future__ import annotations

from typing import Any

import orjson

_SHOWN = 60


def escape(key: str) -> str:
    """Return ``key`` as one reference token of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def shortened(text: str, limit: int) -> str:
    """Return ``text`` with its middle cut out where it has more than ``limit`` characters."""
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def shown(value: Any) -> str:
    """Return a scalar as JSON, a container by its kind and size."""
    if isinstance(value, dict):
        return f"an object with {len(value)} keys" if len(value) != 1 else "an object with 1 key"
    if isinstance(value, list):
        return f"an array of {len(value)} items" if len(value) != 1 else "an array of 1 item"
    if isinstance(value, str):
        value = shortened(value, _SHOWN)
    return orjson.dumps(value).decode()


def listed(values: list[Any], limit: int = 5) -> str:
    """Return the first ``limit`` of ``values`` by commas, and how many more there are."""
    first = ", ".join(shown(value) for value in values[:limit])
    return first if len(values) <= limit else f"{first} and {len(values) - limit} more"
