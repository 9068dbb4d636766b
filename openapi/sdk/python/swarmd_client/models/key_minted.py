from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.key_minted_scopes_item import KeyMintedScopesItem

T = TypeVar("T", bound="KeyMinted")


@_attrs_define
class KeyMinted:
    """
    Attributes:
        created_at (datetime.datetime): RFC 3339, UTC
        expires_at (datetime.datetime | None):
        key (str): The secret: shown this once, kept nowhere
        key_id (str):
        last_used_at (datetime.datetime | None): To the minute
        max_cost_per_day_usd (float | None):
        max_parallel_agents (int | None):
        max_requests_per_minute (int | None):
        name (str):
        old_secret_works_until (datetime.datetime | None): The one before the last rotation
        prefix (None | str): How the secret begins; null for keys of older versions
        revoked_at (datetime.datetime | None):
        scopes (list[KeyMintedScopesItem]):
    """

    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    key: str
    key_id: str
    last_used_at: datetime.datetime | None
    max_cost_per_day_usd: float | None
    max_parallel_agents: int | None
    max_requests_per_minute: int | None
    name: str
    old_secret_works_until: datetime.datetime | None
    prefix: None | str
    revoked_at: datetime.datetime | None
    scopes: list[KeyMintedScopesItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        key = self.key

        key_id = self.key_id

        last_used_at: None | str
        if isinstance(self.last_used_at, datetime.datetime):
            last_used_at = self.last_used_at.isoformat()
        else:
            last_used_at = self.last_used_at

        max_cost_per_day_usd: float | None
        max_cost_per_day_usd = self.max_cost_per_day_usd

        max_parallel_agents: int | None
        max_parallel_agents = self.max_parallel_agents

        max_requests_per_minute: int | None
        max_requests_per_minute = self.max_requests_per_minute

        name = self.name

        old_secret_works_until: None | str
        if isinstance(self.old_secret_works_until, datetime.datetime):
            old_secret_works_until = self.old_secret_works_until.isoformat()
        else:
            old_secret_works_until = self.old_secret_works_until

        prefix: None | str
        prefix = self.prefix

        revoked_at: None | str
        if isinstance(self.revoked_at, datetime.datetime):
            revoked_at = self.revoked_at.isoformat()
        else:
            revoked_at = self.revoked_at

        scopes = []
        for scopes_item_data in self.scopes:
            scopes_item = scopes_item_data.value
            scopes.append(scopes_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "expires_at": expires_at,
                "key": key,
                "key_id": key_id,
                "last_used_at": last_used_at,
                "max_cost_per_day_usd": max_cost_per_day_usd,
                "max_parallel_agents": max_parallel_agents,
                "max_requests_per_minute": max_requests_per_minute,
                "name": name,
                "old_secret_works_until": old_secret_works_until,
                "prefix": prefix,
                "revoked_at": revoked_at,
                "scopes": scopes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        key = d.pop("key")

        key_id = d.pop("key_id")

        def _parse_last_used_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_used_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_used_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_used_at = _parse_last_used_at(d.pop("last_used_at"))

        def _parse_max_cost_per_day_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        max_cost_per_day_usd = _parse_max_cost_per_day_usd(d.pop("max_cost_per_day_usd"))

        def _parse_max_parallel_agents(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        max_parallel_agents = _parse_max_parallel_agents(d.pop("max_parallel_agents"))

        def _parse_max_requests_per_minute(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        max_requests_per_minute = _parse_max_requests_per_minute(d.pop("max_requests_per_minute"))

        name = d.pop("name")

        def _parse_old_secret_works_until(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                old_secret_works_until_type_0 = datetime.datetime.fromisoformat(data)

                return old_secret_works_until_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        old_secret_works_until = _parse_old_secret_works_until(d.pop("old_secret_works_until"))

        def _parse_prefix(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        prefix = _parse_prefix(d.pop("prefix"))

        def _parse_revoked_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                revoked_at_type_0 = datetime.datetime.fromisoformat(data)

                return revoked_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        revoked_at = _parse_revoked_at(d.pop("revoked_at"))

        scopes = []
        _scopes = d.pop("scopes")
        for scopes_item_data in _scopes:
            scopes_item = KeyMintedScopesItem(scopes_item_data)

            scopes.append(scopes_item)

        key_minted = cls(
            created_at=created_at,
            expires_at=expires_at,
            key=key,
            key_id=key_id,
            last_used_at=last_used_at,
            max_cost_per_day_usd=max_cost_per_day_usd,
            max_parallel_agents=max_parallel_agents,
            max_requests_per_minute=max_requests_per_minute,
            name=name,
            old_secret_works_until=old_secret_works_until,
            prefix=prefix,
            revoked_at=revoked_at,
            scopes=scopes,
        )

        key_minted.additional_properties = d
        return key_minted

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
