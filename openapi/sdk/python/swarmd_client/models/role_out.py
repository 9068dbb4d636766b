from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.role_out_tier_type_0 import RoleOutTierType0

T = TypeVar("T", bound="RoleOut")


@_attrs_define
class RoleOut:
    """
    Attributes:
        built_in (bool): Comes with the service and was not replaced
        capability_tags (list[str]):
        model (None | str):
        name (str):
        system_prompt (str):
        tier (None | RoleOutTierType0):
    """

    built_in: bool
    capability_tags: list[str]
    model: None | str
    name: str
    system_prompt: str
    tier: None | RoleOutTierType0
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        built_in = self.built_in

        capability_tags = self.capability_tags

        model: None | str
        model = self.model

        name = self.name

        system_prompt = self.system_prompt

        tier: None | str
        if isinstance(self.tier, RoleOutTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "built_in": built_in,
                "capability_tags": capability_tags,
                "model": model,
                "name": name,
                "system_prompt": system_prompt,
                "tier": tier,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        built_in = d.pop("built_in")

        capability_tags = cast(list[str], d.pop("capability_tags"))

        def _parse_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        model = _parse_model(d.pop("model"))

        name = d.pop("name")

        system_prompt = d.pop("system_prompt")

        def _parse_tier(data: object) -> None | RoleOutTierType0:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = RoleOutTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RoleOutTierType0, data)

        tier = _parse_tier(d.pop("tier"))

        role_out = cls(
            built_in=built_in,
            capability_tags=capability_tags,
            model=model,
            name=name,
            system_prompt=system_prompt,
            tier=tier,
        )

        role_out.additional_properties = d
        return role_out

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
