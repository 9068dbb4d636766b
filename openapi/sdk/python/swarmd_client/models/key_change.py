from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="KeyChange")


@_attrs_define
class KeyChange:
    """What is left out stays as it is; null takes a limit away.

    Attributes:
        expires_at (None | str | Unset): RFC 3339; it works no longer from then on; null: it never expires
        max_cost_per_day_usd (float | None | Unset): What work started with the key may cost a day (UTC); null: no cap
        max_parallel_agents (int | None | Unset): Model calls at once of all work started with the key; null: any
        max_requests_per_minute (int | None | Unset): HTTP requests and handshakes of sockets; null: any number
        name (None | str | Unset):
    """

    expires_at: None | str | Unset = UNSET
    max_cost_per_day_usd: float | None | Unset = UNSET
    max_parallel_agents: int | None | Unset = UNSET
    max_requests_per_minute: int | None | Unset = UNSET
    name: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        expires_at: None | str | Unset
        if isinstance(self.expires_at, Unset):
            expires_at = UNSET
        else:
            expires_at = self.expires_at

        max_cost_per_day_usd: float | None | Unset
        if isinstance(self.max_cost_per_day_usd, Unset):
            max_cost_per_day_usd = UNSET
        else:
            max_cost_per_day_usd = self.max_cost_per_day_usd

        max_parallel_agents: int | None | Unset
        if isinstance(self.max_parallel_agents, Unset):
            max_parallel_agents = UNSET
        else:
            max_parallel_agents = self.max_parallel_agents

        max_requests_per_minute: int | None | Unset
        if isinstance(self.max_requests_per_minute, Unset):
            max_requests_per_minute = UNSET
        else:
            max_requests_per_minute = self.max_requests_per_minute

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at
        if max_cost_per_day_usd is not UNSET:
            field_dict["max_cost_per_day_usd"] = max_cost_per_day_usd
        if max_parallel_agents is not UNSET:
            field_dict["max_parallel_agents"] = max_parallel_agents
        if max_requests_per_minute is not UNSET:
            field_dict["max_requests_per_minute"] = max_requests_per_minute
        if name is not UNSET:
            field_dict["name"] = name

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_expires_at(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        expires_at = _parse_expires_at(d.pop("expires_at", UNSET))

        def _parse_max_cost_per_day_usd(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        max_cost_per_day_usd = _parse_max_cost_per_day_usd(d.pop("max_cost_per_day_usd", UNSET))

        def _parse_max_parallel_agents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_parallel_agents = _parse_max_parallel_agents(d.pop("max_parallel_agents", UNSET))

        def _parse_max_requests_per_minute(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_requests_per_minute = _parse_max_requests_per_minute(d.pop("max_requests_per_minute", UNSET))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        key_change = cls(
            expires_at=expires_at,
            max_cost_per_day_usd=max_cost_per_day_usd,
            max_parallel_agents=max_parallel_agents,
            max_requests_per_minute=max_requests_per_minute,
            name=name,
        )

        return key_change
