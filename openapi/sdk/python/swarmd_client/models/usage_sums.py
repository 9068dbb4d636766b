from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="UsageSums")


@_attrs_define
class UsageSums:
    """
    Attributes:
        cached_tokens (int): The part of `prompt_tokens` that came from the provider's cache
        calls (int): Model calls; of a swarm: its steps
        completion_tokens (int):
        cost_usd (float): Of the calls whose cost is known
        prompt_tokens (int):
        total_tokens (int):
        unpriced_calls (int | None): Calls whose cost is not known; null by swarm
        unsettled_cost_usd (float): Most that calls whose bill will never be known may have cost
    """

    cached_tokens: int
    calls: int
    completion_tokens: int
    cost_usd: float
    prompt_tokens: int
    total_tokens: int
    unpriced_calls: int | None
    unsettled_cost_usd: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cached_tokens = self.cached_tokens

        calls = self.calls

        completion_tokens = self.completion_tokens

        cost_usd = self.cost_usd

        prompt_tokens = self.prompt_tokens

        total_tokens = self.total_tokens

        unpriced_calls: int | None
        unpriced_calls = self.unpriced_calls

        unsettled_cost_usd = self.unsettled_cost_usd

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cached_tokens": cached_tokens,
                "calls": calls,
                "completion_tokens": completion_tokens,
                "cost_usd": cost_usd,
                "prompt_tokens": prompt_tokens,
                "total_tokens": total_tokens,
                "unpriced_calls": unpriced_calls,
                "unsettled_cost_usd": unsettled_cost_usd,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cached_tokens = d.pop("cached_tokens")

        calls = d.pop("calls")

        completion_tokens = d.pop("completion_tokens")

        cost_usd = d.pop("cost_usd")

        prompt_tokens = d.pop("prompt_tokens")

        total_tokens = d.pop("total_tokens")

        def _parse_unpriced_calls(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        unpriced_calls = _parse_unpriced_calls(d.pop("unpriced_calls"))

        unsettled_cost_usd = d.pop("unsettled_cost_usd")

        usage_sums = cls(
            cached_tokens=cached_tokens,
            calls=calls,
            completion_tokens=completion_tokens,
            cost_usd=cost_usd,
            prompt_tokens=prompt_tokens,
            total_tokens=total_tokens,
            unpriced_calls=unpriced_calls,
            unsettled_cost_usd=unsettled_cost_usd,
        )

        usage_sums.additional_properties = d
        return usage_sums

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
