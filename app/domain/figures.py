"""Figures of a run: percentiles, and the ``metrics_snapshot`` that watchers get every second."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from app.domain.swarm import Counts
from app.domain.usage import Usage, usd


def percentile(ascending: Sequence[float], rank: float) -> float | None:
    """Return the nearest-rank percentile of sorted values (``rank`` in (0, 100]), None of an empty sequence."""
    if not ascending:
        return None
    return ascending[max(ceil(len(ascending) * rank / 100) - 1, 0)]


def snapshot_fields(
    *,
    counts: Counts,
    latencies_ms: Sequence[float],
    usage: Usage,
    cost_nano_usd: int,
    steps: int,
    elapsed_ms: int,
) -> dict[str, Any]:
    """Return the fields of a ``metrics_snapshot`` (contract, section 4).

    Args:
        latencies_ms: of the completed tasks, in any order.
        elapsed_ms: since the swarm was created.

    ``success_rate`` is completed over ended tasks, 1.0 while none has ended; ``tasks_per_s`` is ended tasks over
    ``elapsed_s``.
    """
    ordered = sorted(latencies_ms)
    ended = counts.total - counts.open
    elapsed_s = max(elapsed_ms, 0) / 1000
    return {
        "counts": counts.as_dict(),
        "active_agents": counts.running,
        "success_rate": counts.completed / ended if ended else 1.0,
        "avg_latency_ms": round(sum(ordered) / len(ordered), 3) if ordered else None,
        "p50_ms": percentile(ordered, 50),
        "p95_ms": percentile(ordered, 95),
        "p99_ms": percentile(ordered, 99),
        "tokens": {"in": usage.prompt_tokens, "out": usage.completion_tokens, "cached": usage.cached_tokens},
        "cost_usd": usd(cost_nano_usd),
        "steps": steps,
        "tasks_per_s": round(ended / elapsed_s, 3) if elapsed_s else 0.0,
        "elapsed_s": elapsed_s,
    }
