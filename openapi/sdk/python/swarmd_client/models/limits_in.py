from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="LimitsIn")


@_attrs_define
class LimitsIn:
    """
    Attributes:
        batch_pause_s (float | None | Unset): Rest behind `batch_size` calls; 1 second without it
        batch_size (int | None | Unset): Calls that start in a row, before none does for `batch_pause_s`
        max_agents (int | Unset): Of a goal: sub-agents that its planner may ask for Default: 300.
        max_parallel_agents (int | Unset):  Default: 100.
        max_steps (int | None | Unset): Model calls of the run; default 4,000, more where the tasks need more
        task_timeout_s (float | Unset):  Default: 120.0.
        timeout_s (float | None | Unset): Of the whole run
    """

    batch_pause_s: float | None | Unset = UNSET
    batch_size: int | None | Unset = UNSET
    max_agents: int | Unset = 300
    max_parallel_agents: int | Unset = 100
    max_steps: int | None | Unset = UNSET
    task_timeout_s: float | Unset = 120.0
    timeout_s: float | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        batch_pause_s: float | None | Unset
        if isinstance(self.batch_pause_s, Unset):
            batch_pause_s = UNSET
        else:
            batch_pause_s = self.batch_pause_s

        batch_size: int | None | Unset
        if isinstance(self.batch_size, Unset):
            batch_size = UNSET
        else:
            batch_size = self.batch_size

        max_agents = self.max_agents

        max_parallel_agents = self.max_parallel_agents

        max_steps: int | None | Unset
        if isinstance(self.max_steps, Unset):
            max_steps = UNSET
        else:
            max_steps = self.max_steps

        task_timeout_s = self.task_timeout_s

        timeout_s: float | None | Unset
        if isinstance(self.timeout_s, Unset):
            timeout_s = UNSET
        else:
            timeout_s = self.timeout_s

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if batch_pause_s is not UNSET:
            field_dict["batch_pause_s"] = batch_pause_s
        if batch_size is not UNSET:
            field_dict["batch_size"] = batch_size
        if max_agents is not UNSET:
            field_dict["max_agents"] = max_agents
        if max_parallel_agents is not UNSET:
            field_dict["max_parallel_agents"] = max_parallel_agents
        if max_steps is not UNSET:
            field_dict["max_steps"] = max_steps
        if task_timeout_s is not UNSET:
            field_dict["task_timeout_s"] = task_timeout_s
        if timeout_s is not UNSET:
            field_dict["timeout_s"] = timeout_s

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_batch_pause_s(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        batch_pause_s = _parse_batch_pause_s(d.pop("batch_pause_s", UNSET))

        def _parse_batch_size(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        batch_size = _parse_batch_size(d.pop("batch_size", UNSET))

        max_agents = d.pop("max_agents", UNSET)

        max_parallel_agents = d.pop("max_parallel_agents", UNSET)

        def _parse_max_steps(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_steps = _parse_max_steps(d.pop("max_steps", UNSET))

        task_timeout_s = d.pop("task_timeout_s", UNSET)

        def _parse_timeout_s(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        timeout_s = _parse_timeout_s(d.pop("timeout_s", UNSET))

        limits_in = cls(
            batch_pause_s=batch_pause_s,
            batch_size=batch_size,
            max_agents=max_agents,
            max_parallel_agents=max_parallel_agents,
            max_steps=max_steps,
            task_timeout_s=task_timeout_s,
            timeout_s=timeout_s,
        )

        return limits_in
