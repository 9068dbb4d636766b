"""An online copy of the database, made from another process while the service writes, or while none runs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import StoreUnavailable, SwarmdError

_PAGES_A_STEP = 2_000
"""About 8 MB: often enough for a progress bar, rarely enough to cost nothing."""

_BUSY_TIMEOUT_S = 30.0

_CONTENTS = {"artifacts": "SELECT sha256 FROM artifacts", "files": "SELECT sha256 FROM files"}
"""How to find what the rows of a table refer to (``shared_tables``); an older schema has none of these tables."""


class BackupExists(SwarmdError):
    """There is a file where the copy should go."""

    code = "backup_exists"


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was checked and is on the disk."""

    path: Path
    size_bytes: int
    revision: str
    swarms: int
    contents: frozenset[str]
    """SHA-256s of the files that its rows refer to; they stand beside the database, not in it."""


def back_up(
    source: Path,
    target: Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    keep_contents: Callable[[frozenset[str]], object] | None = None,
) -> Backup:
    """Copy the database at ``source`` as it is at one instant to ``target``; writers are not held up meanwhile.

    The copy is made beside the target (``.part``), checked, synced and renamed: under its name there is never half a
    backup, and an older one stays until the new one is good.

    Args:
        overwrite: take the place of a file at ``target``.
        on_progress: called with pages copied so far and pages in all.
        keep_contents: called with the SHA-256s of the files the copy refers to, before it gets its name.

    Raises:
        BackupExists: there is a file at ``target`` and ``overwrite`` was not asked for.
        StoreUnavailable: the database cannot be read or is damaged, or the copy cannot be written.
    """
    if target.exists() and not overwrite:
        raise BackupExists(f"{target} exists already")
    part = target.with_name(target.name + ".part")
    try:
        if target.exists() and target.samefile(source):
            raise StoreUnavailable(f"{target} is the database itself")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))  # it holds everything
        try:
            _copy(source, part, on_progress)
            revision, swarms, contents = _check(part)
            _sync(part)
            if keep_contents is not None:
                keep_contents(contents)
            if target.exists() and not overwrite:  # made by somebody else meanwhile
                raise BackupExists(f"{target} exists already")
            part.replace(target)
            _sync(target.absolute().parent)
        finally:
            part.unlink(missing_ok=True)
    except sqlite3.Error as exc:
        raise StoreUnavailable(f"{source} cannot be copied to {target}: {exc}") from exc
    except OSError as exc:
        raise StoreUnavailable(f"{exc.filename or target}: {exc.strerror}") from exc
    size_bytes = target.stat().st_size
    return Backup(path=target, size_bytes=size_bytes, revision=revision, swarms=swarms, contents=contents)


def _copy(source: Path, part: Path, on_progress: Callable[[int, int], None] | None) -> None:
    if not source.is_file():
        raise StoreUnavailable(f"there is no database at {source}")

    def progress(_: int, remaining: int, total: int) -> None:
        if on_progress is not None:
            on_progress(total - remaining, total)

    uri = f"{source.absolute().as_uri()}?mode=rw"  # to read a log left by a crash, its index must be written
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_S)) as reading:
        # The copy is of the snapshot this transaction sees; without it each commit of the service would start it anew.
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(part, isolation_level=None)) as writing:
            writing.execute("PRAGMA synchronous=OFF")  # the whole file is synced once, at the end
            reading.backup(writing, pages=_PAGES_A_STEP, progress=progress, sleep=0)
            writing.execute("PRAGMA journal_mode=DELETE")  # a log of its own would be a second file
            writing.execute("PRAGMA user_version=0")  # no seal speaks of the copy (storage.seal)


def _check(part: Path) -> tuple[str, int, frozenset[str]]:
    """Return the copy's schema version, swarms and contents; immutable, or SQLite would put a log beside it."""
    with closing(sqlite3.connect(f"{part.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        [verdict] = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise StoreUnavailable(f"the database is damaged, so is its copy: {verdict}")
        try:
            [revision] = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            [swarms] = copy.execute("SELECT count(*) FROM swarms").fetchone()
            names = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except (sqlite3.OperationalError, TypeError) as exc:
            raise StoreUnavailable("the database is not one of swarmd") from exc
        queries = [query for table, query in _CONTENTS.items() if table in names]
        contents = frozenset(digest for query in queries for (digest,) in copy.execute(query))
    return revision, swarms, contents


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
