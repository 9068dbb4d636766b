from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="KeyRotate")


@_attrs_define
class KeyRotate:
    """
    Attributes:
        grace_s (float | Unset): For so long the present secret works, too Default: 0.0.
    """

    grace_s: float | Unset = 0.0

    def to_dict(self) -> dict[str, Any]:
        grace_s = self.grace_s

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if grace_s is not UNSET:
            field_dict["grace_s"] = grace_s

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        grace_s = d.pop("grace_s", UNSET)

        key_rotate = cls(
            grace_s=grace_s,
        )

        return key_rotate
