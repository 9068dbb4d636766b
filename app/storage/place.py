"""Whether the files that are written are still those a restart would find."""

from __future__ import annotations

import os
from pathlib import Path


class Moved(Exception):
    """What is written now would not survive."""


class Place:
    """The database and its log as they were when they were opened; made once both exist.

    A process that has a file open goes on writing to it after it was deleted or replaced, and everybody is told that
    all is well until the restart.
    """

    def __init__(self, path: Path) -> None:
        self._directory = str(path.absolute().parent)
        self._files = {name: _identity(name) for name in (str(path.absolute()), f"{path.absolute()}-wal")}

    def check(self) -> None:
        """A few microseconds, so that every transaction can afford it.

        Raises:
            Moved: a file was deleted or replaced, or its directory can no longer be written.
        """
        for name, identity in self._files.items():
            try:
                found = _identity(name)
            except OSError as exc:
                raise Moved(f"{os.path.basename(name)} is gone: {exc.strerror}") from exc
            if found != identity:
                raise Moved(f"{os.path.basename(name)} was replaced by another file")
        if not os.access(self._directory, os.W_OK, effective_ids=True):
            raise Moved("the data directory cannot be written")


def _identity(name: str) -> tuple[int, int]:
    stat = os.stat(name)
    return stat.st_dev, stat.st_ino
