"""Paths below a workspace as requests give them: relative, with ``/``, never upwards."""

from __future__ import annotations

MAX_PATH_CHARS = 4096
MAX_DEPTH = 64


def parts_of(path: str) -> tuple[str, ...]:
    """The components of a relative path, without empty ones and ``.``; joined with ``/`` they are its one spelling.

    Raises:
        ValueError: the path is absolute, goes upwards, is empty, too long or holds a NUL; the message says which.
    """
    if not path or len(path) > MAX_PATH_CHARS:
        raise ValueError(f"expected a path of 1-{MAX_PATH_CHARS} characters")
    if "\0" in path or any("\ud800" <= char <= "\udfff" for char in path):
        raise ValueError("a path holds no NUL character and no half of a surrogate pair")
    if path.startswith("/"):
        raise ValueError("expected a path relative to the workspace, not an absolute one")
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if ".." in parts:
        raise ValueError("'..' is not taken: only files inside the workspace can be read")
    if not parts:
        raise ValueError("expected the path of a file, not of the workspace itself")
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} directories deep")
    return parts
