"""Requests that start work, done once for each ``Idempotency-Key``: a repeated one gets the answer of the first.

What a key stands for is in the store; in memory there are only the requests under way, so that those that come
meanwhile with the same key wait for the first one instead of doing its work again. A request that failed frees its key:
those that waited for it fail likewise, and the next one tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import structlog

from app.domain.errors import IdempotencyConflict, StoreUnavailable
from app.ports.clock import Clock
from app.ports.idempotency import Answer, IdempotencyStore, KeyTaken, Once, TakenKey
from app.services.periodic import every

_log = structlog.get_logger(__name__)

_FAILED = 400
"""Answers from this status on are not kept."""

_SWEEP_EVERY_S = 3600.0
_SWEEP_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """``fingerprint`` is the SHA-256 of everything that makes two requests the same."""

    tenant_id: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a request came to: its whole ``answer``; without one, the run whose results are the answer.

    ``replayed`` tells that an earlier request with the same key did the work.
    """

    swarm_id: str | None = None
    answer: Answer | None = None
    replayed: bool = False

    @property
    def run_id(self) -> str:
        assert self.swarm_id is not None, "neither an answer nor a run"
        return self.swarm_id


Begin = Callable[[Once | None], Awaitable[Outcome]]
"""Does the work of a request; what it is given is to be stored in the transaction that starts the work."""


@dataclass(slots=True)
class _Flight:
    """The first of the requests with a key that are under way."""

    fingerprint: str
    outcome: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class IdempotencyService:
    """Args:
    kept_ms: how long a key stands for what it was taken for.
    """

    def __init__(self, store: IdempotencyStore, clock: Clock, *, kept_ms: int) -> None:
        self._store = store
        self._clock = clock
        self._kept_ms = kept_ms
        self._flights: dict[tuple[str, str], _Flight] = {}

    async def start(self, request: KeyedRequest | None, begin: Begin) -> Outcome:
        """Do the work with ``begin``, or return what the first request with this key came to.

        Raises:
            IdempotencyConflict: the key was used for another request.
        """
        if request is None:
            return await begin(None)
        place = (request.tenant_id, request.key)
        while (flight := self._flights.get(place)) is not None:
            if flight.fingerprint != request.fingerprint:
                raise IdempotencyConflict
            await asyncio.wait([flight.outcome])
            if not flight.outcome.cancelled():
                return replace(flight.outcome.result(), replayed=True)
        self._flights[place] = flight = _Flight(request.fingerprint)
        try:
            outcome = await self._first(request, begin)
        except BaseException as exc:
            if isinstance(exc, Exception):
                flight.outcome.set_exception(exc)
                flight.outcome.exception()  # nobody may wait for it, which is no fault
            else:
                flight.outcome.cancel()  # this request was cut off; one of those that wait takes its place
            raise
        else:
            flight.outcome.set_result(outcome)
            return outcome
        finally:
            del self._flights[place]

    async def answer(self, request: KeyedRequest | None, give: Callable[[], Awaitable[Answer]]) -> Outcome:
        """Like ``start``, for requests that start no run: the answer is kept once it is there, unless it is a failure.

        A crash between the two loses the answer, and a repeated request does the work again.
        """

        async def begin(once: Once | None) -> Outcome:
            answer = await give()
            if once is not None and answer.status < _FAILED:
                try:
                    await self._store.take(replace(once, answer=answer))
                except StoreUnavailable as exc:
                    _log.warning("answer_not_kept", error=exc.detail)  # what it tells of is done all the same
            return Outcome(answer=answer)

        return await self.start(request, begin)

    async def complete(self, once: Once | None, answer: Answer) -> None:
        """Keep the answer of a request whose key was stored before it was known."""
        if once is not None:
            await self._store.answer(replace(once, answer=answer))

    async def _first(self, request: KeyedRequest, begin: Begin) -> Outcome:
        taken = await self._find(request)
        if taken is None:
            now_ms = self._clock.now_ms()
            once = Once(
                tenant_id=request.tenant_id,
                key=request.key,
                fingerprint=request.fingerprint,
                created_at_ms=now_ms,
                expired_ms=now_ms - self._kept_ms,
            )
            try:
                return await begin(once)
            except KeyTaken:
                # By a request of another process, or by one that was cut off here and written all the same.
                taken = await self._find(request)
                if taken is None:  # and deleted at once
                    raise IdempotencyConflict from None
        if taken.fingerprint != request.fingerprint:
            raise IdempotencyConflict
        return Outcome(swarm_id=taken.swarm_id, answer=taken.answer, replayed=True)

    async def _find(self, request: KeyedRequest) -> TakenKey | None:
        expired_ms = self._clock.now_ms() - self._kept_ms
        return await self._store.find(request.tenant_id, request.key, expired_ms=expired_ms)

    # --- expiry ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Delete expired keys now and then while the block runs."""
        sweeper = asyncio.create_task(
            every(_SWEEP_EVERY_S, self.sweep, "idempotency_sweep_refused"), name="idempotency sweep"
        )
        try:
            yield
        finally:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)

    async def sweep(self) -> int:
        """Delete all expired keys, in bites that hold nobody up; return how many there were."""
        expired_ms = self._clock.now_ms() - self._kept_ms
        swept = 0
        while True:
            count = await self._store.sweep(expired_ms=expired_ms, limit=_SWEEP_ROWS)
            swept += count
            if count < _SWEEP_ROWS:
                return swept
