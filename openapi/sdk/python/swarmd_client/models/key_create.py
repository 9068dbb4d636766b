from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.key_create_scopes_item import KeyCreateScopesItem
from ..types import UNSET, Unset

T = TypeVar("T", bound="KeyCreate")


@_attrs_define
class KeyCreate:
    """A key gets no more than the one that mints it has: neither scopes nor limits.

    Attributes:
        name (str): What the key is for
        expires_at (None | str | Unset): RFC 3339; it works no longer from then on; null: it never expires
        max_cost_per_day_usd (float | None | Unset): What work started with the key may cost a day (UTC); null: no cap
        max_parallel_agents (int | None | Unset): Model calls at once of all work started with the key; null: any
        max_requests_per_minute (int | None | Unset): HTTP requests and handshakes of sockets; null: any number
        scopes (list[KeyCreateScopesItem] | Unset): `read`: look; `run`: start and steer; `admin`: both, and keys, audit
            log, settings of the tenant
    """

    name: str
    expires_at: None | str | Unset = UNSET
    max_cost_per_day_usd: float | None | Unset = UNSET
    max_parallel_agents: int | None | Unset = UNSET
    max_requests_per_minute: int | None | Unset = UNSET
    scopes: list[KeyCreateScopesItem] | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

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

        scopes: list[str] | Unset = UNSET
        if not isinstance(self.scopes, Unset):
            scopes = []
            for scopes_item_data in self.scopes:
                scopes_item = scopes_item_data.value
                scopes.append(scopes_item)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
            }
        )
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at
        if max_cost_per_day_usd is not UNSET:
            field_dict["max_cost_per_day_usd"] = max_cost_per_day_usd
        if max_parallel_agents is not UNSET:
            field_dict["max_parallel_agents"] = max_parallel_agents
        if max_requests_per_minute is not UNSET:
            field_dict["max_requests_per_minute"] = max_requests_per_minute
        if scopes is not UNSET:
            field_dict["scopes"] = scopes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

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

        _scopes = d.pop("scopes", UNSET)
        scopes: list[KeyCreateScopesItem] | Unset = UNSET
        if _scopes is not UNSET:
            scopes = []
            for scopes_item_data in _scopes:
                scopes_item = KeyCreateScopesItem(scopes_item_data)

                scopes.append(scopes_item)

        key_create = cls(
            name=name,
            expires_at=expires_at,
            max_cost_per_day_usd=max_cost_per_day_usd,
            max_parallel_agents=max_parallel_agents,
            max_requests_per_minute=max_requests_per_minute,
            scopes=scopes,
        )

        return key_create
