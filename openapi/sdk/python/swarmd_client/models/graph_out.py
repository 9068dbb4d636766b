from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="GraphOut")


@_attrs_define
class GraphOut:
    """A saved graph: every field as it was saved, and these.

    Attributes:
        created_at (datetime.datetime): RFC 3339, UTC
        description (None | str):
        graph_id (str):
        layout (Any):
        revision (int):
        updated_at (datetime.datetime): RFC 3339, UTC
        name (None | str | Unset):
    """

    created_at: datetime.datetime
    description: None | str
    graph_id: str
    layout: Any
    revision: int
    updated_at: datetime.datetime
    name: None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        description: None | str
        description = self.description

        graph_id = self.graph_id

        layout = self.layout

        revision = self.revision

        updated_at = self.updated_at.isoformat()

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "description": description,
                "graph_id": graph_id,
                "layout": layout,
                "revision": revision,
                "updated_at": updated_at,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name

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

        graph_id = d.pop("graph_id")

        layout = d.pop("layout")

        revision = d.pop("revision")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        graph_out = cls(
            created_at=created_at,
            description=description,
            graph_id=graph_id,
            layout=layout,
            revision=revision,
            updated_at=updated_at,
            name=name,
        )

        graph_out.additional_properties = d
        return graph_out

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
