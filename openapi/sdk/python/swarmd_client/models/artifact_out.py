from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ArtifactOut")


@_attrs_define
class ArtifactOut:
    """
    Attributes:
        created_at (datetime.datetime): RFC 3339, UTC
        media_type (str):
        name (str): May hold folders, parted by `/`
        sha256 (str):
        size_bytes (int):
        swarm_id (str):
        task_id (str): The task that saved it
        version (int): From 1; the same name saved again is the next one
    """

    created_at: datetime.datetime
    media_type: str
    name: str
    sha256: str
    size_bytes: int
    swarm_id: str
    task_id: str
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        media_type = self.media_type

        name = self.name

        sha256 = self.sha256

        size_bytes = self.size_bytes

        swarm_id = self.swarm_id

        task_id = self.task_id

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "media_type": media_type,
                "name": name,
                "sha256": sha256,
                "size_bytes": size_bytes,
                "swarm_id": swarm_id,
                "task_id": task_id,
                "version": version,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        media_type = d.pop("media_type")

        name = d.pop("name")

        sha256 = d.pop("sha256")

        size_bytes = d.pop("size_bytes")

        swarm_id = d.pop("swarm_id")

        task_id = d.pop("task_id")

        version = d.pop("version")

        artifact_out = cls(
            created_at=created_at,
            media_type=media_type,
            name=name,
            sha256=sha256,
            size_bytes=size_bytes,
            swarm_id=swarm_id,
            task_id=task_id,
            version=version,
        )

        artifact_out.additional_properties = d
        return artifact_out

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
