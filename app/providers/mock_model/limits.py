"""The hidden limits of the mock provider, which clients only notice by their 429."""

from __future__ import annotations

import math
from typing import Any

import orjson

from app.ports.provider import JsonObject
from app.providers.offline.reading import message_texts
from app.providers.offline.tokens import estimate_messages, estimate_tokens


class HiddenRate:
    """A token bucket that holds at most one second's worth of requests (at least one)."""

    def __init__(self) -> None:
        self._level: float | None = None
        self._at_s = 0.0

    def take(self, per_s: float, now_s: float) -> float:
        """Take one request at ``now_s`` (monotonic seconds): 0.0 when let in, else the seconds until one would be."""
        capacity = max(per_s, 1.0)
        level = capacity if self._level is None else min(capacity, self._level + (now_s - self._at_s) * per_s)
        self._at_s = now_s
        if level >= 1.0:
            self._level = level - 1.0
            return 0.0
        self._level = level
        return (1.0 - level) / per_s

    def forget(self) -> None:
        self._level = None


def prompt_tokens(body: JsonObject) -> int:
    """Estimated tokens of everything a model reads: messages, tool definitions and the schema of the answer."""
    messages = body.get("messages")
    texts = message_texts(messages if isinstance(messages, list) else [])
    given = [value for name in ("tools", "response_format") if (value := body.get(name))]
    return estimate_messages(texts) + sum(estimate_tokens(_dumped(value)) for value in given)


def completion_limit(body: JsonObject) -> int:
    """The most tokens that a request lets its answer have; 0 where it does not say."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else 0


def context_excess(body: JsonObject, context_tokens: int) -> str | None:
    """Why a request does not fit a context, in OpenAI's words (its API errors, 2025); None where it fits."""
    prompt, completion = prompt_tokens(body), completion_limit(body)
    if prompt + completion <= context_tokens:
        return None
    return (
        f"This model's maximum context length is {context_tokens} tokens. However, you requested {prompt + completion} "
        f"tokens ({prompt} in the messages, {completion} in the completion). Please reduce the length of the messages "
        "or completion."
    )


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


def retry_after_header(seconds: float) -> str:
    """``Retry-After`` in whole seconds (RFC 9110, section 10.2.3), never sooner than ``seconds``, at least 1."""
    return str(max(1, math.ceil(seconds)))
