"""API keys as they are kept: never the secret itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.ports.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """``scopes`` is a subset of ``read``, ``run``, ``admin``; times are Unix milliseconds; None is no limit.

    Attributes:
        prefix: the first characters of the secret, to tell keys apart; None for keys of older versions.
        max_cost_per_day_nano_usd: what runs and calls with this key may cost a day (UTC).
        max_requests_per_minute: of HTTP requests and handshakes of sockets.
        max_parallel_agents: model calls under way at once, of all work that was started with this key.
        last_used_at_ms: to the minute; None: never.
        old_secret_until_ms: until when the secret before the last rotation works, too.
    """

    key_id: str
    tenant_id: str
    name: str
    scopes: tuple[str, ...]
    created_at_ms: int
    revoked_at_ms: int | None
    max_cost_per_day_nano_usd: int | None = None
    prefix: str | None = None
    max_requests_per_minute: int | None = None
    max_parallel_agents: int | None = None
    last_used_at_ms: int | None = None
    expires_at_ms: int | None = None
    old_secret_until_ms: int | None = None


class KeyStore(Protocol):
    async def create(self, key: KeyRow, secret_hash: str) -> None: ...

    async def find(self, secret_hash: str, now_ms: int) -> KeyRow | None:
        """Return the live key whose secret has this hash, or whose secret before the last rotation has and still works.

        Live is what is neither revoked nor expired at ``now_ms``.
        """
        ...

    async def get(self, key_id: str) -> KeyRow | None:
        """Return a key, revoked or not."""
        ...

    async def any_live(self) -> bool:
        """Return whether some key exists that is not revoked; an expired one counts."""
        ...

    async def list(self, tenant_id: str | None, *, limit: int, cursor: str | None) -> Page[KeyRow]:
        """Oldest first, revoked ones included; of all tenants where ``tenant_id`` is None.

        Raises:
            InvalidRequest: the cursor is none of this list.
        """
        ...

    async def limited(self) -> Sequence[KeyRow]:
        """Return the keys that are not revoked and have ``max_parallel_agents``."""
        ...

    async def change(self, key: KeyRow) -> bool:
        """Write name, limits and expiry; False when there is no such key that is not revoked."""
        ...

    async def rotate(self, key_id: str, secret_hash: str, prefix: str, old_until_ms: int | None) -> bool:
        """Give the key another secret.

        Args:
            old_until_ms: until when the present secret works, too; None: no longer. One before it ends now.

        Returns:
            False when there is no such key that is not revoked.
        """
        ...

    async def revoke(self, key_id: str, at_ms: int) -> bool:
        """False when there is no such live key."""
        ...

    async def note_used(self, at_ms: Mapping[str, int]) -> None:
        """Write when keys were used last, by id."""
        ...
