from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="UsageItem")


@_attrs_define
class UsageItem:
    """One of `model`, `key`, `day`, `swarm_id` says what the sums are of.

    Attributes:
        cached_tokens (int): The part of `prompt_tokens` that came from the provider's cache
        calls (int): Model calls; of a swarm: its steps
        completion_tokens (int):
        cost_usd (float): Of the calls whose cost is known
        prompt_tokens (int):
        total_tokens (int):
        unpriced_calls (int | None): Calls whose cost is not known; null by swarm
        unsettled_cost_usd (float): Most that calls whose bill will never be known may have cost
        day (datetime.date | None | Unset):
        key (None | str | Unset): Id of the key; null: without a key, in local mode
        model (None | str | Unset): null: no answer told
        swarm_id (None | str | Unset):
    """

    cached_tokens: int
    calls: int
    completion_tokens: int
    cost_usd: float
    prompt_tokens: int
    total_tokens: int
    unpriced_calls: int | None
    unsettled_cost_usd: float
    day: datetime.date | None | Unset = UNSET
    key: None | str | Unset = UNSET
    model: None | str | Unset = UNSET
    swarm_id: None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cached_tokens = self.cached_tokens

        calls = self.calls

        completion_tokens = self.completion_tokens

        cost_usd = self.cost_usd

        prompt_tokens = self.prompt_tokens

        total_tokens = self.total_tokens

        unpriced_calls: int | None
        unpriced_calls = self.unpriced_calls

        unsettled_cost_usd = self.unsettled_cost_usd

        day: None | str | Unset
        if isinstance(self.day, Unset):
            day = UNSET
        elif isinstance(self.day, datetime.date):
            day = self.day.isoformat()
        else:
            day = self.day

        key: None | str | Unset
        if isinstance(self.key, Unset):
            key = UNSET
        else:
            key = self.key

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        swarm_id: None | str | Unset
        if isinstance(self.swarm_id, Unset):
            swarm_id = UNSET
        else:
            swarm_id = self.swarm_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cached_tokens": cached_tokens,
                "calls": calls,
                "completion_tokens": completion_tokens,
                "cost_usd": cost_usd,
                "prompt_tokens": prompt_tokens,
                "total_tokens": total_tokens,
                "unpriced_calls": unpriced_calls,
                "unsettled_cost_usd": unsettled_cost_usd,
            }
        )
        if day is not UNSET:
            field_dict["day"] = day
        if key is not UNSET:
            field_dict["key"] = key
        if model is not UNSET:
            field_dict["model"] = model
        if swarm_id is not UNSET:
            field_dict["swarm_id"] = swarm_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cached_tokens = d.pop("cached_tokens")

        calls = d.pop("calls")

        completion_tokens = d.pop("completion_tokens")

        cost_usd = d.pop("cost_usd")

        prompt_tokens = d.pop("prompt_tokens")

        total_tokens = d.pop("total_tokens")

        def _parse_unpriced_calls(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        unpriced_calls = _parse_unpriced_calls(d.pop("unpriced_calls"))

        unsettled_cost_usd = d.pop("unsettled_cost_usd")

        def _parse_day(data: object) -> datetime.date | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                day_type_0 = datetime.date.fromisoformat(data)

                return day_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None | Unset, data)

        day = _parse_day(d.pop("day", UNSET))

        def _parse_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        key = _parse_key(d.pop("key", UNSET))

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_swarm_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        swarm_id = _parse_swarm_id(d.pop("swarm_id", UNSET))

        usage_item = cls(
            cached_tokens=cached_tokens,
            calls=calls,
            completion_tokens=completion_tokens,
            cost_usd=cost_usd,
            prompt_tokens=prompt_tokens,
            total_tokens=total_tokens,
            unpriced_calls=unpriced_calls,
            unsettled_cost_usd=unsettled_cost_usd,
            day=day,
            key=key,
            model=model,
            swarm_id=swarm_id,
        )

        usage_item.additional_properties = d
        return usage_item

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
