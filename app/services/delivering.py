"""Sends what webhooks are owed: each message until its receiver has taken it, or its attempts are used up.

A message is delivered at least once: what a crash or a stop cuts off is sent again, under the same id. Receivers do not
hold each other up: of one host, and of one tenant, only so many deliveries are under way at once. Nothing polls: the
worker sleeps until a doorbell rings, a delivery ends, or the next attempt is due.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from standardwebhooks import Webhook as Signer

from app.domain.errors import StoreUnavailable
from app.domain.webhooks import DeliveryStatus, RetrySchedule, retry_after_s
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import Doorbell
from app.ports.fetching import Fetched, Fetcher, FetchError, FetchRequest
from app.ports.telemetry import DeliveryMetrics
from app.ports.webhooks import NEW_DELIVERIES, Attempt, Upcoming, WebhookStore
from app.services.periodic import every
from app.services.webhooks import WebhookService

_log = structlog.get_logger(__name__)

_SLOWEST_LOOK_S = 60.0
"""The wall clock, which says when an attempt is due, may be set; so it is looked at from time to time."""

_STORE_AWAY_S = 5.0
_PRUNE_S = 3_600.0
_PRUNED_AT_ONCE = 500
_DAY_MS = 86_400_000
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Bounds of the worker.

    Attributes:
        timeout_s: of one attempt, until the head of the answer is there.
        kept_days: how long deliveries that ended are kept.
        stop_s: what deliveries under way get at a stop; then they are cut off.
    """

    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    timeout_s: float = 15.0
    at_once: int = 64
    at_once_a_host: int = 4
    at_once_a_tenant: int = 16
    kept_days: int = 30
    stop_s: float = 2.0


@dataclass(frozen=True, slots=True)
class _Flight:
    host: str
    tenant_id: str
    task: asyncio.Task[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What came of an attempt: a status, or no answer."""

    status_code: int | None = None
    error: str | None = None
    retry_after_s: float | None = None


class Deliverer:
    """Args:
    may_deliver: whether this node is the one that delivers, asked before each look; None where it is the only one.
    """

    def __init__(
        self,
        store: WebhookStore,
        webhooks: WebhookService,
        fetcher: Fetcher,
        doorbell: Doorbell,
        clock: Clock,
        entropy: Entropy,
        settings: DeliverySettings,
        metrics: DeliveryMetrics,
        may_deliver: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._store = store
        self._webhooks = webhooks
        self._fetcher = fetcher
        self._doorbell = doorbell
        self._clock = clock
        self._entropy = entropy
        self._settings = settings
        self._metrics = metrics
        self._may_deliver = may_deliver
        self._flights: dict[str, _Flight] = {}
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the context lasts, first what the last process left."""
        with self._doorbell.listen(NEW_DELIVERIES, self._news.set):
            workers = [
                asyncio.create_task(self._run(), name="webhooks"),
                asyncio.create_task(every(_PRUNE_S, self._prune, "webhooks_not_pruned"), name="webhooks pruned"),
            ]
            try:
                yield
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                await self._land()

    async def _land(self) -> None:
        """Let what is under way end, for a moment; the rest is sent again after the next start."""
        tasks = [flight.task for flight in self._flights.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.stop_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                wait_s = await self._start_due()
            except StoreUnavailable as exc:
                _log.warning("webhooks_not_read", error=exc.detail)
                wait_s = _STORE_AWAY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _start_due(self) -> float:
        """Start every delivery that is due and has room; return the seconds until there may be more."""
        settings = self._settings
        if self._may_deliver is not None and not await self._may_deliver():
            return _STORE_AWAY_S
        while (room := settings.at_once - len(self._flights)) > 0:
            hosts = Counter(flight.host for flight in self._flights.values())
            tenants = Counter(flight.tenant_id for flight in self._flights.values())
            found = await self._store.upcoming(
                limit=room,
                not_hosts=[host for host, count in hosts.items() if count >= settings.at_once_a_host],
                not_tenants=[tenant for tenant, count in tenants.items() if count >= settings.at_once_a_tenant],
                not_ids=list(self._flights),
            )
            now_ms = self._clock.now_ms()
            due = [one for one in found if one.at_ms <= now_ms]
            for one in due:
                if (
                    one.delivery_id not in self._flights
                    and hosts[one.host] < settings.at_once_a_host
                    and tenants[one.tenant_id] < settings.at_once_a_tenant
                ):
                    hosts[one.host] += 1
                    tenants[one.tenant_id] += 1
                    task = asyncio.create_task(self._deliver(one), name=f"webhook {one.delivery_id}")
                    self._flights[one.delivery_id] = _Flight(one.host, one.tenant_id, task)
            if len(due) < len(found):
                return min((found[len(due)].at_ms - now_ms) / 1000, _SLOWEST_LOOK_S)
            if not due:
                break
        return _SLOWEST_LOOK_S

    async def _deliver(self, one: Upcoming) -> None:
        try:
            began = self._clock.monotonic()
            result = await self._try(one)
            await self._record(one, result, (self._clock.monotonic() - began) * 1000)
        finally:
            del self._flights[one.delivery_id]
            self._news.set()

    async def _try(self, one: Upcoming) -> _Result:
        try:
            answer = await self._send(one)
        except FetchError as exc:
            return _Result(error=exc.detail)
        except StoreUnavailable as exc:
            return _Result(error=f"not sent: {exc.detail}")
        except Exception:
            _log.exception("webhook_crashed", delivery_id=one.delivery_id, swarm_id=one.swarm_id)
            return _Result(error="not sent: a fault of the service; see its log")
        if 200 <= answer.status < 300:
            return _Result(status_code=answer.status)
        error = f"answered {answer.status}"
        if 300 <= answer.status < 400:
            error += "; redirects are not followed"
        wait_s = retry_after_s(answer.headers.get("retry-after"), self._clock.now_ms())
        return _Result(status_code=answer.status, error=error, retry_after_s=wait_s)

    async def _send(self, one: Upcoming) -> Fetched:
        at_s = self._clock.now_ms() // 1000
        moment = datetime.fromtimestamp(at_s, UTC)
        secrets = await self._webhooks.secrets_of(one.tenant_id, one.secret)
        signatures = [Signer(secret).sign(one.delivery_id, moment, one.body) for secret in secrets]
        headers = {
            "Content-Type": "application/json",
            "webhook-id": one.delivery_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": " ".join(signatures),
        }
        return await self._fetcher.fetch(
            FetchRequest(
                url=one.url,
                method="POST",
                headers=headers,
                body=one.body.encode(),
                max_bytes=0,
                timeout_s=self._settings.timeout_s,
                max_redirects=0,
            )
        )

    async def _record(self, one: Upcoming, result: _Result, latency_ms: float) -> None:
        """Write what came of an attempt; a store that refuses is asked again, or else the message is sent again."""
        now_ms = self._clock.now_ms()
        status, next_at_ms, failures = self._verdict(one, result, now_ms)
        attempt = Attempt(
            attempt=one.attempts + 1,
            at_ms=now_ms,
            latency_ms=round(latency_ms, 1),
            status_code=result.status_code,
            error=result.error,
        )
        said = _log.info if status is DeliveryStatus.DELIVERED else _log.warning
        said(
            f"webhook_{'failed' if status is DeliveryStatus.PENDING else status.value}",
            delivery_id=one.delivery_id,
            swarm_id=one.swarm_id,
            host=one.host,
            attempt=attempt.attempt,
            error=result.error,
        )
        while True:
            try:
                await self._store.record(one.delivery_id, attempt, status, failures=failures, next_at_ms=next_at_ms)
            except StoreUnavailable as exc:
                _log.warning("webhook_not_recorded", delivery_id=one.delivery_id, error=exc.detail)
                await asyncio.sleep(_STORE_AWAY_S)
            else:
                self._metrics.attempted(status)
                return

    def _verdict(self, one: Upcoming, result: _Result, now_ms: int) -> tuple[DeliveryStatus, int | None, int]:
        """Return where the delivery is now, when it is tried again, and its failures so far."""
        if result.error is None:
            return DeliveryStatus.DELIVERED, None, 0
        failures = one.failures + 1
        delay_s = self._settings.schedule.delay_s(failures, self._entropy.sample(), result.retry_after_s)
        if delay_s is None or result.status_code == _GONE:
            return DeliveryStatus.DEAD, None, failures
        return DeliveryStatus.PENDING, now_ms + round(delay_s * 1000), failures

    async def _prune(self) -> None:
        before_ms = self._clock.now_ms() - self._settings.kept_days * _DAY_MS
        while await self._store.prune(before_ms, limit=_PRUNED_AT_ONCE):
            continue
