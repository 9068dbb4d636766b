from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ModelForecastOut")


@_attrs_define
class ModelForecastOut:
    """
    Attributes:
        calls (int):
        cost_usd (float | None): null where no price is known
        latency_ms (float): Of a call, in the mean
        measured_tasks (int): Completed tasks that the figures come from; 0: they are assumed
        price_known (bool):
    """

    calls: int
    cost_usd: float | None
    latency_ms: float
    measured_tasks: int
    price_known: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        calls = self.calls

        cost_usd: float | None
        cost_usd = self.cost_usd

        latency_ms = self.latency_ms

        measured_tasks = self.measured_tasks

        price_known = self.price_known

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "calls": calls,
                "cost_usd": cost_usd,
                "latency_ms": latency_ms,
                "measured_tasks": measured_tasks,
                "price_known": price_known,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        calls = d.pop("calls")

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        latency_ms = d.pop("latency_ms")

        measured_tasks = d.pop("measured_tasks")

        price_known = d.pop("price_known")

        model_forecast_out = cls(
            calls=calls,
            cost_usd=cost_usd,
            latency_ms=latency_ms,
            measured_tasks=measured_tasks,
            price_known=price_known,
        )

        model_forecast_out.additional_properties = d
        return model_forecast_out

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
