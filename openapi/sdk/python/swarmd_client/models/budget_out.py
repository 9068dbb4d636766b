from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.budget_out_on_exceeded import BudgetOutOnExceeded

T = TypeVar("T", bound="BudgetOut")


@_attrs_define
class BudgetOut:
    """What a run may cost and what is spent of it.

    Attributes:
        max_cost_usd (float | None):
        max_tokens (int | None):
        on_exceeded (BudgetOutOnExceeded):
        per_agent_tokens (int | None):
        spent_tokens (int):
        spent_usd (float): Settled, and the most that calls with an unknown bill may have cost
        unsettled_usd (float): The part of it whose bill will never be known (lost or cancelled calls)
    """

    max_cost_usd: float | None
    max_tokens: int | None
    on_exceeded: BudgetOutOnExceeded
    per_agent_tokens: int | None
    spent_tokens: int
    spent_usd: float
    unsettled_usd: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        max_cost_usd: float | None
        max_cost_usd = self.max_cost_usd

        max_tokens: int | None
        max_tokens = self.max_tokens

        on_exceeded = self.on_exceeded.value

        per_agent_tokens: int | None
        per_agent_tokens = self.per_agent_tokens

        spent_tokens = self.spent_tokens

        spent_usd = self.spent_usd

        unsettled_usd = self.unsettled_usd

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "max_cost_usd": max_cost_usd,
                "max_tokens": max_tokens,
                "on_exceeded": on_exceeded,
                "per_agent_tokens": per_agent_tokens,
                "spent_tokens": spent_tokens,
                "spent_usd": spent_usd,
                "unsettled_usd": unsettled_usd,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_max_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        max_cost_usd = _parse_max_cost_usd(d.pop("max_cost_usd"))

        def _parse_max_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        max_tokens = _parse_max_tokens(d.pop("max_tokens"))

        on_exceeded = BudgetOutOnExceeded(d.pop("on_exceeded"))

        def _parse_per_agent_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        per_agent_tokens = _parse_per_agent_tokens(d.pop("per_agent_tokens"))

        spent_tokens = d.pop("spent_tokens")

        spent_usd = d.pop("spent_usd")

        unsettled_usd = d.pop("unsettled_usd")

        budget_out = cls(
            max_cost_usd=max_cost_usd,
            max_tokens=max_tokens,
            on_exceeded=on_exceeded,
            per_agent_tokens=per_agent_tokens,
            spent_tokens=spent_tokens,
            spent_usd=spent_usd,
            unsettled_usd=unsettled_usd,
        )

        budget_out.additional_properties = d
        return budget_out

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
