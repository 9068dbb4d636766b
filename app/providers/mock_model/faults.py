"""Which fault a request suffers and how long it takes: decided from the seed, its content and how often that came.

The decision does not depend on the order in which concurrent requests arrive, so a run with 300 requests in flight
repeats exactly, while a retry of the same request gets a new decision.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from app.providers.mock_model.config import FAULT_RATES, MockModelConfig


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one request; ``fault`` is one of the values of ``FAULT_RATES`` or None."""

    fault: str | None
    latency_s: float


class FaultDice:
    """Decides for each request; keeps how often each content was seen."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def decide(self, config: MockModelConfig, content: bytes) -> Decision:
        """The decision for a request whose messages serialise to ``content``."""
        if not needs_dice(config):
            return Decision(None, config.latency_ms / 1000)
        digest = hashlib.blake2b(content, digest_size=12).digest()
        times = self._seen[digest]
        self._seen[digest] = times + 1
        draw = hashlib.blake2b(b"%s:%d:%d" % (digest, times, config.seed), digest_size=16).digest()
        fault_draw = int.from_bytes(draw[:8], "big") / 2**64
        latency_draw = int.from_bytes(draw[8:], "big") / 2**64
        latency_ms = config.latency_ms + config.latency_jitter_ms * (2 * latency_draw - 1)
        return Decision(_fault(config, fault_draw), max(latency_ms, 0.0) / 1000)

    def forget(self) -> None:
        """Start over, as if no request had come."""
        self._seen.clear()


def needs_dice(config: MockModelConfig) -> bool:
    """Whether anything about the answer is left to chance."""
    return config.latency_jitter_ms > 0 or any(getattr(config, name) > 0 for name in FAULT_RATES)


def _fault(config: MockModelConfig, draw: float) -> str | None:
    edge = 0.0
    for option, kind in FAULT_RATES.items():
        edge += getattr(config, option)
        if draw < edge:
            return kind
    return None
