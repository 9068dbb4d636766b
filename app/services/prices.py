"""Prices: what each known model costs and who says so; changes are kept and hold from the next call on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.domain.usage import Price
from app.ports.clock import Clock
from app.ports.prices import KnownPrice, PriceStore, PriceTable
from app.ports.provider import Models, UnknownModel


class PriceService:
    """Args:
    table: the prices in force, which the model calls read.
    """

    def __init__(self, store: PriceStore, table: PriceTable, models: Models, clock: Clock) -> None:
        self._store = store
        self._table = table
        self._models = models
        self._clock = clock
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Let the prices that were set by API before take effect."""
        for model, price in (await self._store.list()).items():
            self._table.put(model, price)

    async def list(self) -> Mapping[str, KnownPrice]:
        """Return the price of every known model that has one, and all set or configured ones, by the model's name as
        its provider knows it. Where two providers serve a name, the one that requests without a provider's name go to
        counts."""
        found: dict[str, KnownPrice] = {}
        for name in await self._models.names():
            try:
                route = await self._models.resolve(name)
            except UnknownModel:
                continue  # an alias of a name that nobody serves
            known = self._table.known(route.provider.name, route.model)
            if known is None and route.price is not None:
                known = KnownPrice(price=route.price, source="kept")
            if known is not None:
                found.setdefault(route.model, known)
        found.update(self._table.named())
        return dict(sorted(found.items()))

    async def merge(self, changes: Mapping[str, Price | None]) -> Mapping[str, KnownPrice]:
        """Set prices, remove those that are None, and return all prices: durable before it returns.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        async with self._changing:  # else the table could end up with another order of two changes than the store
            await self._store.apply(changes, self._clock.now_ms())
            for model, price in changes.items():
                self._table.put(model, price)
        return await self.list()
