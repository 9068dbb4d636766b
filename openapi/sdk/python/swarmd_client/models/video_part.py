from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.video_url import VideoUrl


T = TypeVar("T", bound="VideoPart")


@_attrs_define
class VideoPart:
    """A video, in Moonshot's shape.

    Attributes:
        type_ (Literal['video_url']):
        video_url (VideoUrl): Where a video is.
    """

    type_: Literal["video_url"]
    video_url: VideoUrl

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        video_url = self.video_url.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "type": type_,
                "video_url": video_url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.video_url import VideoUrl  # noqa: PLC0415

        d = dict(src_dict)
        type_ = cast(Literal["video_url"], d.pop("type"))
        if type_ != "video_url":
            raise ValueError(f"type must match const 'video_url', got '{type_}'")

        video_url = VideoUrl.from_dict(d.pop("video_url"))

        video_part = cls(
            type_=type_,
            video_url=video_url,
        )

        return video_part
