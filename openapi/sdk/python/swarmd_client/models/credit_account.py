from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.credit_entry_out import CreditEntryOut


T = TypeVar("T", bound="CreditAccount")


@_attrs_define
class CreditAccount:
    """What may be spent is `available_usd` = `balance_usd` - `pending_usd` - `reserved_usd`.

    Attributes:
        available_usd (float):
        balance_usd (float): Sum of all rows of the ledger
        enabled (bool): false: this service asks nobody to prepay
        items (list[CreditEntryOut]): The ledger, newest row first
        next_cursor (None | str):
        pending_usd (float): Used since the last row; a row takes it off every hour
        reserved_usd (float): The most that calls under way may cost
        tenant_id (str):
    """

    available_usd: float
    balance_usd: float
    enabled: bool
    items: list[CreditEntryOut]
    next_cursor: None | str
    pending_usd: float
    reserved_usd: float
    tenant_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        available_usd = self.available_usd

        balance_usd = self.balance_usd

        enabled = self.enabled

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        next_cursor: None | str
        next_cursor = self.next_cursor

        pending_usd = self.pending_usd

        reserved_usd = self.reserved_usd

        tenant_id = self.tenant_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "available_usd": available_usd,
                "balance_usd": balance_usd,
                "enabled": enabled,
                "items": items,
                "next_cursor": next_cursor,
                "pending_usd": pending_usd,
                "reserved_usd": reserved_usd,
                "tenant_id": tenant_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.credit_entry_out import CreditEntryOut  # noqa: PLC0415

        d = dict(src_dict)
        available_usd = d.pop("available_usd")

        balance_usd = d.pop("balance_usd")

        enabled = d.pop("enabled")

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = CreditEntryOut.from_dict(items_item_data)

            items.append(items_item)

        def _parse_next_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_cursor = _parse_next_cursor(d.pop("next_cursor"))

        pending_usd = d.pop("pending_usd")

        reserved_usd = d.pop("reserved_usd")

        tenant_id = d.pop("tenant_id")

        credit_account = cls(
            available_usd=available_usd,
            balance_usd=balance_usd,
            enabled=enabled,
            items=items,
            next_cursor=next_cursor,
            pending_usd=pending_usd,
            reserved_usd=reserved_usd,
            tenant_id=tenant_id,
        )

        credit_account.additional_properties = d
        return credit_account

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
