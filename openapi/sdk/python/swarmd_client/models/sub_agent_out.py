from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="SubAgentOut")


@_attrs_define
class SubAgentOut:
    """A sub-agent: the worker of one task.

    Attributes:
        agent_id (str):
        kind (str): sub_agent
        orchestrator_id (str):
        status (str):
        swarm_id (str):
        task_id (str):
    """

    agent_id: str
    kind: str
    orchestrator_id: str
    status: str
    swarm_id: str
    task_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agent_id = self.agent_id

        kind = self.kind

        orchestrator_id = self.orchestrator_id

        status = self.status

        swarm_id = self.swarm_id

        task_id = self.task_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent_id": agent_id,
                "kind": kind,
                "orchestrator_id": orchestrator_id,
                "status": status,
                "swarm_id": swarm_id,
                "task_id": task_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        agent_id = d.pop("agent_id")

        kind = d.pop("kind")

        orchestrator_id = d.pop("orchestrator_id")

        status = d.pop("status")

        swarm_id = d.pop("swarm_id")

        task_id = d.pop("task_id")

        sub_agent_out = cls(
            agent_id=agent_id,
            kind=kind,
            orchestrator_id=orchestrator_id,
            status=status,
            swarm_id=swarm_id,
            task_id=task_id,
        )

        sub_agent_out.additional_properties = d
        return sub_agent_out

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
