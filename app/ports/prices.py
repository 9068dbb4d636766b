"""Prices of models: where each comes from, how those set by API are kept, and where they take effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from app.domain.usage import Price

Source = Literal["api", "config", "kept"]
"""Set by API, wins over configured, wins over the vendor's in the kept table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrice:
    price: Price
    source: Source


class PriceStore(Protocol):
    """The prices set by API, by the model's name as its provider knows it."""

    async def list(self) -> Mapping[str, Price]: ...

    async def apply(self, changes: Mapping[str, Price | None], at_ms: int) -> None:
        """Set prices, and remove those that are None: all or none of them, durably."""
        ...


class PriceTable(Protocol):
    """The prices in force, read at every call; nothing here waits."""

    def known(self, provider_name: str, model: str) -> KnownPrice | None:
        """Return what the provider's calls to the model cost; None where nobody has said, never a guess."""
        ...

    def named(self) -> Mapping[str, KnownPrice]:
        """Return the prices set by API or configured, used or not."""
        ...

    def put(self, model: str, price: Price | None) -> None:
        """Let a price set by API take effect; None lets the configured or kept one apply again."""
        ...
