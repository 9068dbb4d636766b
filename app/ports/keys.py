"""API keys as they are kept: never the secret itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """``scopes`` is a subset of ``read``, ``run``, ``admin``; times are Unix milliseconds.

    ``max_cost_per_day_nano_usd`` caps what runs and calls with this key may cost a day (UTC); None: no cap.
    """

    key_id: str
    tenant_id: str
    name: str
    scopes: tuple[str, ...]
    created_at_ms: int
    revoked_at_ms: int | None
    max_cost_per_day_nano_usd: int | None = None


class KeyStore(Protocol):
    async def create(self, key: KeyRow, secret_hash: str) -> None: ...

    async def find(self, secret_hash: str) -> KeyRow | None:
        """Return the key that is not revoked and whose secret has this hash."""
        ...

    async def get(self, key_id: str) -> KeyRow | None:
        """Return a key, revoked or not."""
        ...

    async def any_live(self) -> bool:
        """Return whether some key exists that is not revoked."""
        ...

    async def list(self) -> Sequence[KeyRow]:
        """Oldest first, revoked ones included."""
        ...

    async def revoke(self, key_id: str, at_ms: int) -> bool:
        """False when there is no such live key."""
        ...
