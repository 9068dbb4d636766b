from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.swarm_config_out import SwarmConfigOut


T = TypeVar("T", bound="AgentOut")


@_attrs_define
class AgentOut:
    """An orchestrator.

    Attributes:
        agent_id (str):
        created_at (datetime.datetime): RFC 3339, UTC
        kind (str): orchestrator
        model (str):
        name (str):
        swarm_config (SwarmConfigOut):
        system_prompt (None | str):
        tools (list[Any]):
        updated_at (datetime.datetime): RFC 3339, UTC
        warnings (list[str]): What is stored but not available in this version, or was ignored
    """

    agent_id: str
    created_at: datetime.datetime
    kind: str
    model: str
    name: str
    swarm_config: SwarmConfigOut
    system_prompt: None | str
    tools: list[Any]
    updated_at: datetime.datetime
    warnings: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agent_id = self.agent_id

        created_at = self.created_at.isoformat()

        kind = self.kind

        model = self.model

        name = self.name

        swarm_config = self.swarm_config.to_dict()

        system_prompt: None | str
        system_prompt = self.system_prompt

        tools = self.tools

        updated_at = self.updated_at.isoformat()

        warnings = self.warnings

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent_id": agent_id,
                "created_at": created_at,
                "kind": kind,
                "model": model,
                "name": name,
                "swarm_config": swarm_config,
                "system_prompt": system_prompt,
                "tools": tools,
                "updated_at": updated_at,
                "warnings": warnings,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.swarm_config_out import SwarmConfigOut  # noqa: PLC0415

        d = dict(src_dict)
        agent_id = d.pop("agent_id")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        kind = d.pop("kind")

        model = d.pop("model")

        name = d.pop("name")

        swarm_config = SwarmConfigOut.from_dict(d.pop("swarm_config"))

        def _parse_system_prompt(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        system_prompt = _parse_system_prompt(d.pop("system_prompt"))

        tools = cast(list[Any], d.pop("tools"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        warnings = cast(list[str], d.pop("warnings"))

        agent_out = cls(
            agent_id=agent_id,
            created_at=created_at,
            kind=kind,
            model=model,
            name=name,
            swarm_config=swarm_config,
            system_prompt=system_prompt,
            tools=tools,
            updated_at=updated_at,
            warnings=warnings,
        )

        agent_out.additional_properties = d
        return agent_out

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
