from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="GraphListedOut")


@_attrs_define
class GraphListedOut:
    """
    Attributes:
        created_at (datetime.datetime): RFC 3339, UTC
        description (None | str):
        etag (str): For `If-Match`
        graph_id (str):
        name (None | str):
        revision (int): Counts its changes from 1
        task_count (int): Tasks that it lists; 0 where a planner or a decomposition makes them
        updated_at (datetime.datetime): RFC 3339, UTC
    """

    created_at: datetime.datetime
    description: None | str
    etag: str
    graph_id: str
    name: None | str
    revision: int
    task_count: int
    updated_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        description: None | str
        description = self.description

        etag = self.etag

        graph_id = self.graph_id

        name: None | str
        name = self.name

        revision = self.revision

        task_count = self.task_count

        updated_at = self.updated_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "description": description,
                "etag": etag,
                "graph_id": graph_id,
                "name": name,
                "revision": revision,
                "task_count": task_count,
                "updated_at": updated_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        etag = d.pop("etag")

        graph_id = d.pop("graph_id")

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        revision = d.pop("revision")

        task_count = d.pop("task_count")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        graph_listed_out = cls(
            created_at=created_at,
            description=description,
            etag=etag,
            graph_id=graph_id,
            name=name,
            revision=revision,
            task_count=task_count,
            updated_at=updated_at,
        )

        graph_listed_out.additional_properties = d
        return graph_listed_out

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
