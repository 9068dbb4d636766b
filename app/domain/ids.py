"""Sortable, prefixed ids: ``swm_`` + 26 characters of Crockford base 32 (48-bit milliseconds, 80 random bits).

The layout is the ULID's (https://github.com/ulid/spec), so ids sort by creation time as plain text.
"""

from __future__ import annotations

SWARM_PREFIX = "swm_"
AGENT_PREFIX = "agt_"
TASK_PREFIX = "tsk_"
KEY_PREFIX = "key_"
CREDIT_PREFIX = "crd_"
AUDIT_PREFIX = "aud_"
DELIVERY_PREFIX = "whd_"

ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_LENGTH = 26
_INDEX_DIGITS = 5
_MAX_INDEX_DIGITS = 9
"""Far above any index; without a bound ``int`` raises on a text of thousands of digits."""


def make_id(prefix: str, now_ms: int, random_bits: int) -> str:
    """Return ``prefix`` + ULID of ``now_ms`` (Unix milliseconds) and the low 80 bits of ``random_bits``."""
    value = (now_ms << _RANDOM_BITS) | (random_bits & ((1 << _RANDOM_BITS) - 1))
    digits = []
    for _ in range(_LENGTH):
        digits.append(ID_ALPHABET[value & 31])
        value >>= 5
    return prefix + "".join(reversed(digits))


def is_id(prefix: str, text: str) -> bool:
    """Return whether ``text`` has the form of an id with this prefix."""
    body = text.removeprefix(prefix)
    return text.startswith(prefix) and len(body) == _LENGTH and all(digit in ID_ALPHABET for digit in body)


def number_of(prefixed: str) -> int:
    """Return the 128-bit number that an id of ``make_id`` writes down."""
    value = 0
    for digit in prefixed[-_LENGTH:]:
        value = value << 5 | ID_ALPHABET.index(digit)
    return value


def sub_agent_id(swarm_id: str, index: int) -> str:
    """Return the id of the sub-agent that runs task number ``index`` of ``swarm_id``.

    It is derived, not stored: no index is needed to find the task of a sub-agent again (``split_sub_agent_id``).
    """
    return f"{AGENT_PREFIX}{swarm_id[len(SWARM_PREFIX) :]}_{str(index).zfill(_INDEX_DIGITS)}"


def split_sub_agent_id(agent_id: str) -> tuple[str, int] | None:
    """Return ``(swarm_id, task index)`` of a sub-agent's id, or None when ``agent_id`` names no sub-agent."""
    body, separator, index = agent_id.removeprefix(AGENT_PREFIX).rpartition("_")
    if not separator or not (index.isascii() and index.isdigit()) or len(index) > _MAX_INDEX_DIGITS:
        return None
    swarm_id = SWARM_PREFIX + body
    return (swarm_id, int(index)) if sub_agent_id(swarm_id, int(index)) == agent_id else None
