"""What is checked before a database is opened: a file that is damaged, or none of ours, is refused and left as it is.

Measured over single flipped bits in a database of a few runs: ``quick_check`` tells of 1 %, ``integrity_check`` of 5 %;
half of the others change nothing, the rest is text inside a row, which SQLite keeps no checksum of. That is why a
database is sealed when it is closed (``storage.seal``): a seal tells of every flip while no service ran.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from app.domain.errors import StoreUnavailable

_MAGIC = b"SQLite format 3\x00"
_FULL_CHECK_BYTES = 512 * 1024 * 1024
"""Up to here ``integrity_check`` is worth its time: 0.7 s a gigabyte, against 0.45 s for ``quick_check``."""

_MAX_FRAMES = 16_000
"""Frames of the log that are checked, about a second's worth. A log is begun anew after 1,000 as a rule."""


def check_kind(path: Path) -> None:
    """Raises StoreUnavailable unless there is a SQLite file of ours at ``path``, or nothing at all."""
    if path.is_dir():
        raise StoreUnavailable(f"{path} is a directory, where the database should be")
    if not path.exists():
        log = _log_of(path)
        if log.exists() and log.stat().st_size:
            raise StoreUnavailable(f"{path} is missing, but {log.name} beside it holds data: put the database back")
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if not head:
        raise StoreUnavailable(f"{path} is empty, which a database never is: restore a backup, or remove the file")
    if head != _MAGIC:
        raise StoreUnavailable(f"{path} is damaged or not a SQLite database")
    check_log(_log_of(path))


def check_content(path: Path) -> None:
    """Look through the whole file, without writing to it or to its log.

    Raises:
        StoreUnavailable: it is damaged, or the database of another program.
        sqlite3.DatabaseError: it is damaged so much that SQLite cannot look through it.
    """
    full = path.stat().st_size <= _FULL_CHECK_BYTES
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        [verdict] = connection.execute(f"PRAGMA {'integrity_check' if full else 'quick_check'}(1)").fetchone()
        if verdict != "ok":
            raise StoreUnavailable(f"the database {path} is damaged: {verdict}")
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in names:
        raise StoreUnavailable(f"{path} is a database of another program, not of swarmd")


def check_log(log: Path) -> None:
    """Refuse a write-ahead log with a damaged frame before its last commits: SQLite would silently drop all from there.

    A crash leaves at most one unfinished commit at the end of the log, since each is synced before the next begins;
    what stands behind that was acknowledged. (https://www.sqlite.org/fileformat2.html, section 4, 2026-11-21)

    Raises:
        StoreUnavailable: it is damaged.
    """
    if not log.exists() or log.stat().st_size <= _HEADER.size:
        return
    with log.open("rb") as file:
        head = file.read(_HEADER.size)
        magic, version, page_size, _, *salts, sum0, sum1 = _HEADER.unpack(head)
        order = {0x377F0682: "<", 0x377F0683: ">"}.get(magic)
        if order is None or version != 3_007_000 or _checksum(head[:24], order, 0, 0) != (sum0, sum1):
            raise StoreUnavailable(f"the log {log} is damaged: its header is wrong")
        sums, bad, behind = (sum0, sum1), None, 0
        for number in range(_MAX_FRAMES):
            frame = file.read(_FRAME.size + page_size)
            if len(frame) < _FRAME.size + page_size:
                break
            _, committed, *its_salts, sum0, sum1 = _FRAME.unpack(frame[: _FRAME.size])
            ours = its_salts == salts
            if bad is None:
                sums = _checksum(frame[:8] + frame[_FRAME.size :], order, *sums)
                if not ours or sums != (sum0, sum1):
                    bad = number
            if bad is not None and ours and committed:
                behind += 1
    if behind > 1:
        raise StoreUnavailable(f"the log {log} is damaged: {behind} commits stand behind its broken frame {bad}")


_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")


def _checksum(data: bytes, order: str, sum0: int, sum1: int) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        sum0 = (sum0 + first + sum1) & 0xFFFFFFFF
        sum1 = (sum1 + second + sum0) & 0xFFFFFFFF
    return sum0, sum1


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")
