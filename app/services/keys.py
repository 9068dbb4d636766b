"""API keys: mint, list, revoke, and the check of a bearer token."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from app.domain.errors import InvalidRequest, NotFound
from app.domain.ids import make_id
from app.domain.usage import NANO_USD
from app.ports.clock import Clock, Entropy
from app.ports.keys import KeyRow, KeyStore

SCOPES = ("read", "run", "admin")

_SECRET_PREFIX = "sk-swarmd-"  # noqa: S105 - the public part
_SECRET_BITS = 256
_CACHE_S = 2.0
"""How long a check is remembered: a revoked key works this long at most."""

_MAX_COST_PER_DAY_USD = 1_000_000

_TICKET_S = 60.0
_CACHE_SIZE = 10_000


class KeyService:
    def __init__(self, keys: KeyStore, clock: Clock, entropy: Entropy) -> None:
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._checked: dict[str, tuple[float, KeyRow | None]] = {}
        self._exists: tuple[float, bool] | None = None
        self._tickets: dict[str, tuple[float, str, tuple[str, ...]]] = {}

    async def create(
        self, tenant_id: str, name: str, scopes: Sequence[str], *, max_cost_per_day_usd: Decimal | None = None
    ) -> tuple[KeyRow, str]:
        """Mint a key; the secret is returned this once and kept nowhere.

        Args:
            max_cost_per_day_usd: what runs and calls with the key may cost a day (UTC); None sets no cap.

        Raises:
            InvalidRequest: no scope, or one that does not exist; a cap that is no sane amount.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise InvalidRequest.field("/scopes", f"expected some of {', '.join(SCOPES)}; got {list(scopes)}")
        now_ms = self._clock.now_ms()
        key = KeyRow(
            key_id=make_id("key_", now_ms, self._entropy.bits(80)),
            tenant_id=tenant_id,
            name=name,
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            created_at_ms=now_ms,
            revoked_at_ms=None,
            max_cost_per_day_nano_usd=_nano_usd(max_cost_per_day_usd),
        )
        secret = f"{_SECRET_PREFIX}{self._entropy.bits(_SECRET_BITS):064x}"
        await self._keys.create(key, _hash(secret))
        self._exists = None
        return key, secret

    async def list(self) -> Sequence[KeyRow]:
        return await self._keys.list()

    async def revoke(self, key_id: str) -> None:
        if not await self._keys.revoke(key_id, self._clock.now_ms()):
            raise NotFound("key", key_id)
        self._checked.clear()
        self._exists = None

    async def check(self, secret: str) -> KeyRow | None:
        """Return the live key of a bearer token; the work done does not depend on how wrong the token is."""
        digest = _hash(secret)
        now = self._clock.monotonic()
        known = self._checked.get(digest)
        if known is not None and now - known[0] < _CACHE_S:
            return known[1]
        key = await self._keys.find(digest)
        if len(self._checked) >= _CACHE_SIZE:
            self._checked.clear()
        self._checked[digest] = (now, key)
        return key

    def issue_ticket(self, tenant_id: str, scopes: Sequence[str]) -> tuple[str, int]:
        """Return a ticket that stands for the caller for one minute, and when it ends (Unix milliseconds)."""
        now = self._clock.monotonic()
        self._tickets = {text: entry for text, entry in self._tickets.items() if entry[0] > now}
        ticket = f"{self._entropy.bits(_SECRET_BITS):064x}"
        self._tickets[ticket] = (now + _TICKET_S, tenant_id, tuple(scopes))
        return ticket, self._clock.now_ms() + int(_TICKET_S * 1000)

    def check_ticket(self, ticket: str) -> tuple[str, tuple[str, ...]] | None:
        """Return tenant and scopes of a live ticket."""
        entry = self._tickets.get(ticket)
        return entry[1:] if entry is not None and entry[0] > self._clock.monotonic() else None

    async def any_live(self) -> bool:
        """Return whether a key exists, so that every request must bring one."""
        now = self._clock.monotonic()
        if self._exists is None or now - self._exists[0] >= _CACHE_S:
            self._exists = (now, await self._keys.any_live())
        return self._exists[1]


def _nano_usd(dollars: Decimal | None) -> int | None:
    if dollars is None:
        return None
    if not dollars.is_finite() or not 0 <= dollars <= _MAX_COST_PER_DAY_USD:
        raise InvalidRequest.field("/max_cost_per_day_usd", f"expected 0 to {_MAX_COST_PER_DAY_USD} dollars")
    if dollars * NANO_USD % 1:
        raise InvalidRequest.field("/max_cost_per_day_usd", "expected at most nine decimals")
    return int(dollars * NANO_USD)


def _hash(secret: str) -> str:
    """SHA-256 suffices: the secret is 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
