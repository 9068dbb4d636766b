"""Message parts on the wire: the words, images and videos of a prompt or a goal."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import InvalidRequest
from app.domain.parts import check_parts

_MAX_TEXT = 4 * 1024 * 1024
_MAX_PARTS = 100
_URL = (
    "An http or https URL that the provider fetches, a data URI (`data:image/png;base64,…`), or the id of an uploaded"
    " file (`fil_…`, POST /v1/files), which becomes a data URI when the call is made"
)


class _Part(BaseModel):
    # Fields that do not exist are refused in ``parts_json``: here their place would be taken for one below the part's
    # own type, which is also the name of a field.
    model_config = ConfigDict(extra="allow", strict=True, json_schema_extra={"additionalProperties": False})


class _Address(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _url(kind: str) -> Any:
    """Return the field of the address of an image or a video; ``domain.parts`` checks it, the document tells."""
    pattern = rf"^(https?://[^\s/?#]+\S*|data:{kind}/[a-z0-9][a-z0-9.+-]*;base64,[A-Za-z0-9+/]+=*|fil_[0-9A-Za-z]+)$"
    return Field(min_length=1, description=_URL, json_schema_extra={"pattern": pattern})


class TextPart(_Part):
    type: Literal["text"]
    text: str = Field(max_length=_MAX_TEXT)


class ImageUrl(_Address):
    url: str = _url("image")
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(_Part):
    """An image, in OpenAI's shape."""

    type: Literal["image_url"]
    image_url: ImageUrl


class VideoUrl(_Address):
    """Where a video is."""

    url: str = _url("video")


class VideoPart(_Part):
    """A video, in Moonshot's shape."""

    type: Literal["video_url"]
    video_url: VideoUrl


PromptPart = Annotated[TextPart | ImagePart | VideoPart, Field(discriminator="type")]
PromptParts = Annotated[
    list[PromptPart],
    Field(
        min_length=1,
        max_length=_MAX_PARTS,
        examples=[
            [
                {"type": "text", "text": "What does this chart say?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/chart.png"}},
            ]
        ],
    ),
]


def parts_json(parts: list[PromptPart], pointer: str) -> str | list[dict[str, Any]]:
    """Return parts as they are stored and sent: as the client sent them; words alone as one text.

    Raises:
        InvalidRequest: a field that does not exist, no words, or an address that cannot be sent (``check_parts``).
    """
    for index, part in enumerate(parts):
        for name in part.model_extra or ():
            raise InvalidRequest.field(f"{pointer}/{index}/{name}", f"a part of type {part.type} has no such field")
    given = [part.model_dump(exclude_unset=True) for part in parts]
    check_parts(given, pointer)
    if all(isinstance(part, TextPart) for part in parts):
        return "\n".join(part["text"] for part in given)
    return given
