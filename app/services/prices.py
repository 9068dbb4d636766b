"""Prices: what each known model costs and who says so; changes are kept and hold from the next call on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import structlog

from app.domain.errors import StoreUnavailable
from app.domain.usage import Price
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell
from app.ports.prices import KnownPrice, PriceStore, PriceTable
from app.ports.provider import Models, UnknownModel
from app.services.periodic import beside

_log = structlog.get_logger(__name__)

_CHANGED = "prices"
_LOOK_S = 30.0
"""A ring may be lost."""


class PriceService:
    """Args:
    table: the prices in force, which the model calls read.
    doorbell: by which other processes on the same store hear of a change.
    """

    def __init__(
        self, store: PriceStore, table: PriceTable, models: Models, clock: Clock, doorbell: Doorbell | None = None
    ) -> None:
        self._store = store
        self._table = table
        self._models = models
        self._clock = clock
        self._doorbell = doorbell
        self._changing = asyncio.Lock()
        self._loaded: set[str] = set()
        self._news = asyncio.Event()

    async def load(self) -> None:
        """Let the prices that were set by API before, here or in another process, take effect."""
        async with self._changing:
            stored = await self._store.list()
            for model in self._loaded - stored.keys():
                self._table.put(model, None)
            for model, price in stored.items():
                self._table.put(model, price)
            self._loaded = set(stored)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Hear of changes that other processes make, while the context lasts."""
        if self._doorbell is None:
            yield
            return
        with self._doorbell.listen(_CHANGED, self._news.set):
            async with beside(self._follow(), "prices"):
                yield

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()
            self._news.clear()
            try:
                await self.load()
            except StoreUnavailable as exc:
                _log.warning("prices_not_read", error=exc.detail)

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
                (self._loaded.discard if price is None else self._loaded.add)(model)
        if self._doorbell is not None:
            self._doorbell.ring(_CHANGED)
        return await self.list()
