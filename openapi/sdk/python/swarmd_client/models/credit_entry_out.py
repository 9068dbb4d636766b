from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.entry_kind import EntryKind

T = TypeVar("T", bound="CreditEntryOut")


@_attrs_define
class CreditEntryOut:
    """
    Attributes:
        amount_usd (float):
        balance_usd (float): Sum of the ledger up to this row
        created_at (datetime.datetime): RFC 3339, UTC
        entry_id (str):
        kind (EntryKind): What a row of the ledger is for.
        note (None | str):
        reference (None | str):
    """

    amount_usd: float
    balance_usd: float
    created_at: datetime.datetime
    entry_id: str
    kind: EntryKind
    note: None | str
    reference: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        amount_usd = self.amount_usd

        balance_usd = self.balance_usd

        created_at = self.created_at.isoformat()

        entry_id = self.entry_id

        kind = self.kind.value

        note: None | str
        note = self.note

        reference: None | str
        reference = self.reference

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "amount_usd": amount_usd,
                "balance_usd": balance_usd,
                "created_at": created_at,
                "entry_id": entry_id,
                "kind": kind,
                "note": note,
                "reference": reference,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        amount_usd = d.pop("amount_usd")

        balance_usd = d.pop("balance_usd")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        entry_id = d.pop("entry_id")

        kind = EntryKind(d.pop("kind"))

        def _parse_note(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        note = _parse_note(d.pop("note"))

        def _parse_reference(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reference = _parse_reference(d.pop("reference"))

        credit_entry_out = cls(
            amount_usd=amount_usd,
            balance_usd=balance_usd,
            created_at=created_at,
            entry_id=entry_id,
            kind=kind,
            note=note,
            reference=reference,
        )

        credit_entry_out.additional_properties = d
        return credit_entry_out

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
