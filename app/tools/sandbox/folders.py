"""The files that tasks keep between calls, in a directory of the service.

A task's files lie side by side under numbers, and an index tells their names: no name that code or a client chose is
ever a path here. The index is replaced in one step, so a crash leaves the files of before or of after a call.
Everything blocks: call it in a thread. One task's folder is for one call at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from app.tools.sandbox.swarm_folders import SwarmFolders

_INDEX = "index.json"
_CHUNK_BYTES = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
_REMEMBERED = 100
"""Results: as many calls as one turn of a model may make; only these can be repeated after a crash."""
_PINNED = 4
"""Runs whose files are pinned: one at a time is under way, and each crash may leave one that is not repeated next."""


class FolderFull(Exception):
    """The files would pass the quota; the text says which."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One kept file: where it lies, and its length."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Pinned:
    """Files of one run that stay as they are whatever becomes of those of the same names, and what is told of them."""

    files: dict[str, Stored]
    note: str


@dataclass(frozen=True, slots=True)
class Quota:
    """Of one task, together.

    Attributes:
        bytes: each file counts in whole pages of memory, as it will in the sandbox's file system.
        files: files, and the folders they are in.
    """

    bytes: int
    files: int


class TaskFolders(SwarmFolders):
    """Args:
    quota: of each task.
    """

    def __init__(self, root: Path, quota: Quota) -> None:
        super().__init__(root)
        self._quota = quota

    def of(self, swarm_id: str, task_id: str) -> TaskFolder:
        return TaskFolder(self.path_of(swarm_id) / _number(task_id), self._quota)


@dataclass(slots=True)
class _Index:
    """``files``: number and length by name. ``results``: number of what a run said by its key, the newest last.

    ``pins``: files of runs by their keys, the newest last, and what is told of them.
    """

    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    pins: dict[str, tuple[dict[str, tuple[str, int]], str]] = field(default_factory=dict)

    def numbers(self) -> set[str]:
        pinned = {number for files, _ in self.pins.values() for number, _ in files.values()}
        return {number for number, _ in self.files.values()} | set(self.results.values()) | pinned


class TaskFolder:
    """The kept files of one task."""

    def __init__(self, path: Path, quota: Quota) -> None:
        self._path = path
        self._quota = quota

    def files(self) -> dict[str, Stored]:
        """By name, in order of names."""
        files = sorted(_index(self._path).files.items())
        return {name: Stored(self._path / number, size) for name, (number, size) in files}

    def result(self, run_key: str) -> str | None:
        """What ``Change.remember`` was given for one of the last runs."""
        number = _index(self._path).results.get(run_key)
        return None if number is None else (self._path / number).read_text(encoding="utf-8")

    def pinned(self, run_key: str) -> Pinned | None:
        """What ``Change.pin`` was given; None where there is nothing, or ``Change.unpin`` was called since."""
        found = _index(self._path).pins.get(run_key)
        if found is None:
            return None
        files, note = found
        return Pinned({name: Stored(self._path / number, size) for name, (number, size) in files.items()}, note)

    def create(self) -> None:
        """Make the folder, before it is changed: where it is deleted in between, the change fails."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def change(self) -> Change:
        """Begin a change; nothing is seen of it before ``Change.commit``."""
        return Change(self._path, self._quota)


class Change:
    """The next state of a folder: what is kept or added is in it, every other file goes.

    Raises (each method):
        FolderFull: the quota is passed.
        OSError: the disk is full, or the folder was deleted since.
    """

    def __init__(self, path: Path, quota: Quota) -> None:
        self._path = path
        self._quota = quota
        before = _index(path)
        self._index = _Index(results=before.results, pins=before.pins)
        self._bytes = 0
        self._entries = {"."}

    def keep(self, name: str, stored: Stored) -> None:
        self._count(name, stored.path.name, stored.size)

    def add(self, name: str, source: int) -> int:
        """Copy an open file, and return its length. A sparse one counts, and is written, in full."""
        size = os.fstat(source).st_size
        number = uuid4().hex
        self._count(name, number, size)
        with open(self._path / number, "xb", opener=_private) as target:
            for chunk in _chunks(source, size):
                target.write(chunk)
        return size

    def put(self, name: str, content: bytes) -> None:
        number = uuid4().hex
        self._count(name, number, len(content))
        with open(self._path / number, "xb", opener=_private) as target:
            target.write(content)

    def remember(self, run_key: str, text: str) -> None:
        """Keep what a run said; of the oldest beyond a few, nothing is kept."""
        number = uuid4().hex
        with open(self._path / number, "xb", opener=_private) as target:
            target.write(text.encode())
        results = self._index.results
        results[run_key] = number
        for oldest in list(results)[:-_REMEMBERED]:
            del results[oldest]

    def pin(self, run_key: str, names: Iterable[str], note: str = "") -> None:
        """Pin files that are in this state, in place of what the run had pinned; only of the last few runs any stay."""
        pins = self._index.pins
        pins.pop(run_key, None)
        pins[run_key] = ({name: self._index.files[name] for name in names}, note)
        for oldest in list(pins)[:-_PINNED]:
            del pins[oldest]

    def unpin(self, run_key: str) -> None:
        self._index.pins.pop(run_key, None)

    def commit(self) -> None:
        fresh = self._path / f"{uuid4().hex}.new"
        state = {"files": self._index.files, "results": self._index.results, "pins": self._index.pins}
        with open(fresh, "x", encoding="utf-8", opener=_private) as file:
            json.dump(state, file)
        fresh.replace(self._path / _INDEX)
        self._delete_what_is_not_in(self._index)

    def abandon(self) -> None:
        """Delete what was added."""
        self._delete_what_is_not_in(_index(self._path))

    def _delete_what_is_not_in(self, index: _Index) -> None:
        wanted = index.numbers() | {_INDEX}
        with suppress(FileNotFoundError):
            for path in list(self._path.iterdir()):
                if path.name not in wanted:
                    path.unlink(missing_ok=True)

    def _count(self, name: str, number: str, size: int) -> None:
        self._index.files[name] = (number, size)
        self._bytes += -(-size // _PAGE_BYTES) * _PAGE_BYTES
        if self._bytes > self._quota.bytes:
            raise FolderFull(f"the files of a task may have {self._quota.bytes:,} bytes together")
        self._entries.add(name)
        self._entries.update(map(str, PurePosixPath(name).parents))
        if len(self._entries) - 1 > self._quota.files:  # the last parent is the folder itself
            raise FolderFull(f"a task may keep {self._quota.files:,} files and folders")


def _index(folder: Path) -> _Index:
    try:
        found = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _Index()
    pins = {key: (_files(files), note) for key, (files, note) in found.get("pins", {}).items()}
    return _Index(_files(found["files"]), found["results"], pins)


def _files(found: dict[str, list[Any]]) -> dict[str, tuple[str, int]]:
    return {name: (number, size) for name, (number, size) in found.items()}


def _number(text: str) -> str:
    """Of an id, whatever characters it has."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _chunks(source: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size and (chunk := os.pread(source, min(_CHUNK_BYTES, size - at), at)):
        yield chunk
        at += len(chunk)
