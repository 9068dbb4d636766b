"""What tasks keep between runs of code, seen from outside: below the ``files`` directory of a test's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.tools.sandbox.folders import Quota, TaskFolder, TaskFolders

QUOTA = Quota(bytes=2**40, files=10**6)


def folder_of(place: Path, task_id: str = "a", swarm_id: str = "swarm") -> TaskFolder:
    return TaskFolders(place / "files", QUOTA).of(swarm_id, task_id)


def put(place: Path, files: Mapping[str, bytes], task_id: str = "a") -> None:
    """Make these files of a task, beside or in place of what is there."""
    put_for(place, "swarm", files, task_id)


def put_for(place: Path, swarm_id: str, files: Mapping[str, bytes], task_id: str = "a") -> None:
    folder = folder_of(place, task_id, swarm_id)
    folder.create()
    change = folder.change()
    for name, stored in folder.files().items():
        if name not in files:
            change.keep(name, stored)
    for name, content in files.items():
        change.put(name, content)
    change.commit()


def kept(place: Path, task_id: str = "a", swarm_id: str = "swarm") -> dict[str, bytes]:
    """The files of a task by name."""
    return {name: stored.path.read_bytes() for name, stored in folder_of(place, task_id, swarm_id).files().items()}
