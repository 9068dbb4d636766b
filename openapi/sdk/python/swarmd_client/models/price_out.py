from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.price_out_source import PriceOutSource

T = TypeVar("T", bound="PriceOut")


@_attrs_define
class PriceOut:
    """
    Attributes:
        cached_input_per_mtok (float | None): null: as other tokens
        input_per_mtok (float):
        output_per_mtok (float):
        source (PriceOutSource): Set by API, configured, or from the kept table of the vendor's prices
    """

    cached_input_per_mtok: float | None
    input_per_mtok: float
    output_per_mtok: float
    source: PriceOutSource
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cached_input_per_mtok: float | None
        cached_input_per_mtok = self.cached_input_per_mtok

        input_per_mtok = self.input_per_mtok

        output_per_mtok = self.output_per_mtok

        source = self.source.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cached_input_per_mtok": cached_input_per_mtok,
                "input_per_mtok": input_per_mtok,
                "output_per_mtok": output_per_mtok,
                "source": source,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_cached_input_per_mtok(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cached_input_per_mtok = _parse_cached_input_per_mtok(d.pop("cached_input_per_mtok"))

        input_per_mtok = d.pop("input_per_mtok")

        output_per_mtok = d.pop("output_per_mtok")

        source = PriceOutSource(d.pop("source"))

        price_out = cls(
            cached_input_per_mtok=cached_input_per_mtok,
            input_per_mtok=input_per_mtok,
            output_per_mtok=output_per_mtok,
            source=source,
        )

        price_out.additional_properties = d
        return price_out

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
