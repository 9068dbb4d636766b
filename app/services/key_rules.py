"""What limits a key may have, and what one key may give another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.domain.errors import Forbidden, InvalidRequest
from app.domain.usage import NANO_USD
from app.ports.keys import KeyRow

_MAX_COST_PER_DAY_USD = 1_000_000
_MOST = {"max_requests_per_minute": 10_000_000, "max_parallel_agents": 100_000}
_LIMITS = ("max_cost_per_day_nano_usd", *_MOST, "expires_at_ms")


def with_limits(key: KeyRow, changes: Mapping[str, Any], now_ms: int) -> KeyRow:
    """Return the key with other fields (``max_cost_per_day_usd`` in dollars, as a ``Decimal``).

    Raises:
        InvalidRequest: a limit that is no sane number, or an expiry that is past.
    """
    fields = dict(changes)
    if "max_cost_per_day_usd" in fields:
        fields["max_cost_per_day_nano_usd"] = _nano_usd(fields.pop("max_cost_per_day_usd"))
    for name, most in _MOST.items():
        given = fields.get(name)
        if given is not None and not 1 <= given <= most:
            raise InvalidRequest.field(f"/{name}", f"expected 1 to {most}; got {given}")
    expires_at_ms = fields.get("expires_at_ms")
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidRequest.field("/expires_at", "expected a time to come")
    return replace(key, **fields)


def refuse_beyond(minting: KeyRow, key: KeyRow) -> None:
    """Raises Forbidden where ``key`` has more than ``minting``.

    Else whoever holds a limited key would mint, change or rotate its way around the limits.
    """
    missing = set() if "admin" in minting.scopes else set(key.scopes) - set(minting.scopes)
    if missing:
        raise Forbidden(f"a key mints only subsets of its scopes; yours lacks {', '.join(sorted(missing))}")
    for name in _LIMITS:
        own, given = getattr(minting, name), getattr(key, name)
        if own is not None and (given is None or given > own):
            limit = name.replace("_nano_usd", "_usd").removesuffix("_ms")
            raise Forbidden(f"your key has {limit} itself and gives no key more: set it, and not above your own")


def _nano_usd(dollars: Decimal | None) -> int | None:
    if dollars is None:
        return None
    if not dollars.is_finite() or not 0 <= dollars <= _MAX_COST_PER_DAY_USD:
        raise InvalidRequest.field("/max_cost_per_day_usd", f"expected 0 to {_MAX_COST_PER_DAY_USD} dollars")
    if dollars * NANO_USD % 1:
        raise InvalidRequest.field("/max_cost_per_day_usd", "expected at most nine decimals")
    return int(dollars * NANO_USD)
