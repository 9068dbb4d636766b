"""Options of the mock model server, checked where they enter: start-up, and ``PATCH /mock/config`` while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FAULT_RATES = {
    "error_rate": "error",
    "hang_rate": "hang",
    "reset_rate": "reset",
    "truncate_rate": "truncate",
    "garbage_rate": "garbage",
    "empty_choices_rate": "empty_choices",
    "null_content_rate": "null_content",
    "no_usage_rate": "no_usage",
    "tool_garbage_rate": "tool_garbage",
    "bad_utf8_rate": "bad_utf8",
    "surrogate_rate": "surrogate",
    "stall_rate": "stall",
    "error_midway_rate": "error_midway",
}
"""Option name → kind of fault. A request suffers at most one of them, so the rates add up to at most 1."""

RESET_POINTS = ("before", "body", "after")

_NOT_NEGATIVE = (
    *("latency_ms", "latency_jitter_ms", "rate_limit", "concurrency_limit", "context_tokens"),
    *("slow_body", "huge_body_mb"),
)

FIXED_OPTIONS = frozenset({"host", "port", "call_log"})
"""Options of the process, which cannot change while it listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockModelConfig:
    """What the server listens on, how fast it answers and how it misbehaves.

    Attributes:
        port: 0 takes a free one; the line printed at start names it.
        latency_ms: time from the arrival of a request to its answer.
        latency_jitter_ms: uniform spread around ``latency_ms``, to both sides.
        error_rate: share of requests answered with ``error_status``; so for every ``*_rate``, each 0 to 1.
        rate_limit: hidden limit in requests a second, above which 429 is answered; 0 is none.
        concurrency_limit: requests in flight above which 429 is answered; 0 is none.
        context_tokens: context of the model; a request whose prompt and highest completion are more together gets
            400 ``context_length_exceeded``; 0 is none.
        stall_rate: half of an answer, then nothing more.
        error_midway_rate: a stream that has half of its answer and then an error; to other requests ``error_status``.
        reset_point: where a reset closes the connection: ``before`` the answer, in its ``body``, or ``after`` it.
        slow_body: bytes a second at which answers are written; 0 is at once.
        huge_body_mb: pads the content of every answer to this many megabytes; 0 is none.
        seed: with the content and how often it came before, decides which requests suffer which fault.
        reply: answers with this text instead of running the offline model.
        api_key: the bearer that is let in; None lets in everyone.
        call_log: file that gets a JSON line when a request arrives and when it is answered.
        strict: 422 on body fields that the OpenAI API does not name.
    """

    host: str = "127.0.0.1"
    port: int = 0
    latency_ms: float = 0.0
    latency_jitter_ms: float = 0.0
    error_rate: float = 0.0
    error_status: int = 500
    rate_limit: float = 0.0
    concurrency_limit: int = 0
    context_tokens: int = 0
    hang_rate: float = 0.0
    reset_rate: float = 0.0
    reset_point: str = "body"
    truncate_rate: float = 0.0
    garbage_rate: float = 0.0
    empty_choices_rate: float = 0.0
    null_content_rate: float = 0.0
    no_usage_rate: float = 0.0
    tool_garbage_rate: float = 0.0
    bad_utf8_rate: float = 0.0
    surrogate_rate: float = 0.0
    stall_rate: float = 0.0
    error_midway_rate: float = 0.0
    slow_body: float = 0.0
    huge_body_mb: float = 0.0
    seed: int = 0
    reply: str | None = None
    api_key: str | None = None
    call_log: str | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        total = 0.0
        for name in FAULT_RATES:
            rate = getattr(self, name)
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {rate}")
            total += rate
        if total > 1 + 1e-9:
            raise ValueError(f"the fault rates add up to {total:g}, more than 1: a request suffers at most one fault")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 400 <= self.error_status <= 599:
            raise ValueError(f"error_status must be an HTTP error, 400 to 599, got {self.error_status}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be between 0 and 65535, got {self.port}")
        if self.reset_point not in RESET_POINTS:
            raise ValueError(f"reset_point must be one of {', '.join(RESET_POINTS)}, got {self.reset_point!r}")

    def changed(self, options: Mapping[str, Any]) -> MockModelConfig:
        """A copy with ``options`` set, as ``PATCH /mock/config`` sends them.

        Raises:
            ValueError: an unknown or fixed option, or a value of the wrong type or range.
        """
        types = {field.name: str(field.type) for field in dataclasses.fields(self)}
        for name, value in options.items():
            if name not in types:
                raise ValueError(f"unknown option {name!r}; known are {', '.join(sorted(types))}")
            if name in FIXED_OPTIONS:
                raise ValueError(f"{name} cannot change while the server runs")
            if not _fits(value, types[name]):
                raise ValueError(f"{name} must be of type {types[name]}, got {value!r}")
        return dataclasses.replace(self, **options)

    def public(self) -> dict[str, Any]:
        """All options as plain JSON; the key is masked."""
        options = dataclasses.asdict(self)
        options["api_key"] = None if self.api_key is None else "***"
        return options


def _fits(value: Any, annotation: str) -> bool:
    if value is None:
        return annotation.endswith("None")
    kind = annotation.partition(" | ")[0]
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    if kind == "float":
        return isinstance(value, int | float)
    return isinstance(value, int if kind == "int" else str)
