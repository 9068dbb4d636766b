"""A copy of contents beside a copy of the database: only those it refers to, each checked against its SHA-256.

A content never changes under its name, so one that a former backup left in the same place is not copied again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from app.blobs.incoming import CHUNK_BYTES, sync_folder

_FOLDER = re.compile(r"[0-9a-f]{2}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ContentsBackup:
    """What stands in the copy; ``missing`` and ``damaged`` are SHA-256s of contents that do not."""

    contents: int
    size_bytes: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]


def copy_contents(
    root: Path, target: Path, digests: Set[str], on_progress: Callable[[int, int], None] | None = None
) -> ContentsBackup:
    """Copy the contents from below ``root`` to below ``target``, durably; without any, no directory is made.

    One that is missing was removed since the copy of the database, or is lost; it holds up nothing, nor does a damaged
    one, which is not copied.

    Args:
        on_progress: called with contents copied so far and contents in all.

    Raises:
        OSError: a content cannot be read, or the copy cannot be written.
    """
    size_bytes, missing, damaged, folders = 0, [], [], set[Path]()
    for number, digest in enumerate(sorted(digests)):
        if on_progress is not None:
            on_progress(number, len(digests))
        source, copy = root / digest[:2] / digest, target / digest[:2] / digest
        try:
            size = source.stat().st_size
        except FileNotFoundError:
            size = None
        if not (copy.is_file() and size in {None, copy.stat().st_size}):
            if size is None:
                missing.append(digest)
                continue
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _copy(source, copy, digest):
                damaged.append(digest)
                continue
            folders.add(copy.parent)
        size_bytes += copy.stat().st_size
    if on_progress is not None and digests:
        on_progress(len(digests), len(digests))
    for folder in folders:
        sync_folder(folder)
    if folders:
        sync_folder(target)
        sync_folder(target.absolute().parent)
    contents = len(digests) - len(missing) - len(damaged)
    return ContentsBackup(contents, size_bytes, tuple(missing), tuple(damaged))


def remove_others(target: Path, digests: Set[str]) -> None:
    """Remove contents of former backups from below ``target``, and its directories where they are empty then.

    Only files that are named as contents are; whatever else stands there stays.
    """
    for folder in sorted(target.iterdir()) if target.is_dir() else []:
        if _FOLDER.fullmatch(folder.name) and folder.is_dir():
            for copy in folder.iterdir():
                if _DIGEST.fullmatch(copy.name) and copy.name not in digests:
                    copy.unlink()
            _remove_empty(folder)
    _remove_empty(target)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # it is not empty, or not there
        folder.rmdir()


def _copy(source: Path, copy: Path, digest: str) -> bool:
    """Return whether the content is what its name says; only then it stands in the copy."""
    part = copy.with_name(f"{digest}.part")
    found = sha256()
    with source.open("rb", buffering=0) as reading:
        part.unlink(missing_ok=True)
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as writing:
                while chunk := reading.read(CHUNK_BYTES):
                    found.update(chunk)
                    writing.write(chunk)
                writing.flush()
                os.fsync(writing.fileno())
            if found.hexdigest() == digest:
                part.replace(copy)
        finally:
            part.unlink(missing_ok=True)
    return found.hexdigest() == digest
