"""Images and videos for tests, small and real enough to be told by their first bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2

from app.ports.provider import ChatProvider
from tests.support.service import in_process


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int = 1) -> bytes:
    """A black square of so many pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (side + 1) * side)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


PNG = png()
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 40


def data_uri(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


WEB_IMAGE = image("https://example.com/chart.png")


@asynccontextmanager
async def seeing(data_dir: Path, provider: ChatProvider, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a service whose only endpoint is ``provider``, with the model ``seer`` by default."""
    if "providers" not in settings:
        settings = {"provider_base_url": "http://127.0.0.1:9/v1", "default_model": "seer"} | settings
    with mock.patch("app.endpoints.OpenAIChat", return_value=provider):
        async with in_process(data_dir, **settings) as client:
            yield client
