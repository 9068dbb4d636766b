"""What names may be that clients and models give to things: they come back in URLs, headers and archives."""

from __future__ import annotations

import unicodedata

from app.domain.errors import InvalidRequest

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_name(name: str, pointer: str, max_chars: int) -> str:
    """Return ``name`` where it is 1 to ``max_chars`` characters long and holds no control characters.

    Raises:
        InvalidRequest: it is not; ``pointer`` is the field.
    """
    if not 1 <= len(name) <= max_chars:
        raise InvalidRequest.field(pointer, f"expected 1 to {max_chars} characters, {len(name)} came")
    if any(unicodedata.category(char) in _CONTROL for char in name):
        raise InvalidRequest.field(pointer, "control characters and line breaks are not taken")
    return name


def check_file_name(name: str, pointer: str, max_chars: int) -> str:
    """Return ``name`` where it could be the relative path of a file: ``/`` parts it, and no part leads elsewhere.

    Raises:
        InvalidRequest: it could not.
    """
    check_name(name, pointer, max_chars)
    if "\\" in name:
        raise InvalidRequest.field(pointer, "a backslash is not taken; folders are parted by '/'")
    if any(part.strip() in {"", ".", ".."} for part in name.split("/")):
        raise InvalidRequest.field(pointer, "expected a relative path without empty parts, '.' and '..'")
    return name
