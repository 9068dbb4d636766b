"""Token usage and money: integers only, so that sums never drift."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.values import value

NANO_USD = 1_000_000_000
"""Nano-dollars in a dollar: the unit every cost is kept in."""

TOKENS_PER_PRICE_UNIT = 1_000_000
"""Vendors quote prices per million tokens."""


@value(kw_only=True)
class Usage:
    """Tokens of one or more model calls; ``cached_tokens`` is the part of ``prompt_tokens`` served from a cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens - other.prompt_tokens,
            completion_tokens=self.completion_tokens - other.completion_tokens,
            cached_tokens=self.cached_tokens - other.cached_tokens,
        )

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Nano-dollars per million tokens, by kind of token."""

    input_nano_per_mtok: int
    output_nano_per_mtok: int
    cached_input_nano_per_mtok: int | None = None

    def cost_nano_usd(self, usage: Usage) -> int:
        """What ``usage`` costs, rounded up to a whole nano-dollar so that a bill is never understated."""
        cached_rate = self.cached_input_nano_per_mtok
        if cached_rate is None:
            cached_rate = self.input_nano_per_mtok
        fresh = max(usage.prompt_tokens - usage.cached_tokens, 0)
        total = (
            fresh * self.input_nano_per_mtok
            + usage.cached_tokens * cached_rate
            + usage.completion_tokens * self.output_nano_per_mtok
        )
        return -(-total // TOKENS_PER_PRICE_UNIT)

    def most_nano_usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """The most that so many tokens may cost, whatever part of the prompt comes from a cache."""
        rate = max(self.input_nano_per_mtok, self.cached_input_nano_per_mtok or 0)
        total = prompt_tokens * rate + completion_tokens * self.output_nano_per_mtok
        return -(-total // TOKENS_PER_PRICE_UNIT)


FREE = Price(input_nano_per_mtok=0, output_nano_per_mtok=0)


def usd(nano_usd: int | None) -> float | None:
    """Return nano-dollars as the decimal dollars that clients read; None stays None (no price known)."""
    return None if nano_usd is None else nano_usd / NANO_USD
