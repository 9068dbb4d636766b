from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SwarmConfigIn")


@_attrs_define
class SwarmConfigIn:
    """How an orchestrator runs its work; a field that does not exist is named in `warnings` and ignored.

    Attributes:
        aggregation_strategy (None | str | Unset):
        async_result_fetch (bool | None | Unset):
        max_parallel_agents (int | None | Unset):
        max_retries (int | None | Unset):
        retry_on_timeout (bool | None | Unset):
        shared_memory (bool | None | Unset):
        timeout_per_agent (float | None | Unset): Seconds; default 30
    """

    aggregation_strategy: None | str | Unset = UNSET
    async_result_fetch: bool | None | Unset = UNSET
    max_parallel_agents: int | None | Unset = UNSET
    max_retries: int | None | Unset = UNSET
    retry_on_timeout: bool | None | Unset = UNSET
    shared_memory: bool | None | Unset = UNSET
    timeout_per_agent: float | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        aggregation_strategy: None | str | Unset
        if isinstance(self.aggregation_strategy, Unset):
            aggregation_strategy = UNSET
        else:
            aggregation_strategy = self.aggregation_strategy

        async_result_fetch: bool | None | Unset
        if isinstance(self.async_result_fetch, Unset):
            async_result_fetch = UNSET
        else:
            async_result_fetch = self.async_result_fetch

        max_parallel_agents: int | None | Unset
        if isinstance(self.max_parallel_agents, Unset):
            max_parallel_agents = UNSET
        else:
            max_parallel_agents = self.max_parallel_agents

        max_retries: int | None | Unset
        if isinstance(self.max_retries, Unset):
            max_retries = UNSET
        else:
            max_retries = self.max_retries

        retry_on_timeout: bool | None | Unset
        if isinstance(self.retry_on_timeout, Unset):
            retry_on_timeout = UNSET
        else:
            retry_on_timeout = self.retry_on_timeout

        shared_memory: bool | None | Unset
        if isinstance(self.shared_memory, Unset):
            shared_memory = UNSET
        else:
            shared_memory = self.shared_memory

        timeout_per_agent: float | None | Unset
        if isinstance(self.timeout_per_agent, Unset):
            timeout_per_agent = UNSET
        else:
            timeout_per_agent = self.timeout_per_agent

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if aggregation_strategy is not UNSET:
            field_dict["aggregation_strategy"] = aggregation_strategy
        if async_result_fetch is not UNSET:
            field_dict["async_result_fetch"] = async_result_fetch
        if max_parallel_agents is not UNSET:
            field_dict["max_parallel_agents"] = max_parallel_agents
        if max_retries is not UNSET:
            field_dict["max_retries"] = max_retries
        if retry_on_timeout is not UNSET:
            field_dict["retry_on_timeout"] = retry_on_timeout
        if shared_memory is not UNSET:
            field_dict["shared_memory"] = shared_memory
        if timeout_per_agent is not UNSET:
            field_dict["timeout_per_agent"] = timeout_per_agent

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_aggregation_strategy(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        aggregation_strategy = _parse_aggregation_strategy(d.pop("aggregation_strategy", UNSET))

        def _parse_async_result_fetch(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        async_result_fetch = _parse_async_result_fetch(d.pop("async_result_fetch", UNSET))

        def _parse_max_parallel_agents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_parallel_agents = _parse_max_parallel_agents(d.pop("max_parallel_agents", UNSET))

        def _parse_max_retries(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_retries = _parse_max_retries(d.pop("max_retries", UNSET))

        def _parse_retry_on_timeout(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        retry_on_timeout = _parse_retry_on_timeout(d.pop("retry_on_timeout", UNSET))

        def _parse_shared_memory(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        shared_memory = _parse_shared_memory(d.pop("shared_memory", UNSET))

        def _parse_timeout_per_agent(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        timeout_per_agent = _parse_timeout_per_agent(d.pop("timeout_per_agent", UNSET))

        swarm_config_in = cls(
            aggregation_strategy=aggregation_strategy,
            async_result_fetch=async_result_fetch,
            max_parallel_agents=max_parallel_agents,
            max_retries=max_retries,
            retry_on_timeout=retry_on_timeout,
            shared_memory=shared_memory,
            timeout_per_agent=timeout_per_agent,
        )

        swarm_config_in.additional_properties = d
        return swarm_config_in

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
