from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="TiersIn")


@_attrs_define
class TiersIn:
    """By tier a model, or several of which `prefer` takes one.

    Attributes:
        instant (list[str] | None | str | Unset):
        light (list[str] | None | str | Unset):
        thinking (list[str] | None | str | Unset):
    """

    instant: list[str] | None | str | Unset = UNSET
    light: list[str] | None | str | Unset = UNSET
    thinking: list[str] | None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        instant: list[str] | None | str | Unset
        if isinstance(self.instant, Unset):
            instant = UNSET
        elif isinstance(self.instant, list):
            instant = self.instant

        else:
            instant = self.instant

        light: list[str] | None | str | Unset
        if isinstance(self.light, Unset):
            light = UNSET
        elif isinstance(self.light, list):
            light = self.light

        else:
            light = self.light

        thinking: list[str] | None | str | Unset
        if isinstance(self.thinking, Unset):
            thinking = UNSET
        elif isinstance(self.thinking, list):
            thinking = self.thinking

        else:
            thinking = self.thinking

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if instant is not UNSET:
            field_dict["instant"] = instant
        if light is not UNSET:
            field_dict["light"] = light
        if thinking is not UNSET:
            field_dict["thinking"] = thinking

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_instant(data: object) -> list[str] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                instant_type_1 = cast(list[str], data)

                return instant_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | str | Unset, data)

        instant = _parse_instant(d.pop("instant", UNSET))

        def _parse_light(data: object) -> list[str] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                light_type_1 = cast(list[str], data)

                return light_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | str | Unset, data)

        light = _parse_light(d.pop("light", UNSET))

        def _parse_thinking(data: object) -> list[str] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                thinking_type_1 = cast(list[str], data)

                return thinking_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | str | Unset, data)

        thinking = _parse_thinking(d.pop("thinking", UNSET))

        tiers_in = cls(
            instant=instant,
            light=light,
            thinking=thinking,
        )

        return tiers_in
