from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.audit_entry_out_detail_type_0 import AuditEntryOutDetailType0


T = TypeVar("T", bound="AuditEntryOut")


@_attrs_define
class AuditEntryOut:
    """
    Attributes:
        action (str):
        at (datetime.datetime): RFC 3339, UTC
        audit_id (str):
        detail (AuditEntryOutDetailType0 | None): Further facts; never a secret
        key_id (None | str): Key that was used; null: local mode, or the command line
        object_ (None | str): Id or name of what it was done to
        remote (None | str): Address that the request came from; null: the command line
    """

    action: str
    at: datetime.datetime
    audit_id: str
    detail: AuditEntryOutDetailType0 | None
    key_id: None | str
    object_: None | str
    remote: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.audit_entry_out_detail_type_0 import AuditEntryOutDetailType0  # noqa: PLC0415

        action = self.action

        at = self.at.isoformat()

        audit_id = self.audit_id

        detail: dict[str, Any] | None
        if isinstance(self.detail, AuditEntryOutDetailType0):
            detail = self.detail.to_dict()
        else:
            detail = self.detail

        key_id: None | str
        key_id = self.key_id

        object_: None | str
        object_ = self.object_

        remote: None | str
        remote = self.remote

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "action": action,
                "at": at,
                "audit_id": audit_id,
                "detail": detail,
                "key_id": key_id,
                "object": object_,
                "remote": remote,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.audit_entry_out_detail_type_0 import AuditEntryOutDetailType0  # noqa: PLC0415

        d = dict(src_dict)
        action = d.pop("action")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        audit_id = d.pop("audit_id")

        def _parse_detail(data: object) -> AuditEntryOutDetailType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                detail_type_0 = AuditEntryOutDetailType0.from_dict(data)

                return detail_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AuditEntryOutDetailType0 | None, data)

        detail = _parse_detail(d.pop("detail"))

        def _parse_key_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        key_id = _parse_key_id(d.pop("key_id"))

        def _parse_object_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        object_ = _parse_object_(d.pop("object"))

        def _parse_remote(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        remote = _parse_remote(d.pop("remote"))

        audit_entry_out = cls(
            action=action,
            at=at,
            audit_id=audit_id,
            detail=detail,
            key_id=key_id,
            object_=object_,
            remote=remote,
        )

        audit_entry_out.additional_properties = d
        return audit_entry_out

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
