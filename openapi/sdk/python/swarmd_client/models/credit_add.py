from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="CreditAdd")


@_attrs_define
class CreditAdd:
    """
    Attributes:
        amount_usd (float | str): Dollars, as a number or, to be exact, a string; below zero it takes back what is free;
            never 0
        reference (str): Of the payment, unique for the tenant: the same again adds nothing
        tenant_id (str): Whose credits
        note (None | str | Unset):
    """

    amount_usd: float | str
    reference: str
    tenant_id: str
    note: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        amount_usd: float | str
        amount_usd = self.amount_usd

        reference = self.reference

        tenant_id = self.tenant_id

        note: None | str | Unset
        if isinstance(self.note, Unset):
            note = UNSET
        else:
            note = self.note

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "amount_usd": amount_usd,
                "reference": reference,
                "tenant_id": tenant_id,
            }
        )
        if note is not UNSET:
            field_dict["note"] = note

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_amount_usd(data: object) -> float | str:
            return cast(float | str, data)

        amount_usd = _parse_amount_usd(d.pop("amount_usd"))

        reference = d.pop("reference")

        tenant_id = d.pop("tenant_id")

        def _parse_note(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        note = _parse_note(d.pop("note", UNSET))

        credit_add = cls(
            amount_usd=amount_usd,
            reference=reference,
            tenant_id=tenant_id,
            note=note,
        )

        return credit_add
