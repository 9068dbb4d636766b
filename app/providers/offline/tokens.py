"""Token counts without a tokenizer: a deterministic estimate, and cutting text to a number of tokens.

Four UTF-8 bytes a token is the usual rule of thumb for English text. Exactness does not matter here: what matters is
that the same request always counts the same, so that budgets, reservations and tests behave as with a real model.
"""

from __future__ import annotations

from collections.abc import Iterable

BYTES_PER_TOKEN = 4

MESSAGE_OVERHEAD_TOKENS = 4
"""Role and separators of one chat message, as OpenAI's cookbook counts them for its chat format."""


def utf8_length(text: str) -> int:
    """Length of ``text`` in UTF-8 bytes; a lone surrogate counts as the replacement it would be sent as."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def estimate_tokens(text: str) -> int:
    """Estimated tokens of one text: a quarter of its UTF-8 bytes, rounded up; 0 for the empty text."""
    return -(-utf8_length(text) // BYTES_PER_TOKEN)


def estimate_messages(texts: Iterable[str]) -> int:
    """Estimated prompt tokens of the texts of a conversation, one text a message."""
    return sum(estimate_tokens(text) + MESSAGE_OVERHEAD_TOKENS for text in texts)


def cut_to_tokens(text: str, limit: int) -> str:
    """The longest prefix of ``text`` that counts at most ``limit`` tokens and does not split a character."""
    if estimate_tokens(text) <= limit:
        return text
    return text.encode("utf-8", "replace")[: max(limit, 0) * BYTES_PER_TOKEN].decode("utf-8", "ignore")
