"""Stores of what several nodes share, in memory: for simulations in virtual time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from app.ports.learned import Learned
from app.ports.shares import Ask, ShareRow
from app.ports.signs import Sign
from tests.support.virtual_time import VirtualTime


class Shares:
    """A store of shares, as the database keeps them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], ShareRow] = {}
        self.used: dict[tuple[str, str], int] = {}

    async def take(
        self, node: str, asks: Sequence[Ask], given_back: Collection[str] = ()
    ) -> Mapping[str, Sequence[ShareRow]]:
        for pool in given_back:
            del self.rows[pool, node]
        found = {}
        for ask in asks:
            others = [row for (of, name), row in self.rows.items() if of == ask.pool and name != node]
            left = ask.limit - sum(max(row.share, self.used[ask.pool, row.node]) for row in others)
            self.rows[ask.pool, node] = ShareRow(node, ask.demand, min(ask.wanted, max(left, 0)))
            self.used[ask.pool, node] = ask.used
            found[ask.pool] = [*others, self.rows[ask.pool, node]]
        return found


class LearnedLimits:
    """A store of learned limits, as the database keeps them."""

    def __init__(self) -> None:
        self.limits: dict[str, float] = {}

    async def add(self, learned: Mapping[str, Learned]) -> Mapping[str, float]:
        for lane, one in learned.items():
            known = self.limits.get(lane)
            self.limits[lane] = max(one.limit if known is None else known + one.change, 0.01)
        return dict(self.limits)


class Signs:
    """A store of signs, as the database keeps them."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.rows: dict[str, tuple[Sign, float]] = {}

    async def say(self, signs: Sequence[Sign]) -> None:
        for sign in signs:
            standing = self.rows.get(sign.name)
            if standing is None or standing[0].version < sign.version:
                self.rows[sign.name] = (sign, self._time.now)

    async def standing(self) -> Sequence[Sign]:
        return [replace(sign, age_s=self._time.now - at) for sign, at in self.rows.values()]
