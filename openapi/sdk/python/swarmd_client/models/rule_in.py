from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.rule_in_tier_type_0 import RuleInTierType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="RuleIn")


@_attrs_define
class RuleIn:
    """Tasks that meet every condition that is set are served as it says; the first rule that fits counts.

    Attributes:
        max_complexity (int | None | Unset):
        min_complexity (int | None | Unset):
        model (list[str] | None | str | Unset): A model, or several in order: the first serves, the others follow after
            repeated failure
        role (None | str | Unset):
        thinking (bool | None | Unset): Whether the model is to think first; null leaves it to the tier
        tier (None | RuleInTierType0 | Unset):
        type_ (None | str | Unset):
    """

    max_complexity: int | None | Unset = UNSET
    min_complexity: int | None | Unset = UNSET
    model: list[str] | None | str | Unset = UNSET
    role: None | str | Unset = UNSET
    thinking: bool | None | Unset = UNSET
    tier: None | RuleInTierType0 | Unset = UNSET
    type_: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        max_complexity: int | None | Unset
        if isinstance(self.max_complexity, Unset):
            max_complexity = UNSET
        else:
            max_complexity = self.max_complexity

        min_complexity: int | None | Unset
        if isinstance(self.min_complexity, Unset):
            min_complexity = UNSET
        else:
            min_complexity = self.min_complexity

        model: list[str] | None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        elif isinstance(self.model, list):
            model = self.model

        else:
            model = self.model

        role: None | str | Unset
        if isinstance(self.role, Unset):
            role = UNSET
        else:
            role = self.role

        thinking: bool | None | Unset
        if isinstance(self.thinking, Unset):
            thinking = UNSET
        else:
            thinking = self.thinking

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, RuleInTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if max_complexity is not UNSET:
            field_dict["max_complexity"] = max_complexity
        if min_complexity is not UNSET:
            field_dict["min_complexity"] = min_complexity
        if model is not UNSET:
            field_dict["model"] = model
        if role is not UNSET:
            field_dict["role"] = role
        if thinking is not UNSET:
            field_dict["thinking"] = thinking
        if tier is not UNSET:
            field_dict["tier"] = tier
        if type_ is not UNSET:
            field_dict["type"] = type_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_max_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_complexity = _parse_max_complexity(d.pop("max_complexity", UNSET))

        def _parse_min_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        min_complexity = _parse_min_complexity(d.pop("min_complexity", UNSET))

        def _parse_model(data: object) -> list[str] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                model_type_1 = cast(list[str], data)

                return model_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_role(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        role = _parse_role(d.pop("role", UNSET))

        def _parse_thinking(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        thinking = _parse_thinking(d.pop("thinking", UNSET))

        def _parse_tier(data: object) -> None | RuleInTierType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = RuleInTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RuleInTierType0 | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        rule_in = cls(
            max_complexity=max_complexity,
            min_complexity=min_complexity,
            model=model,
            role=role,
            thinking=thinking,
            tier=tier,
            type_=type_,
        )

        return rule_in
