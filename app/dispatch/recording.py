"""Writing down what jobs gave: all that waits at once, for as long as it takes, and telling those who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from app.dispatch import wire
from app.dispatch.broker import Broker, token
from app.domain.errors import StoreUnavailable
from app.ports.assignments import Assignments, Told
from app.ports.dispatch import CallKey

_log = structlog.get_logger(__name__)

_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 5.0


class Recording:
    """Args:
    ended: told of each job that its fact is in the store, or with False that the store has no use for it any more.
    """

    def __init__(self, broker: Broker, assignments: Assignments, ended: Callable[[CallKey, bool], None]) -> None:
        self._broker = broker
        self._assignments = assignments
        self._ended = ended
        self._told: list[Told] = []
        self._over = asyncio.Event()

    def add(self, told: Told) -> None:
        """Have a fact written soon."""
        self._told.append(told)
        self._over.set()

    async def run(self) -> None:
        """Write for as long as there is time. What was paid for is not given up because it cannot be written now."""
        wait_s, one_by_one = _FIRST_WAIT_S, False
        while True:
            await self._over.wait()
            most = 1 if one_by_one else len(self._told)
            batch, self._told = self._told[:most], self._told[most:]
            try:
                await self._write(batch)
            except StoreUnavailable as exc:
                _log.error("facts_not_recorded", facts=len(batch), error=exc.detail, retry_in_s=wait_s)
                self._told = batch + self._told
            except Exception:
                # One of them is at fault, and it shall not hold up the others: it goes behind them.
                _log.exception("facts_not_recorded", facts=len(batch), retry_in_s=wait_s)
                self._told += batch
                one_by_one = True
            else:
                wait_s = _FIRST_WAIT_S
                if not self._told:
                    one_by_one = False
                    self._over.clear()
                continue
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _MAX_WAIT_S)

    async def _write(self, batch: list[Told]) -> None:
        owners = await self._assignments.record(batch)
        news: dict[str, list[tuple[CallKey, str | None]]] = {}
        for told in batch:
            owner = owners.get(told.key)
            if owner is not None:
                news.setdefault(owner, []).append((told.key, told.text))
            self._ended(told.key, told.key in owners)
        for owner, facts in news.items():
            subject = self._broker.subject("facts", token(owner))
            for message in wire.dump_news(facts):
                self._broker.send(subject, message)
