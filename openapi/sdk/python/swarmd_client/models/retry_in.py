from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="RetryIn")


@_attrs_define
class RetryIn:
    """
    Attributes:
        base_delay_s (float | Unset):  Default: 1.0.
        hedge_percentile (float | None | Unset): An attempt slower than so many per cent of the run's gets a second call
        jitter (float | Unset):  Default: 0.25.
        max_retries (int | Unset):  Default: 3.
    """

    base_delay_s: float | Unset = 1.0
    hedge_percentile: float | None | Unset = UNSET
    jitter: float | Unset = 0.25
    max_retries: int | Unset = 3

    def to_dict(self) -> dict[str, Any]:
        base_delay_s = self.base_delay_s

        hedge_percentile: float | None | Unset
        if isinstance(self.hedge_percentile, Unset):
            hedge_percentile = UNSET
        else:
            hedge_percentile = self.hedge_percentile

        jitter = self.jitter

        max_retries = self.max_retries

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if base_delay_s is not UNSET:
            field_dict["base_delay_s"] = base_delay_s
        if hedge_percentile is not UNSET:
            field_dict["hedge_percentile"] = hedge_percentile
        if jitter is not UNSET:
            field_dict["jitter"] = jitter
        if max_retries is not UNSET:
            field_dict["max_retries"] = max_retries

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        base_delay_s = d.pop("base_delay_s", UNSET)

        def _parse_hedge_percentile(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        hedge_percentile = _parse_hedge_percentile(d.pop("hedge_percentile", UNSET))

        jitter = d.pop("jitter", UNSET)

        max_retries = d.pop("max_retries", UNSET)

        retry_in = cls(
            base_delay_s=base_delay_s,
            hedge_percentile=hedge_percentile,
            jitter=jitter,
            max_retries=max_retries,
        )

        return retry_in
