from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="SwarmConfigOut")


@_attrs_define
class SwarmConfigOut:
    """
    Attributes:
        aggregation_strategy (str):
        async_result_fetch (bool):
        max_parallel_agents (int):
        max_retries (int):
        retry_on_timeout (bool):
        shared_memory (bool):
        timeout_per_agent (float):
    """

    aggregation_strategy: str
    async_result_fetch: bool
    max_parallel_agents: int
    max_retries: int
    retry_on_timeout: bool
    shared_memory: bool
    timeout_per_agent: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        aggregation_strategy = self.aggregation_strategy

        async_result_fetch = self.async_result_fetch

        max_parallel_agents = self.max_parallel_agents

        max_retries = self.max_retries

        retry_on_timeout = self.retry_on_timeout

        shared_memory = self.shared_memory

        timeout_per_agent = self.timeout_per_agent

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "aggregation_strategy": aggregation_strategy,
                "async_result_fetch": async_result_fetch,
                "max_parallel_agents": max_parallel_agents,
                "max_retries": max_retries,
                "retry_on_timeout": retry_on_timeout,
                "shared_memory": shared_memory,
                "timeout_per_agent": timeout_per_agent,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        aggregation_strategy = d.pop("aggregation_strategy")

        async_result_fetch = d.pop("async_result_fetch")

        max_parallel_agents = d.pop("max_parallel_agents")

        max_retries = d.pop("max_retries")

        retry_on_timeout = d.pop("retry_on_timeout")

        shared_memory = d.pop("shared_memory")

        timeout_per_agent = d.pop("timeout_per_agent")

        swarm_config_out = cls(
            aggregation_strategy=aggregation_strategy,
            async_result_fetch=async_result_fetch,
            max_parallel_agents=max_parallel_agents,
            max_retries=max_retries,
            retry_on_timeout=retry_on_timeout,
            shared_memory=shared_memory,
            timeout_per_agent=timeout_per_agent,
        )

        swarm_config_out.additional_properties = d
        return swarm_config_out

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
