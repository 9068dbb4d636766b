"""Texts that conform to the string keywords of a JSON schema: format, pattern, lengths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.providers.offline.patterns import fitting
from app.providers.offline.reading import clean
from app.providers.offline.text import shorten
from app.providers.offline.values import Content, date_value, text_value

MAX_TEXT = 4000


def schema_text(schema: Mapping[str, Any], name: str, content: Content, index: int | None) -> str:
    """A text for the field ``name`` that conforms to ``schema``."""
    form = schema.get("format")
    if isinstance(form, str) and form in _FORMATS:
        return _formatted(form, content, index)
    own = text_value(name, content, index)
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _fits(pattern, own):
        return clean(fitting(pattern, index or 0))
    return bounded(own, schema)


def _fits(pattern: str, text: str) -> bool:
    """Whether a short text fits; short because a hostile expression takes exponential time in its length."""
    if len(text) > 12 or len(pattern) > 200:
        return False
    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError, OverflowError, FutureWarning):
        return False


_FORMATS = frozenset(
    {"date", "date-time", "time", "email", "uri", "url", "uuid", "hostname", "ipv4", "ipv6", "duration"}
)


def _formatted(form: str, content: Content, index: int | None) -> str:
    if form in {"date", "date-time"}:
        return date_value(content) + ("T00:00:00Z" if form == "date-time" else "")
    if form in {"email", "uri", "url"}:
        return text_value(form, content, index)
    fixed = {
        "time": "00:00:00Z",
        "hostname": "example.com",
        "ipv4": "192.0.2.1",
        "ipv6": "2001:db8::1",
        "duration": "PT1H",
    }
    return fixed.get(form, f"00000000-0000-4000-8000-{(index or 0) + 1:012d}")


def bounded(text: str, schema: Mapping[str, Any]) -> str:
    """``text`` cut or repeated to the lengths that ``schema`` allows."""
    least = min(whole_number(schema.get("minLength")), 100_000)
    most = whole_number(schema.get("maxLength"), max(MAX_TEXT, least))
    text = shorten(text, most) if most > 1 else text[:most]
    while len(text) < least:
        text = (text + " " + (text or "text"))[: max(least, len(text) + 1)]
    return text


def is_number(value: Any) -> bool:
    """Whether a keyword holds a usable number; JSON's true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def whole_number(value: Any, default: int = 0) -> int:
    """A count as a keyword gives it; ``default`` where it is missing or senseless."""
    return int(value) if is_number(value) and value >= 0 else default
