from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.swarm_out import SwarmOut
    from ..models.task_out import TaskOut


T = TypeVar("T", bound="SnapshotOut")


@_attrs_define
class SnapshotOut:
    """The swarm and all its tasks as of one and the same event.

    Attributes:
        seq (int):
        swarm (SwarmOut):
        tasks (list[TaskOut]):
    """

    seq: int
    swarm: SwarmOut
    tasks: list[TaskOut]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        seq = self.seq

        swarm = self.swarm.to_dict()

        tasks = []
        for tasks_item_data in self.tasks:
            tasks_item = tasks_item_data.to_dict()
            tasks.append(tasks_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "seq": seq,
                "swarm": swarm,
                "tasks": tasks,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.swarm_out import SwarmOut  # noqa: PLC0415
        from ..models.task_out import TaskOut  # noqa: PLC0415

        d = dict(src_dict)
        seq = d.pop("seq")

        swarm = SwarmOut.from_dict(d.pop("swarm"))

        tasks = []
        _tasks = d.pop("tasks")
        for tasks_item_data in _tasks:
            tasks_item = TaskOut.from_dict(tasks_item_data)

            tasks.append(tasks_item)

        snapshot_out = cls(
            seq=seq,
            swarm=swarm,
            tasks=tasks,
        )

        snapshot_out.additional_properties = d
        return snapshot_out

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
