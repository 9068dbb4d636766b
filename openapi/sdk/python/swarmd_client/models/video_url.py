from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="VideoUrl")


@_attrs_define
class VideoUrl:
    """Where a video is.

    Attributes:
        url (str): An http or https URL that the provider fetches, a data URI (`data:image/png;base64,…`), or the id of
            an uploaded file (`fil_…`, POST /v1/files), which becomes a data URI when the call is made
    """

    url: str

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "url": url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        url = d.pop("url")

        video_url = cls(
            url=url,
        )

        return video_url
