from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.breaker_out_state import BreakerOutState

T = TypeVar("T", bound="BreakerOut")


@_attrs_define
class BreakerOut:
    """
    Attributes:
        opened_count (int):
        retry_in_s (float | None): Until the first probe; null unless it is open
        state (BreakerOutState):
    """

    opened_count: int
    retry_in_s: float | None
    state: BreakerOutState
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        opened_count = self.opened_count

        retry_in_s: float | None
        retry_in_s = self.retry_in_s

        state = self.state.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "opened_count": opened_count,
                "retry_in_s": retry_in_s,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        opened_count = d.pop("opened_count")

        def _parse_retry_in_s(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        retry_in_s = _parse_retry_in_s(d.pop("retry_in_s"))

        state = BreakerOutState(d.pop("state"))

        breaker_out = cls(
            opened_count=opened_count,
            retry_in_s=retry_in_s,
            state=state,
        )

        breaker_out.additional_properties = d
        return breaker_out

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
