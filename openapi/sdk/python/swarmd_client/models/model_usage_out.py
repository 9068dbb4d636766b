from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ModelUsageOut")


@_attrs_define
class ModelUsageOut:
    """
    Attributes:
        cached_tokens (int): The part of `prompt_tokens` that came from the provider's cache
        completion_tokens (int):
        cost_usd (float): Of the calls whose cost is known
        model (None | str): null: no answer told
        prompt_tokens (int):
        total_tokens (int):
    """

    cached_tokens: int
    completion_tokens: int
    cost_usd: float
    model: None | str
    prompt_tokens: int
    total_tokens: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cached_tokens = self.cached_tokens

        completion_tokens = self.completion_tokens

        cost_usd = self.cost_usd

        model: None | str
        model = self.model

        prompt_tokens = self.prompt_tokens

        total_tokens = self.total_tokens

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cached_tokens": cached_tokens,
                "completion_tokens": completion_tokens,
                "cost_usd": cost_usd,
                "model": model,
                "prompt_tokens": prompt_tokens,
                "total_tokens": total_tokens,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cached_tokens = d.pop("cached_tokens")

        completion_tokens = d.pop("completion_tokens")

        cost_usd = d.pop("cost_usd")

        def _parse_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        model = _parse_model(d.pop("model"))

        prompt_tokens = d.pop("prompt_tokens")

        total_tokens = d.pop("total_tokens")

        model_usage_out = cls(
            cached_tokens=cached_tokens,
            completion_tokens=completion_tokens,
            cost_usd=cost_usd,
            model=model,
            prompt_tokens=prompt_tokens,
            total_tokens=total_tokens,
        )

        model_usage_out.additional_properties = d
        return model_usage_out

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
