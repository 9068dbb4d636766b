"""The keyless default model: deterministic text processing that answers like a chat model and is none.

Everything it says is computed from the request itself (plans, claims with the place they were found in, checks and
scores of claims, extractive summaries, code metrics, statistics over rows, merged reports, schema-conforming JSON, tool
calls), so the whole service can be tried, tested and benchmarked without a provider. Only the ``model`` of a result
says that it was used; the content carries no label.

What must not live here: I/O, clocks, randomness, knowledge about the world. Imports of this package go one way:
``reading`` and ``text`` at the bottom, one module a behaviour above them, ``answer`` choosing between them on top.
"""

from app.providers.offline.answer import respond
from app.providers.offline.provider import OfflineProvider

__all__ = ["OfflineProvider", "respond"]
