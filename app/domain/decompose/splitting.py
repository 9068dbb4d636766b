"""Cutting a long text into parts: between paragraphs, else lines, else words, else anywhere."""

from __future__ import annotations

from app.domain.decompose.tally import json_bytes

_ENDS = ("\n\n", "\n", " ")


def split_text(text: str, *, max_chars: int, max_bytes: int) -> list[str]:
    """The text in few parts of about equal length; joined again they are the text.

    Args:
        max_chars: characters of a part, at least 1.
        max_bytes: bytes of a part as JSON with its quotes, at least 8: one character may take six.
    """
    size = json_bytes(text)
    parts: list[str] = []
    at = 0
    while at < len(text):
        chars_left = len(text) - at
        parts_left = max(-(-chars_left // max_chars), -(-size // max_bytes))
        if parts_left == 1:
            parts.append(text[at:])
            break
        share = -(-chars_left // parts_left)
        end = _furthest(text, at, min(max_chars, share + share // 10), max_bytes)
        end = _end_of_part(text, at + (end - at) // 2, end) or min(end, at + share)
        parts.append(text[at:end])
        size -= json_bytes(parts[-1]) - 2
        at = end
    return parts or [text]


def _furthest(text: str, at: int, max_chars: int, max_bytes: int) -> int:
    """The last end of a part that begins at ``at`` and fits both limits."""
    fits, too_far = at + 1, min(len(text), at + max_chars) + 1
    if json_bytes(text[at : too_far - 1]) <= max_bytes:
        return too_far - 1
    while too_far - fits > 1:
        middle = (fits + too_far) // 2
        if json_bytes(text[at:middle]) <= max_bytes:
            fits = middle
        else:
            too_far = middle
    return fits


def _end_of_part(text: str, earliest: int, latest: int) -> int:
    """The best place for a cut in the given range; 0 if none is better than another."""
    if latest == len(text):
        return latest
    for end in _ENDS:
        found = text.rfind(end, earliest, latest)
        if found >= 0:
            return found + len(end)
    return 0
