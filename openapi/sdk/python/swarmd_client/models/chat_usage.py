from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.chat_usage_prompt_tokens_details import ChatUsagePromptTokensDetails


T = TypeVar("T", bound="ChatUsage")


@_attrs_define
class ChatUsage:
    """
    Attributes:
        completion_tokens (int):
        cost (float | None): US dollars; null where no price is known
        prompt_tokens (int):
        prompt_tokens_details (ChatUsagePromptTokensDetails):
        total_tokens (int):
    """

    completion_tokens: int
    cost: float | None
    prompt_tokens: int
    prompt_tokens_details: ChatUsagePromptTokensDetails
    total_tokens: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        completion_tokens = self.completion_tokens

        cost: float | None
        cost = self.cost

        prompt_tokens = self.prompt_tokens

        prompt_tokens_details = self.prompt_tokens_details.to_dict()

        total_tokens = self.total_tokens

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "completion_tokens": completion_tokens,
                "cost": cost,
                "prompt_tokens": prompt_tokens,
                "prompt_tokens_details": prompt_tokens_details,
                "total_tokens": total_tokens,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.chat_usage_prompt_tokens_details import (
            ChatUsagePromptTokensDetails,  # noqa: PLC0415
        )

        d = dict(src_dict)
        completion_tokens = d.pop("completion_tokens")

        def _parse_cost(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost = _parse_cost(d.pop("cost"))

        prompt_tokens = d.pop("prompt_tokens")

        prompt_tokens_details = ChatUsagePromptTokensDetails.from_dict(d.pop("prompt_tokens_details"))

        total_tokens = d.pop("total_tokens")

        chat_usage = cls(
            completion_tokens=completion_tokens,
            cost=cost,
            prompt_tokens=prompt_tokens,
            prompt_tokens_details=prompt_tokens_details,
            total_tokens=total_tokens,
        )

        chat_usage.additional_properties = d
        return chat_usage

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
