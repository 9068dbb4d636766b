from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="PriceIn")


@_attrs_define
class PriceIn:
    """US dollars per million tokens; without `cached_input_per_mtok` cached tokens cost what others do.

    Attributes:
        input_per_mtok (float):
        output_per_mtok (float):
        cached_input_per_mtok (float | None | Unset):
    """

    input_per_mtok: float
    output_per_mtok: float
    cached_input_per_mtok: float | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        input_per_mtok = self.input_per_mtok

        output_per_mtok = self.output_per_mtok

        cached_input_per_mtok: float | None | Unset
        if isinstance(self.cached_input_per_mtok, Unset):
            cached_input_per_mtok = UNSET
        else:
            cached_input_per_mtok = self.cached_input_per_mtok

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "input_per_mtok": input_per_mtok,
                "output_per_mtok": output_per_mtok,
            }
        )
        if cached_input_per_mtok is not UNSET:
            field_dict["cached_input_per_mtok"] = cached_input_per_mtok

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        input_per_mtok = d.pop("input_per_mtok")

        output_per_mtok = d.pop("output_per_mtok")

        def _parse_cached_input_per_mtok(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        cached_input_per_mtok = _parse_cached_input_per_mtok(d.pop("cached_input_per_mtok", UNSET))

        price_in = cls(
            input_per_mtok=input_per_mtok,
            output_per_mtok=output_per_mtok,
            cached_input_per_mtok=cached_input_per_mtok,
        )

        return price_in
