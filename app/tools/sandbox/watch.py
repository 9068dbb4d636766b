"""What no resource limit counts: memory of all processes of a sandbox together, and files in its file systems."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.tools.sandbox.limits import Limits

_OWN = ("RssAnon", "RssShmem")
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at one sandbox; ``first`` is its first process, of which all others descend (orphans come back to it)."""

    first: int
    folders: tuple[int, ...]
    limits: Limits

    def too_much_memory(self) -> bool:
        """Pages that processes share are told apart only where the quick sum, which counts them often, is too much."""
        bound = self.limits.memory_bytes
        processes = list(descendants(self.first))
        return sum(map(_resident, processes)) > bound and sum(map(_proportional, processes)) > bound

    def too_many_files(self) -> bool:
        """Empty files are free of charge in a file system in memory, and cost the kernel a kilobyte each."""
        return any(_entries(folder) > self.limits.files for folder in self.folders)


def descendants(first: int) -> Iterator[int]:
    """``first`` and every process below it, as far as they still are."""
    waiting = [first]
    while waiting:
        process = waiting.pop()
        yield process
        with suppress(*_GONE):
            for thread in Path(f"/proc/{process}/task").iterdir():
                with suppress(*_GONE):
                    waiting.extend(map(int, (thread / "children").read_text(encoding="ascii").split()))


def can_watch() -> bool:
    """Whether the kernel tells the children of a process (CONFIG_PROC_CHILDREN), and ``/proc`` is mounted."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _resident(process: int) -> int:
    return sum(_sizes(process, "status", _OWN))


def _proportional(process: int) -> int:
    try:
        return sum(_sizes(process, "smaps_rollup", ("Pss",)))
    except PermissionError:
        return _resident(process)


def _sizes(process: int, file: str, names: tuple[str, ...]) -> Iterator[int]:
    with suppress(*_GONE):
        for line in Path(f"/proc/{process}/{file}").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name in names:
                yield int(value.split()[0]) * 1024


def _entries(folder: int) -> int:
    found = os.statvfs(folder)
    return found.f_files - found.f_ffree - 1
