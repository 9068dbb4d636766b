from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.agent_create_tools_type_0_item_type_1 import (
        AgentCreateToolsType0ItemType1,
    )
    from ..models.swarm_config_in import SwarmConfigIn


T = TypeVar("T", bound="AgentCreate")


@_attrs_define
class AgentCreate:
    """Create an orchestrator; the same name again updates it.

    Attributes:
        model (str):
        name (None | str | Unset):
        swarm_config (None | SwarmConfigIn | Unset):
        system_prompt (None | str | Unset):
        tools (list[AgentCreateToolsType0ItemType1 | str] | None | Unset):
    """

    model: str
    name: None | str | Unset = UNSET
    swarm_config: None | SwarmConfigIn | Unset = UNSET
    system_prompt: None | str | Unset = UNSET
    tools: list[AgentCreateToolsType0ItemType1 | str] | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.agent_create_tools_type_0_item_type_1 import (
            AgentCreateToolsType0ItemType1,  # noqa: PLC0415
        )
        from ..models.swarm_config_in import SwarmConfigIn  # noqa: PLC0415

        model = self.model

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        swarm_config: dict[str, Any] | None | Unset
        if isinstance(self.swarm_config, Unset):
            swarm_config = UNSET
        elif isinstance(self.swarm_config, SwarmConfigIn):
            swarm_config = self.swarm_config.to_dict()
        else:
            swarm_config = self.swarm_config

        system_prompt: None | str | Unset
        if isinstance(self.system_prompt, Unset):
            system_prompt = UNSET
        else:
            system_prompt = self.system_prompt

        tools: list[dict[str, Any] | str] | None | Unset
        if isinstance(self.tools, Unset):
            tools = UNSET
        elif isinstance(self.tools, list):
            tools = []
            for tools_type_0_item_data in self.tools:
                tools_type_0_item: dict[str, Any] | str
                if isinstance(tools_type_0_item_data, AgentCreateToolsType0ItemType1):
                    tools_type_0_item = tools_type_0_item_data.to_dict()
                else:
                    tools_type_0_item = tools_type_0_item_data
                tools.append(tools_type_0_item)

        else:
            tools = self.tools

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "model": model,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if swarm_config is not UNSET:
            field_dict["swarm_config"] = swarm_config
        if system_prompt is not UNSET:
            field_dict["system_prompt"] = system_prompt
        if tools is not UNSET:
            field_dict["tools"] = tools

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.agent_create_tools_type_0_item_type_1 import (
            AgentCreateToolsType0ItemType1,  # noqa: PLC0415
        )
        from ..models.swarm_config_in import SwarmConfigIn  # noqa: PLC0415

        d = dict(src_dict)
        model = d.pop("model")

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_swarm_config(data: object) -> None | SwarmConfigIn | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                swarm_config_type_0 = SwarmConfigIn.from_dict(data)

                return swarm_config_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SwarmConfigIn | Unset, data)

        swarm_config = _parse_swarm_config(d.pop("swarm_config", UNSET))

        def _parse_system_prompt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        system_prompt = _parse_system_prompt(d.pop("system_prompt", UNSET))

        def _parse_tools(data: object) -> list[AgentCreateToolsType0ItemType1 | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tools_type_0 = []
                _tools_type_0 = data
                for tools_type_0_item_data in _tools_type_0:

                    def _parse_tools_type_0_item(data: object) -> AgentCreateToolsType0ItemType1 | str:
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            tools_type_0_item_type_1 = AgentCreateToolsType0ItemType1.from_dict(data)

                            return tools_type_0_item_type_1
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(AgentCreateToolsType0ItemType1 | str, data)

                    tools_type_0_item = _parse_tools_type_0_item(tools_type_0_item_data)

                    tools_type_0.append(tools_type_0_item)

                return tools_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[AgentCreateToolsType0ItemType1 | str] | None | Unset, data)

        tools = _parse_tools(d.pop("tools", UNSET))

        agent_create = cls(
            model=model,
            name=name,
            swarm_config=swarm_config,
            system_prompt=system_prompt,
            tools=tools,
        )

        agent_create.additional_properties = d
        return agent_create

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
