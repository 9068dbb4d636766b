"""What the mock model says of the images and videos it was sent: how many, of which types, how large. It sees none."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from app.ports.provider import JsonObject

_KINDS = {"image_url": "image", "video_url": "video"}


def parts_of(messages: Sequence[Any]) -> list[JsonObject]:
    """Return what is known of each image and video, oldest first: ``type`` and ``url``, for data URIs instead of the
    latter ``media_type``, ``bytes`` and ``sha256`` of the content."""
    found: list[JsonObject] = []
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping) and part.get("type") in _KINDS:
                held = part.get(part["type"])
                url = held.get("url") if isinstance(held, Mapping) else held
                found.append({"type": part["type"], **_described(url if isinstance(url, str) else "")})
    return found


def parts_told(messages: Sequence[Any]) -> str:
    """Return a line on the images and videos of a request; empty where there are none."""
    told = [
        f"{_KINDS[one['type']]} ({one['media_type']}, {one['bytes']} bytes)"
        if "bytes" in one
        else f"{_KINDS[one['type']]} ({one['url']})"
        for one in parts_of(messages)
    ]
    return f"Parts received: {len(told)}: {', '.join(told)}" if told else ""


def _described(url: str) -> JsonObject:
    header, comma, data = url.partition(",")
    if not (comma and header.startswith("data:")):
        return {"url": url[:200].encode(errors="replace").decode()}
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        content = data.encode(errors="replace")
    media_type = header.removeprefix("data:").partition(";")[0]
    return {"media_type": media_type, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
