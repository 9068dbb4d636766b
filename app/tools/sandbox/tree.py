"""The regular files below a directory that untrusted code wrote into, opened so that nothing else can be reached."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
MAX_DEPTH = 16
MAX_NAME_CHARS = 250


class TooManyFiles(Exception):
    """More names than are looked at."""


@dataclass(slots=True)
class Tree:
    """One walk.

    Attributes:
        root: handle of the directory; stays the caller's.
        max_entries: names looked at, folders and all.
        passed_over: what is no regular file, cannot be opened or named; filled by ``files``.
    """

    root: int
    max_entries: int
    passed_over: list[str] = field(default_factory=list)
    _seen: int = 0

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield the path (with ``/``) and an open handle of each regular file; the handle is closed afterwards.

        Raises:
            TooManyFiles: see ``max_entries``.
        """
        return self._below(self.root, ())

    def _below(self, folder: int, above: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        # The names first: the order of the walk must not depend on the file system, and listing holds a handle.
        for name in sorted(self._names(folder)):
            path = "/".join((*above, name))
            if not _can_be_named(path):
                self.passed_over.append(ascii(path[:MAX_NAME_CHARS]))
                continue
            handle = self._opened(folder, name)
            if handle is None:
                self.passed_over.append(path)
                continue
            try:
                if stat.S_ISREG(os.fstat(handle).st_mode):
                    yield path, handle
                elif len(above) < MAX_DEPTH:
                    yield from self._below(handle, (*above, name))
                else:
                    self.passed_over.append(path)
            finally:
                os.close(handle)

    def _names(self, folder: int) -> Iterator[str]:
        with os.scandir(folder) as entries:
            for entry in entries:
                self._seen += 1
                if self._seen > self.max_entries:
                    raise TooManyFiles
                yield entry.name

    def _opened(self, folder: int, name: str) -> int | None:
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                return os.open(name, _FILE, dir_fd=folder)
            if stat.S_ISDIR(mode):
                return os.open(name, _DIRECTORY, dir_fd=folder)
        except OSError:
            return None
        return None


def _can_be_named(path: str) -> bool:
    """A name that is no UTF-8 could not be sent as JSON, and so never be asked for."""
    return len(path) <= MAX_NAME_CHARS and not any("\ud800" <= char <= "\udfff" for char in path)
