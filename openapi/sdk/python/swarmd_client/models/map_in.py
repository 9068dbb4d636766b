from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define

from ..models.map_in_priority_name import MapInPriorityName
from ..models.map_in_tier_type_0 import MapInTierType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="MapIn")


@_attrs_define
class MapIn:
    """A prompt template, filled in for each item.

    Attributes:
        items (list[Any]): Any JSON values
        prompt (str): `{item}`, `{item.field}` (dots go deeper) and `{index}` (from 0) are filled in; `{{` is a brace
        strategy (Literal['map']):
        complexity (int | None | Unset):
        max_output_tokens (int | None | Unset):
        model (None | str | Unset):
        output_schema (Any | Unset): JSON Schema of every task's output
        priority (int | MapInPriorityName | None | Unset): 1-10, 10 runs first; or low, normal, high, critical
        role (None | str | Unset):
        tier (MapInTierType0 | None | Unset):
    """

    items: list[Any]
    prompt: str
    strategy: Literal["map"]
    complexity: int | None | Unset = UNSET
    max_output_tokens: int | None | Unset = UNSET
    model: None | str | Unset = UNSET
    output_schema: Any | Unset = UNSET
    priority: int | MapInPriorityName | None | Unset = UNSET
    role: None | str | Unset = UNSET
    tier: MapInTierType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        items = self.items

        prompt = self.prompt

        strategy = self.strategy

        complexity: int | None | Unset
        if isinstance(self.complexity, Unset):
            complexity = UNSET
        else:
            complexity = self.complexity

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

        output_schema = self.output_schema

        priority: int | None | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, MapInPriorityName):
            priority = self.priority.value
        else:
            priority = self.priority

        role: None | str | Unset
        if isinstance(self.role, Unset):
            role = UNSET
        else:
            role = self.role

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, MapInTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "items": items,
                "prompt": prompt,
                "strategy": strategy,
            }
        )
        if complexity is not UNSET:
            field_dict["complexity"] = complexity
        if max_output_tokens is not UNSET:
            field_dict["max_output_tokens"] = max_output_tokens
        if model is not UNSET:
            field_dict["model"] = model
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if priority is not UNSET:
            field_dict["priority"] = priority
        if role is not UNSET:
            field_dict["role"] = role
        if tier is not UNSET:
            field_dict["tier"] = tier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        items = cast(list[Any], d.pop("items"))

        prompt = d.pop("prompt")

        strategy = cast(Literal["map"], d.pop("strategy"))
        if strategy != "map":
            raise ValueError(f"strategy must match const 'map', got '{strategy}'")

        def _parse_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        complexity = _parse_complexity(d.pop("complexity", UNSET))

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

        output_schema = d.pop("output_schema", UNSET)

        def _parse_priority(data: object) -> int | MapInPriorityName | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = MapInPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(int | MapInPriorityName | None | Unset, data)

        priority = _parse_priority(d.pop("priority", UNSET))

        def _parse_role(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        role = _parse_role(d.pop("role", UNSET))

        def _parse_tier(data: object) -> MapInTierType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = MapInTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(MapInTierType0 | None | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        map_in = cls(
            items=items,
            prompt=prompt,
            strategy=strategy,
            complexity=complexity,
            max_output_tokens=max_output_tokens,
            model=model,
            output_schema=output_schema,
            priority=priority,
            role=role,
            tier=tier,
        )

        return map_in
