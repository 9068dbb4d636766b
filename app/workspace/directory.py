"""Files below a root directory, opened so that nothing outside it can be reached.

Checking a path and then opening it leaves a gap in which a component can be swapped for a symbolic link. So every
component is opened by itself, relative to the handle of the directory before it and with ``O_NOFOLLOW``: what was
checked is what is read. Hard links cannot be told from files; who can make them in the workspace could as well copy.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain.workspace_paths import MAX_DEPTH, parts_of
from app.ports.workspace import WorkspaceRefusal
from app.workspace.pattern import Pattern

MAX_ENTRIES = 200_000
"""Names that one search looks at."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK_BYTES = 1024 * 1024
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class DirectoryWorkspace:
    """Args:
    root: the directory; None where the service has no workspace. It may itself be a symbolic link.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def read(self, path: str, max_bytes: int) -> bytes:
        *folders, name = _parts(path)
        with self._opened_root() as root, _opened_below(root, folders, path) as folder:
            try:
                # Opening a device can already do something, so it is looked at first; the open handle decides.
                _check_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
                handle = os.open(name, _FILE, dir_fd=folder)
            except OSError as exc:
                raise _refusal(path, exc) from exc
            try:
                return _content(handle, path, max_bytes)
            except OSError as exc:
                raise _refusal(path, exc) from exc
            finally:
                os.close(handle)

    def find(self, pattern: str, max_files: int) -> list[str]:
        search = _Search(Pattern(_parts(pattern)), pattern, max_files)
        with self._opened_root() as root:
            search.walk(root, (), search.pattern.start)
        return ["/".join(parts) for parts in sorted(search.found)]

    @contextmanager
    def _opened_root(self) -> Iterator[int]:
        if self._root is None:
            raise WorkspaceRefusal(
                "the service has no workspace: set SWARMD_WORKSPACE to a directory, or send the text"
            )
        try:
            handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise WorkspaceRefusal("the directory that SWARMD_WORKSPACE names cannot be opened") from exc
        try:
            yield handle
        finally:
            os.close(handle)


class _Search:
    """One walk through the tree; ``found`` are the parts of the matching paths."""

    def __init__(self, pattern: Pattern, shown: str, max_files: int) -> None:
        self.pattern = pattern
        self.found: list[tuple[str, ...]] = []
        self._shown = shown
        self._max_files = max_files
        self._seen = 0

    def walk(self, folder: int, above: tuple[str, ...], states: frozenset[int]) -> None:
        """Visit the directory with the handle ``folder``; ``states`` are the pattern's parts that may come next."""
        folders: list[tuple[str, frozenset[int]]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count()
                    following = self.pattern.after(states, entry.name)
                    if not following or not _is_utf8(entry.name):
                        continue
                    if entry.is_file(follow_symlinks=False):
                        if self.pattern.end in following:
                            self._add((*above, entry.name))
                    elif following != {self.pattern.end} and entry.is_dir(follow_symlinks=False):
                        folders.append((entry.name, following))
        except OSError as exc:
            raise _refusal("/".join(above) or self._shown, exc) from exc
        for name, following in folders if len(above) < MAX_DEPTH else ():
            self._enter(folder, (*above, name), following)

    def _enter(self, parent: int, parts: tuple[str, ...], states: frozenset[int]) -> None:
        try:
            handle = os.open(parts[-1], _DIRECTORY, dir_fd=parent)
        except OSError as exc:
            if exc.errno in _GONE:  # removed, or swapped for a link, since it was listed
                return
            raise _refusal("/".join(parts), exc) from exc
        try:
            self.walk(handle, parts, states)
        finally:
            os.close(handle)

    def _count(self) -> None:
        self._seen += 1
        if self._seen > MAX_ENTRIES:
            raise WorkspaceRefusal(f"{self._shown!r} has to look at more than {MAX_ENTRIES:,} names; narrow it down")

    def _add(self, parts: tuple[str, ...]) -> None:
        if len(self.found) == self._max_files:
            raise WorkspaceRefusal(f"{self._shown!r} matches more than {self._max_files:,} files")
        self.found.append(parts)


def _parts(path: str) -> tuple[str, ...]:
    try:
        return parts_of(path)
    except ValueError as exc:
        raise WorkspaceRefusal(str(exc)) from exc


def _is_utf8(name: str) -> bool:
    """Any other name could not be sent as JSON, and so never be asked for."""
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)


@contextmanager
def _opened_below(root: int, folders: list[str], path: str) -> Iterator[int]:
    handle = os.dup(root)
    try:
        for name in folders:
            try:
                inner = os.open(name, _DIRECTORY, dir_fd=handle)
            except OSError as exc:
                raise _refusal(path, exc) from exc
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _content(handle: int, path: str, max_bytes: int) -> bytes:
    found = os.fstat(handle)
    _check_regular(found, path)
    too_long = f"{path!r} is longer than the {max_bytes:,} bytes that are read of one file"
    if found.st_size > max_bytes:
        raise WorkspaceRefusal(too_long)
    chunks: list[bytes] = []
    left = max_bytes + 1
    while left > 0 and (chunk := os.read(handle, min(left, _CHUNK_BYTES))):
        chunks.append(chunk)
        left -= len(chunk)
    if left == 0:  # it has grown since, or says nothing about its size
        raise WorkspaceRefusal(too_long)
    return b"".join(chunks)


def _check_regular(found: os.stat_result, path: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise WorkspaceRefusal(f"{path!r} is a symbolic link; links are not followed")
    if not stat.S_ISREG(found.st_mode):
        raise WorkspaceRefusal(f"{path!r} is not a regular file")


def _refusal(path: str, exc: OSError) -> WorkspaceRefusal:
    if exc.errno == errno.ENOENT:
        return WorkspaceRefusal(f"there is no file {path!r} in the workspace")
    if exc.errno in _GONE:
        return WorkspaceRefusal(f"a part of {path!r} is no directory, or a symbolic link, which is not followed")
    return WorkspaceRefusal(f"{path!r} cannot be read: {os.strerror(exc.errno or errno.EIO)}")
