from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define

from ..models.rows_in_priority_name import RowsInPriorityName
from ..models.rows_in_tier_type_0 import RowsInTierType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="RowsIn")


@_attrs_define
class RowsIn:
    """Rows of a table, or any list, in balanced chunks: one task a chunk.

    Attributes:
        strategy (Literal['rows']):
        complexity (int | None | Unset):
        data (list[Any] | None | Unset): Any JSON values, in order; or `path`
        max_output_tokens (int | None | Unset):
        model (None | str | Unset):
        num_agents (int | None | Unset): Chunks; default one a row, 100 at most
        output_schema (Any | Unset): JSON Schema of every task's output
        path (None | str | Unset): A table to take the rows from: CSV, TSV, JSON or JSON lines, an uploaded file by id
            or name, or a file of the service's workspace
        priority (int | None | RowsInPriorityName | Unset): 1-10, 10 runs first; or low, normal, high, critical
        prompt (None | str | Unset): What to do with each chunk
        role (None | str | Unset):
        tier (None | RowsInTierType0 | Unset):
    """

    strategy: Literal["rows"]
    complexity: int | None | Unset = UNSET
    data: list[Any] | None | Unset = UNSET
    max_output_tokens: int | None | Unset = UNSET
    model: None | str | Unset = UNSET
    num_agents: int | None | Unset = UNSET
    output_schema: Any | Unset = UNSET
    path: None | str | Unset = UNSET
    priority: int | None | RowsInPriorityName | Unset = UNSET
    prompt: None | str | Unset = UNSET
    role: None | str | Unset = UNSET
    tier: None | RowsInTierType0 | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        strategy = self.strategy

        complexity: int | None | Unset
        if isinstance(self.complexity, Unset):
            complexity = UNSET
        else:
            complexity = self.complexity

        data: list[Any] | None | Unset
        if isinstance(self.data, Unset):
            data = UNSET
        elif isinstance(self.data, list):
            data = self.data

        else:
            data = self.data

        max_output_tokens: int | None | Unset
        if isinstance(self.max_output_tokens, Unset):
            max_output_tokens = UNSET
        else:
            max_output_tokens = self.max_output_tokens

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        num_agents: int | None | Unset
        if isinstance(self.num_agents, Unset):
            num_agents = UNSET
        else:
            num_agents = self.num_agents

        output_schema = self.output_schema

        path: None | str | Unset
        if isinstance(self.path, Unset):
            path = UNSET
        else:
            path = self.path

        priority: int | None | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, RowsInPriorityName):
            priority = self.priority.value
        else:
            priority = self.priority

        prompt: None | str | Unset
        if isinstance(self.prompt, Unset):
            prompt = UNSET
        else:
            prompt = self.prompt

        role: None | str | Unset
        if isinstance(self.role, Unset):
            role = UNSET
        else:
            role = self.role

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, RowsInTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "strategy": strategy,
            }
        )
        if complexity is not UNSET:
            field_dict["complexity"] = complexity
        if data is not UNSET:
            field_dict["data"] = data
        if max_output_tokens is not UNSET:
            field_dict["max_output_tokens"] = max_output_tokens
        if model is not UNSET:
            field_dict["model"] = model
        if num_agents is not UNSET:
            field_dict["num_agents"] = num_agents
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if path is not UNSET:
            field_dict["path"] = path
        if priority is not UNSET:
            field_dict["priority"] = priority
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if role is not UNSET:
            field_dict["role"] = role
        if tier is not UNSET:
            field_dict["tier"] = tier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        strategy = cast(Literal["rows"], d.pop("strategy"))
        if strategy != "rows":
            raise ValueError(f"strategy must match const 'rows', got '{strategy}'")

        def _parse_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        complexity = _parse_complexity(d.pop("complexity", UNSET))

        def _parse_data(data: object) -> list[Any] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                data_type_0 = cast(list[Any], data)

                return data_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None | Unset, data)

        data = _parse_data(d.pop("data", UNSET))

        def _parse_max_output_tokens(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_output_tokens = _parse_max_output_tokens(d.pop("max_output_tokens", UNSET))

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_num_agents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        num_agents = _parse_num_agents(d.pop("num_agents", UNSET))

        output_schema = d.pop("output_schema", UNSET)

        def _parse_path(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        path = _parse_path(d.pop("path", UNSET))

        def _parse_priority(data: object) -> int | None | RowsInPriorityName | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = RowsInPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(int | None | RowsInPriorityName | Unset, data)

        priority = _parse_priority(d.pop("priority", UNSET))

        def _parse_prompt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        prompt = _parse_prompt(d.pop("prompt", UNSET))

        def _parse_role(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        role = _parse_role(d.pop("role", UNSET))

        def _parse_tier(data: object) -> None | RowsInTierType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = RowsInTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RowsInTierType0 | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        rows_in = cls(
            strategy=strategy,
            complexity=complexity,
            data=data,
            max_output_tokens=max_output_tokens,
            model=model,
            num_agents=num_agents,
            output_schema=output_schema,
            path=path,
            priority=priority,
            prompt=prompt,
            role=role,
            tier=tier,
        )

        return rows_in
