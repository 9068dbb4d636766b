"""Message parts: images and videos beside the words of a prompt, in OpenAI's shape (Moonshot's for videos).

A prompt with parts is stored as the list that the client sent, in its place in the payload; a prompt in words stays a
string. What a part costs is told by an upper bound, never by the bytes of its data: those are no tokens.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.errors import InvalidRequest
from app.domain.values import value

TEXT, IMAGE, VIDEO = "text", "image_url", "video_url"
MEDIA = (IMAGE, VIDEO)
"""Types of parts that hold no words, and the name of the field that holds their address."""

UPLOAD_PREFIX = "fil_"
"""Begins the id of an uploaded file, which may stand where an address does."""

Part = Mapping[str, Any]
Content = str | Sequence[Part]
"""What a message may hold: words, or parts of the types ``text``, ``image_url`` and ``video_url``."""

EXPECTED_IMAGE_TOKENS, EXPECTED_VIDEO_TOKENS = 2_000, 20_000
"""A guess for what may be wrong (choice of a model, forecasts, room for other texts): a picture of 1920 x 1080, half a
minute of video as Kimi K2.5 reads them."""

_BEGINS = '{"prompt":['
_AROUND_TOKENS = 16
"""What a chat template puts around a part."""

_DATA = re.compile(r"data:([a-z]+)/[a-z0-9][a-z0-9.+-]*;base64,", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_ID = re.compile(UPLOAD_PREFIX + r"[0-9A-Za-z]{1,64}")
_KINDS = {IMAGE: "image", VIDEO: "video"}
_SHOWN_CHARS = 32


@value(kw_only=True)
class PartTokens:
    """The most tokens that a model makes of one part.

    The defaults hold for models of which nothing is known. Image: 48,169 is the dearest that is known, of gpt-4o-mini
    (OpenAI's images and vision guide, 2026: 2,833 and 5,667 for each of at most 8 tiles). Video: as many as the largest
    contexts hold, for the frames of a long one are not bounded otherwise.
    """

    image: int = 49_152
    video: int = 1_048_576

    def of(self, part: Part) -> int:
        return _AROUND_TOKENS + (self.video if part["type"] == VIDEO else self.image)


UNKNOWN_PART_TOKENS = PartTokens()


def pictured(payload: str) -> bool:
    """Whether a stored payload has a prompt of parts; payloads are stored with their prompt first."""
    return payload.startswith(_BEGINS)


def pictures_of(content: Content | None) -> list[dict[str, Any]]:
    """Return the images and videos, in their order."""
    if content is None or isinstance(content, str):
        return []
    return [dict(part) for part in content if part.get("type") in MEDIA]


def words_of(content: Content) -> str:
    """Return the words; a part that has none is named by its type, such as ``[image_url]``."""
    if isinstance(content, str):
        return content
    words = [part["text"] if isinstance(part.get("text"), str) else f"[{part.get('type', 'part')}]" for part in content]
    return "\n".join(words)


def url_of(part: Part) -> str:
    """Return the address of an image or video: http(s), a data URI, or the id of an upload; empty where it has none."""
    held = part.get(part["type"])
    url = held.get("url") if isinstance(held, Mapping) else None
    return url if isinstance(url, str) else ""


def with_url(part: Part, url: str) -> dict[str, Any]:
    """Return the part with another address."""
    return {**part, part["type"]: {**part[part["type"]], "url": url}}


def measured(payload: str, tokens: PartTokens) -> tuple[str, int]:
    """Return a payload with the words of its prompt alone, and the most tokens that its images and videos are."""
    if not pictured(payload):
        return payload, 0
    fields = json.loads(payload)
    parts: list[Part] = fields["prompt"]
    fields["prompt"] = words_of(parts)
    most = sum(_AROUND_TOKENS if part["type"] == TEXT else tokens.of(part) for part in parts)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")), most


def expected_tokens(pictures: Sequence[Part]) -> int:
    """Return a guess of what images and videos are in tokens."""
    return sum(EXPECTED_VIDEO_TOKENS if part["type"] == VIDEO else EXPECTED_IMAGE_TOKENS for part in pictures)


def shown(content: Content) -> Any:
    """Return a prompt as it is shown to people: data URIs by their beginning and how long they are."""
    if isinstance(content, str):
        return content
    return [with_url(part, _shortened(url_of(part))) if part["type"] in MEDIA else dict(part) for part in content]


def _shortened(url: str) -> str:
    begins = _DATA.match(url)
    if begins is None or len(url) <= begins.end() + _SHOWN_CHARS:
        return url
    return f"{url[: begins.end() + _SHOWN_CHARS]}… ({len(url)} characters)"


def check_parts(parts: Sequence[Part], pointer: str) -> None:
    """Check parts of the known types: some words, and addresses that can be sent.

    Args:
        pointer: JSON pointer of the list.

    Raises:
        InvalidRequest: no words; an address that is neither http(s) nor a data URI of the part's kind nor an upload.
    """
    for index, part in enumerate(parts):
        if part["type"] in MEDIA:
            _check_url(url_of(part), part["type"], f"{pointer}/{index}/{part['type']}/url")
    if not any(part["type"] == TEXT and part["text"].strip() for part in parts):
        raise InvalidRequest.field(pointer, "expected some words: a part of type text that is not blank")


def _check_url(url: str, part_type: str, pointer: str) -> None:
    kind = _KINDS[part_type]
    if url[:5].lower() == "data:":
        begins = _DATA.match(url)
        if begins is None:
            raise InvalidRequest.field(pointer, f"expected a data URI as in data:{kind}/…;base64,…")
        if begins.group(1).lower() != kind:
            detail = f"expected a data URI of media type {kind}/*, not {begins.group(1)[:40]}/*"
            raise InvalidRequest.field(pointer, detail)
        _check_base64(url[begins.end() :], pointer)
    elif url.startswith(UPLOAD_PREFIX):
        if not _ID.fullmatch(url):
            raise InvalidRequest.field(pointer, "expected the id of an uploaded file, as POST /v1/files gave it")
    elif not _WEB.fullmatch(url):
        detail = f"expected an http or https URL, data:{kind}/…;base64,… or the id of an uploaded file (fil_…)"
        raise InvalidRequest.field(pointer, detail)


def _check_base64(text: str, pointer: str) -> None:
    try:
        empty = not base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest.field(pointer, f"the data is not base64: {exc}") from exc
    if empty:
        raise InvalidRequest.field(pointer, "the data URI holds no data")
