from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.spawn_priority_name import SpawnPriorityName
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.spawn_input_data import SpawnInputData


T = TypeVar("T", bound="Spawn")


@_attrs_define
class Spawn:
    """Start one sub-agent in the background; further fields reach it as they are.

    Attributes:
        task_type (str):
        capability_tags (list[str] | Unset):
        input_data (SpawnInputData | Unset):
        priority (int | SpawnPriorityName | Unset):  Default: 5.
    """

    task_type: str
    capability_tags: list[str] | Unset = UNSET
    input_data: SpawnInputData | Unset = UNSET
    priority: int | SpawnPriorityName | Unset = 5
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        task_type = self.task_type

        capability_tags: list[str] | Unset = UNSET
        if not isinstance(self.capability_tags, Unset):
            capability_tags = self.capability_tags

        input_data: dict[str, Any] | Unset = UNSET
        if not isinstance(self.input_data, Unset):
            input_data = self.input_data.to_dict()

        priority: int | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, SpawnPriorityName):
            priority = self.priority.value
        else:
            priority = self.priority

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "task_type": task_type,
            }
        )
        if capability_tags is not UNSET:
            field_dict["capability_tags"] = capability_tags
        if input_data is not UNSET:
            field_dict["input_data"] = input_data
        if priority is not UNSET:
            field_dict["priority"] = priority

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.spawn_input_data import SpawnInputData  # noqa: PLC0415

        d = dict(src_dict)
        task_type = d.pop("task_type")

        capability_tags = cast(list[str], d.pop("capability_tags", UNSET))

        _input_data = d.pop("input_data", UNSET)
        input_data: SpawnInputData | Unset
        if isinstance(_input_data, Unset):
            input_data = UNSET
        else:
            input_data = SpawnInputData.from_dict(_input_data)

        def _parse_priority(data: object) -> int | SpawnPriorityName | Unset:
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = SpawnPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(int | SpawnPriorityName | Unset, data)

        priority = _parse_priority(d.pop("priority", UNSET))

        spawn = cls(
            task_type=task_type,
            capability_tags=capability_tags,
            input_data=input_data,
            priority=priority,
        )

        spawn.additional_properties = d
        return spawn

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
