"""The seal of a database that was closed in order: a checksum of the whole file, checked at the next start.

SQLite notices damage to its structure only; a flipped bit in a text is read as if it had been written. A seal tells of
any change while no service ran. It is taken off before anything is written, so after a crash there is none.

The database carries a random mark (``user_version``) that its seal names, so the seal of one file never speaks of
another that was put in its place, a restored backup for one, whose mark is 0.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import zlib
from contextlib import closing, suppress
from pathlib import Path

import structlog

from app.domain.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

_CHUNK = 1024 * 1024
_MARK_AT = 60
"""Offset of ``user_version`` in the file (https://www.sqlite.org/fileformat2.html, section 1.3, 2026-11-21)."""


def seal(path: Path) -> None:
    """Seal the closed database at ``path``; one that cannot be sealed stays without, which costs only the check."""
    mark = secrets.randbelow(2**31 - 1) + 1
    scratch = _seal_of(path).with_suffix(".tmp")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute(f"PRAGMA user_version={mark}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a reader of ours may be closing yet
        if _has_log(path):  # somebody else has the file open, so it may change yet
            return
        scratch.write_text(json.dumps({"mark": mark} | _measure(path)), encoding="utf-8")
        scratch.replace(_seal_of(path))
    except (sqlite3.Error, OSError) as exc:
        _log.warning("database_not_sealed", error=str(exc))
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def check_seal(path: Path) -> bool:
    """Return whether the database is exactly as it was sealed; False where there is no seal of this file.

    Raises:
        StoreUnavailable: it has changed since.
    """
    try:
        kept = json.loads(_seal_of(path).read_text(encoding="utf-8"))
        mark, measured = kept.pop("mark"), kept
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    if _has_log(path) or _mark(path) != mark:
        return False
    if _measure(path) != measured:
        raise StoreUnavailable(
            f"the database {path} is damaged: it is not as the last service left it; restore a backup, or, if it was"
            f" changed on purpose, remove {_seal_of(path).name}"
        )
    return True


def break_seal(path: Path) -> None:
    """Take the seal off, durably: from here on the file may change."""
    try:
        _seal_of(path).unlink()
    except FileNotFoundError:
        return
    directory = os.open(path.absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0  # whoever only reads leaves an empty one


def _mark(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(_MARK_AT)
        return int.from_bytes(file.read(4), "big")


def _measure(path: Path) -> dict[str, int]:
    size, checksum = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            checksum = zlib.crc32(chunk, checksum)
    return {"size": size, "crc32": checksum}


def _seal_of(path: Path) -> Path:
    return path.with_name(path.name + ".seal")
