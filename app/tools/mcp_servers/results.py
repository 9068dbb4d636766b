"""What a model is told of a call's result: text as it is, everything else by kind and size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)

_LABEL_CHARS = 500


def text_of(result: CallToolResult, max_chars: int) -> str:
    """Return at most ``max_chars`` characters; what is left out is said at the end."""
    kept: list[str] = []
    room = max_chars
    total = 0
    for part in _texts(result):
        total += len(part) + (1 if total else 0)
        if room > 0:
            kept.append(part[:room])
            room -= len(kept[-1]) + 1
    text = "\n".join(kept)
    if total <= max_chars:
        return text
    marker = f"\n[cut: the result has {total:,} characters]"
    return text[: max(max_chars - len(marker), 0)] + marker


def _texts(result: CallToolResult) -> Iterator[str]:
    for part in result.content:
        yield _text(part)
    if not result.content and result.structured_content is not None:
        try:
            yield orjson.dumps(result.structured_content).decode()
        except (TypeError, RecursionError):  # numbers over 64 bits, or nesting without end
            yield "[structured content that cannot be shown]"


def _text(part: Any) -> str:
    match part:
        case TextContent():
            return part.text
        case ImageContent():
            return f"[image {_label(part.mime_type)}, {_size(part.data)}, not shown]"
        case AudioContent():
            return f"[audio {_label(part.mime_type)}, {_size(part.data)}, not shown]"
        case ResourceLink():
            return f"[resource {_label(part.name)}: {_label(str(part.uri))}]"
        case EmbeddedResource(resource=BlobResourceContents() as blob):
            kind = _label(blob.mime_type or "of no type")
            return f"[resource {_label(str(blob.uri))}: {kind}, {_size(blob.blob)}, not shown]"
        case EmbeddedResource():
            return f"[resource {_label(str(part.resource.uri))}]\n{getattr(part.resource, 'text', '')}"
    return f"[{type(part).__name__}, not shown]"


def _label(text: str) -> str:
    return text[:_LABEL_CHARS].replace("\n", " ")


def _size(base64: str) -> str:
    return f"{len(base64) * 3 // 4 - base64[-2:].count('='):,} bytes"
