"""What the status, the headers and the error body of an upstream's answer mean."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import orjson

from app.domain.retry import MAX_RETRY_AFTER_S
from app.ports.provider import (
    AuthenticationRejected,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    RateLimitHeaders,
    Refused,
    Unavailable,
)

_MAX_EXCERPT = 500

_QUOTA_CODES = frozenset({"insufficient_quota", "exceeded_current_quota_error", "insufficient_balance"})
"""429s that no wait mends: OpenAI's error codes page, Moonshot's error table (2026)."""

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MAX_RESET_S = 7 * 86_400.0
_MAX_DIGITS = 15


def failure_of(
    name: str, status: int, detail: str, code: str | None, retry_after_s: float | None = None
) -> ProviderError:
    """Return the error that a status stands for.

    Args:
        name: of the endpoint, for the message.
    """
    message = f"{name} answered {status}: {detail}"
    if status in {402, 429} and (status == 402 or code in _QUOTA_CODES):
        return QuotaExhausted(message, status=status)
    if status == 429:
        return RateLimited(message, status=status, retry_after_s=retry_after_s)
    if status in {401, 403}:
        return AuthenticationRejected(message, status=status)
    if status == 408:
        return ProviderTimeout(message, status=status)
    if status >= 500 or status in {409, 425}:
        return Unavailable(message, status=status, retry_after_s=retry_after_s)
    return Refused(message, status=status)


def error_of(answer: bytes) -> tuple[str, str | None]:
    """Return the message and the code of an error body, or an excerpt of whatever came instead."""
    try:
        error = orjson.loads(answer)["error"]
        if isinstance(error, str):
            return error[:_MAX_EXCERPT], None
        code = error.get("code") or error.get("type")
        return str(error.get("message") or "no message")[:_MAX_EXCERPT], str(code) if code else None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return answer[:_MAX_EXCERPT].decode("utf-8", "replace") or "no body", None


def retry_after_s(headers: Mapping[str, str], now_ms: int) -> float | None:
    """``Retry-After`` in seconds or as a date (RFC 9110, 10.2.3), or OpenAI's ``retry-after-ms``."""
    try:
        if "retry-after-ms" in headers:
            wait_s = float(headers["retry-after-ms"]) / 1000
            if not math.isfinite(wait_s):
                return None
        elif "Retry-After" in headers:
            value = headers["Retry-After"]
            if value.strip().replace(".", "", 1).isdigit():
                wait_s = float(value)
            else:
                wait_s = parsedate_to_datetime(value).timestamp() - now_ms / 1000
        else:
            return None
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def rate_limit_of(headers: Mapping[str, str]) -> RateLimitHeaders | None:
    """Read ``x-ratelimit-…`` (OpenAI's rate-limits page, 2026; others send the same); None where there are none."""
    requests = headers.get("x-ratelimit-remaining-requests")
    tokens = headers.get("x-ratelimit-remaining-tokens")
    if requests is None and tokens is None:
        return None
    resets = [_duration_s(headers.get(name)) for name in ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")]
    found = RateLimitHeaders(
        remaining_requests=_remaining(requests),
        remaining_tokens=_remaining(tokens),
        reset_s=max((reset for reset in resets if reset is not None), default=None),
    )
    return None if found == RateLimitHeaders() else found


def _remaining(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def _duration_s(text: str | None) -> float | None:
    """Read ``1s``, ``6m0s``, ``20ms`` as OpenAI writes them, or a plain number of seconds."""
    text = (text or "").strip().lower()
    if not text.isascii() or len(text) > _MAX_DIGITS * 2:
        return None
    if text.replace(".", "", 1).isdigit():
        return min(float(text), _MAX_RESET_S)
    if not _DURATION.fullmatch(text):
        return None
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION_PART.findall(text))
    return min(seconds, _MAX_RESET_S)
