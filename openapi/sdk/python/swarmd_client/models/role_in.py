from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.role_in_tier_type_0 import RoleInTierType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="RoleIn")


@_attrs_define
class RoleIn:
    """A role, whole: what is left out is not kept from what it replaces.

    Attributes:
        system_prompt (str): Comes before the task in every call of its sub-agents
        capability_tags (list[str] | Unset): What it is good at; its name counts as one more
        model (None | str | Unset): Where neither task nor routing say
        tier (None | RoleInTierType0 | Unset): Where neither task nor routing say
    """

    system_prompt: str
    capability_tags: list[str] | Unset = UNSET
    model: None | str | Unset = UNSET
    tier: None | RoleInTierType0 | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        system_prompt = self.system_prompt

        capability_tags: list[str] | Unset = UNSET
        if not isinstance(self.capability_tags, Unset):
            capability_tags = self.capability_tags

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, RoleInTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "system_prompt": system_prompt,
            }
        )
        if capability_tags is not UNSET:
            field_dict["capability_tags"] = capability_tags
        if model is not UNSET:
            field_dict["model"] = model
        if tier is not UNSET:
            field_dict["tier"] = tier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        system_prompt = d.pop("system_prompt")

        capability_tags = cast(list[str], d.pop("capability_tags", UNSET))

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_tier(data: object) -> None | RoleInTierType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = RoleInTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RoleInTierType0 | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        role_in = cls(
            system_prompt=system_prompt,
            capability_tags=capability_tags,
            model=model,
            tier=tier,
        )

        return role_in
