"""Prepaid credits on the wire: US dollars, exact to the nano-dollar."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from app.api.schemas.times import Timestamp
from app.domain.events import rfc3339
from app.domain.usage import usd
from app.ports.credits import CreditRow, CreditStanding, EntryKind
from app.ports.pages import Page

_TEXT_OF_SOME = r"^-?(1000000(\.0{1,9})?|[1-9][0-9]{0,5}(\.[0-9]{1,9})?|0\.[0-9]{0,8}[1-9])$"
"""Between a billionth of a dollar and a million."""

_TEXT = r"^-?[0-9]{1,7}(\.[0-9]{1,9})?$"


def _plain(amount: Any) -> Any:
    """Of text take what the schema says, and not all that Python's numbers understand."""
    if isinstance(amount, str) and not re.fullmatch(_TEXT, amount):
        raise ValueError("expected a number, or one as text such as '25.00', with at most nine decimals")
    return amount


Amount = Annotated[
    Decimal,
    BeforeValidator(_plain),
    Field(ge=-1_000_000, le=1_000_000, max_digits=16, decimal_places=9, allow_inf_nan=False, examples=["25.00"]),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": -1_000_000, "exclusiveMaximum": 0},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
                {"type": "string", "pattern": _TEXT_OF_SOME},
            ],
            "examples": ["25.00", 25],
        }
    ),
]


class CreditAdd(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant_id: str = Field(min_length=1, max_length=200, description="Whose credits", examples=["acme"])
    amount_usd: Amount = Field(
        description="Dollars, as a number or, to be exact, a string; below zero it takes back what is free; never 0"
    )
    reference: str = Field(
        min_length=1,
        max_length=200,
        description="Of the payment, unique for the tenant: the same again adds nothing",
        examples=["pay_3PqX"],
    )
    note: str | None = Field(None, max_length=2_000)


class CreditEntryOut(BaseModel):
    entry_id: str = Field(examples=["crd_01JZ6M5K8Q1V3X7Y9B2D4F6H8J"])
    kind: EntryKind
    amount_usd: float
    balance_usd: float = Field(description="Sum of the ledger up to this row")
    reference: str | None
    note: str | None
    created_at: Timestamp


class CreditEntryAdded(CreditEntryOut):
    tenant_id: str


class CreditAccount(BaseModel):
    """What may be spent is `available_usd` = `balance_usd` - `pending_usd` - `reserved_usd`."""

    tenant_id: str
    enabled: bool = Field(description="false: this service asks nobody to prepay")
    balance_usd: float = Field(description="Sum of all rows of the ledger")
    pending_usd: float = Field(description="Used since the last row; a row takes it off every hour")
    reserved_usd: float = Field(description="The most that calls under way may cost")
    available_usd: float
    items: list[CreditEntryOut] = Field(description="The ledger, newest row first")
    next_cursor: str | None


def entry_json(row: CreditRow) -> dict[str, Any]:
    return {
        "entry_id": row.entry_id,
        "kind": row.kind.value,
        "amount_usd": usd(row.amount_nano_usd),
        "balance_usd": usd(row.balance_nano_usd),
        "reference": row.reference,
        "note": row.note,
        "created_at": rfc3339(row.at_ms),
    }


def account_json(
    tenant_id: str, standing: CreditStanding, reserved_nano_usd: int, page: Page[CreditRow], *, enabled: bool
) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "enabled": enabled,
        "balance_usd": usd(standing.balance_nano_usd),
        "pending_usd": usd(standing.pending_nano_usd),
        "reserved_usd": usd(reserved_nano_usd),
        "available_usd": usd(standing.left_nano_usd - reserved_nano_usd),
        "items": [entry_json(row) for row in page.items],
        "next_cursor": page.next_cursor,
    }
