from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="MemoryPut")


@_attrs_define
class MemoryPut:
    """
    Attributes:
        value (Any): Any JSON, 256 KiB at most
        if_version (int | None | Unset): Write only over this version; 0: only where there is no such key
        ttl_s (float | None | Unset): Seconds until the entry is forgotten; never without it
    """

    value: Any
    if_version: int | None | Unset = UNSET
    ttl_s: float | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        value = self.value

        if_version: int | None | Unset
        if isinstance(self.if_version, Unset):
            if_version = UNSET
        else:
            if_version = self.if_version

        ttl_s: float | None | Unset
        if isinstance(self.ttl_s, Unset):
            ttl_s = UNSET
        else:
            ttl_s = self.ttl_s

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "value": value,
            }
        )
        if if_version is not UNSET:
            field_dict["if_version"] = if_version
        if ttl_s is not UNSET:
            field_dict["ttl_s"] = ttl_s

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        value = d.pop("value")

        def _parse_if_version(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        if_version = _parse_if_version(d.pop("if_version", UNSET))

        def _parse_ttl_s(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        ttl_s = _parse_ttl_s(d.pop("ttl_s", UNSET))

        memory_put = cls(
            value=value,
            if_version=if_version,
            ttl_s=ttl_s,
        )

        return memory_put
