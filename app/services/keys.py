"""API keys: mint, list, change, rotate, revoke, and the check of a bearer token."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import structlog

from app.domain.errors import InvalidRequest, NotFound, StoreUnavailable
from app.domain.ids import KEY_PREFIX, make_id
from app.domain.request_rate import RequestRate
from app.ports.clock import Clock, Entropy
from app.ports.keys import KeyRow, KeyStore
from app.ports.pages import Page
from app.ports.tickets import TicketStore
from app.services.key_rules import refuse_beyond, with_limits

_log = structlog.get_logger(__name__)

SCOPES = ("read", "run", "admin")

_SECRET_PREFIX = "sk-swarmd-"  # noqa: S105 - the public part
_SECRET_BITS = 256
_SHOWN_DIGITS = 6
"""Of the secret's 64, to tell keys apart: 232 bits stay unknown."""

_CACHE_S = 2.0
"""How long a check is remembered: a revoked key works this long at most."""

MAX_GRACE_S = 7 * 86_400

_TICKET_S = 60.0
_CACHE_SIZE = 10_000
_NOTE_S = 60.0
"""How often it is written when keys were used last."""


def _nobody_listens(_: KeyRow) -> None:
    return None


async def _nobody_waits(_: KeyRow) -> None:
    return None


class KeyService:
    """Args:
    shared_tickets: where a ticket must be good at other nodes; else it is only in memory.
    """

    def __init__(
        self, keys: KeyStore, clock: Clock, entropy: Entropy, shared_tickets: TicketStore | None = None
    ) -> None:
        self._keys = keys
        self._shared_tickets = shared_tickets
        self._clock = clock
        self._entropy = entropy
        self._seen: Callable[[KeyRow], None] = _nobody_listens
        self._changed: Callable[[KeyRow], Awaitable[None]] = _nobody_waits
        self._checked: dict[str, tuple[float, KeyRow | None]] = {}
        self._exists: tuple[float, bool] | None = None
        self._tickets: dict[str, tuple[float, str, tuple[str, ...]]] = {}
        self._rates: dict[str, RequestRate] = {}
        self._used: dict[str, int] = {}

    def attach(self, seen: Callable[[KeyRow], None], changed: Callable[[KeyRow], Awaitable[None]]) -> None:
        """Tell a running service of limits.

        Args:
            seen: hears of a key as it is in the store, before anything is started with it.
            changed: hears of one whose limits were changed, to let them hold for what is under way.
        """
        self._seen, self._changed = seen, changed

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell of the keys whose limits hold for work that goes on; write when keys were used last."""
        for key in await self._keys.limited():
            self._seen(key)
        task = asyncio.create_task(self._note(), name="keys")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.note_used()

    # --- keeping them ------------------------------------------------------------------------------------------------

    async def create(
        self,
        tenant_id: str,
        name: str,
        scopes: Sequence[str],
        *,
        max_cost_per_day_usd: Decimal | None = None,
        max_requests_per_minute: int | None = None,
        max_parallel_agents: int | None = None,
        expires_at_ms: int | None = None,
        by: str | None = None,
    ) -> tuple[KeyRow, str]:
        """Mint a key; the secret is returned this once and kept nowhere.

        Args:
            max_cost_per_day_usd: what runs and calls with the key may cost a day (UTC); None sets no cap.
            by: id of the key that mints it, which gives no more than it has; None: the operator at the command line.

        Raises:
            InvalidRequest: no scope, or one that does not exist; a limit that is no sane number; expiry in the past.
            Forbidden: scopes or limits beyond those of ``by``.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise InvalidRequest.field("/scopes", f"expected some of {', '.join(SCOPES)}; got {list(scopes)}")
        now_ms = self._clock.now_ms()
        secret = self._new_secret()
        key = KeyRow(
            key_id=make_id(KEY_PREFIX, now_ms, self._entropy.bits(80)),
            tenant_id=tenant_id,
            name=name,
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            created_at_ms=now_ms,
            revoked_at_ms=None,
            prefix=_shown(secret),
        )
        limits = {
            "max_cost_per_day_usd": max_cost_per_day_usd,
            "max_requests_per_minute": max_requests_per_minute,
            "max_parallel_agents": max_parallel_agents,
            "expires_at_ms": expires_at_ms,
        }
        key = with_limits(key, limits, now_ms)
        await self._refuse_beyond(by, key)
        await self._keys.create(key, _hash(secret))
        self._exists = None
        return key, secret

    async def list(self, tenant_id: str | None, *, limit: int, cursor: str | None) -> Page[KeyRow]:
        """Oldest first, revoked ones included; of all tenants where ``tenant_id`` is None."""
        return await self._keys.list(tenant_id, limit=limit, cursor=cursor)

    async def get(self, tenant_id: str | None, key_id: str) -> KeyRow:
        """Return a key of the tenant, of any where that is None.

        Raises:
            NotFound: there is none, for this tenant.
        """
        key = await self._keys.get(key_id)
        if key is None or tenant_id not in {None, key.tenant_id}:
            raise NotFound("key", key_id)
        return key

    async def change(
        self, tenant_id: str | None, key_id: str, changes: Mapping[str, Any], *, by: str | None = None
    ) -> KeyRow:
        """Change name and limits (as ``create`` takes them); those not named stay.

        Raises:
            NotFound: there is no such key, or it was revoked.
            InvalidRequest: as for ``create``.
            Forbidden: it would have more than the key ``by``.
        """
        key = with_limits(await self._live(tenant_id, key_id), changes, self._clock.now_ms())
        await self._refuse_beyond(by, key)
        if not await self._keys.change(key):
            raise NotFound("key", key_id)
        self._checked.clear()
        self._seen(key)
        await self._changed(key)
        return key

    async def rotate(
        self, tenant_id: str | None, key_id: str, *, grace_s: float = 0.0, by: str | None = None
    ) -> tuple[KeyRow, str]:
        """Give a key another secret, which is returned this once.

        Args:
            grace_s: for so long the present secret works, too; one from before it no longer does.

        Raises:
            NotFound: there is no such key, or it was revoked.
            Forbidden: the key has more than the key ``by``, which would get at it that way.
        """
        if not 0 <= grace_s <= MAX_GRACE_S:
            raise InvalidRequest.field("/grace_s", f"expected 0 to {MAX_GRACE_S} seconds")
        key = await self._live(tenant_id, key_id)
        await self._refuse_beyond(by, key)
        secret = self._new_secret()
        until_ms = self._clock.now_ms() + int(grace_s * 1000) if grace_s else None
        if not await self._keys.rotate(key_id, _hash(secret), _shown(secret), until_ms):
            raise NotFound("key", key_id)
        self._checked.clear()
        return replace(key, prefix=_shown(secret), old_secret_until_ms=until_ms), secret

    async def revoke(self, tenant_id: str | None, key_id: str) -> None:
        """Let a key work no longer; one that was revoked stays as it is.

        Raises:
            NotFound: there is no such key.
        """
        await self.get(tenant_id, key_id)
        await self._keys.revoke(key_id, self._clock.now_ms())
        self._checked.clear()
        self._exists = None

    # --- checking them -----------------------------------------------------------------------------------------------

    async def check(self, secret: str) -> KeyRow | None:
        """Return the live key of a bearer token; the work done does not depend on how wrong the token is."""
        digest = _hash(secret)
        now = self._clock.monotonic()
        known = self._checked.get(digest)
        if known is None or now - known[0] >= _CACHE_S:
            known = (now, await self._keys.find(digest, self._clock.now_ms()))
            if len(self._checked) >= _CACHE_SIZE:
                self._checked.clear()
            self._checked[digest] = known
            if known[1] is not None:
                self._seen(known[1])
        if known[1] is not None:
            self._used[known[1].key_id] = self._clock.now_ms()
        return known[1]

    def wait_s(self, key: KeyRow) -> float | None:
        """Count one request of the key; return in how many seconds it may make one, where it may not make this one."""
        most = key.max_requests_per_minute
        if most is None:
            return None
        now = self._clock.monotonic()
        rate = self._rates.get(key.key_id)
        if rate is None or rate.per_minute != most:
            rate = self._rates[key.key_id] = RequestRate(most, now)
        return rate.take(now)

    async def issue_ticket(self, tenant_id: str, scopes: Sequence[str]) -> tuple[str, int]:
        """Return a ticket that stands for the caller for one minute, and when it ends (Unix milliseconds)."""
        ticket = f"{self._entropy.bits(_SECRET_BITS):064x}"
        now = self._clock.monotonic()
        self._tickets = {text: entry for text, entry in self._tickets.items() if entry[0] > now}
        if self._shared_tickets is not None:
            await self._shared_tickets.put(_hash(ticket), tenant_id, " ".join(scopes), _TICKET_S)
        self._tickets[ticket] = (now + _TICKET_S, tenant_id, tuple(scopes))
        return ticket, self._clock.now_ms() + int(_TICKET_S * 1000)

    async def check_ticket(self, ticket: str) -> tuple[str, tuple[str, ...]] | None:
        """Return tenant and scopes of a live ticket."""
        entry = self._tickets.get(ticket)
        if entry is not None and entry[0] > self._clock.monotonic():
            return entry[1:]
        found = None if self._shared_tickets is None else await self._shared_tickets.find(_hash(ticket))
        return None if found is None else (found[0], tuple(found[1].split()))

    async def any_live(self) -> bool:
        """Return whether a key exists, so that every request must bring one; one that expired keeps the door shut."""
        now = self._clock.monotonic()
        if self._exists is None or now - self._exists[0] >= _CACHE_S:
            self._exists = (now, await self._keys.any_live())
        return self._exists[1]

    async def note_used(self) -> None:
        """Write when keys were used last."""
        used, self._used = self._used, {}
        try:
            await self._keys.note_used(used)
        except StoreUnavailable as exc:
            self._used = used | self._used
            _log.warning("key_use_not_noted", error=exc.detail)

    # --- rules -------------------------------------------------------------------------------------------------------

    async def _live(self, tenant_id: str | None, key_id: str) -> KeyRow:
        key = await self.get(tenant_id, key_id)
        if key.revoked_at_ms is not None:
            raise NotFound("key", key_id)
        return key

    async def _refuse_beyond(self, by: str | None, key: KeyRow) -> None:
        minting = None if by is None else await self._keys.get(by)
        if minting is not None:
            refuse_beyond(minting, key)

    def _new_secret(self) -> str:
        return f"{_SECRET_PREFIX}{self._entropy.bits(_SECRET_BITS):064x}"

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(_NOTE_S)
            await self.note_used()


def _shown(secret: str) -> str:
    return secret[: len(_SECRET_PREFIX) + _SHOWN_DIGITS]


def _hash(secret: str) -> str:
    """SHA-256 suffices: the secret is 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
