"""What happens to a task's folder before and after a run: files come in, and some go out as artifacts.

The order makes a crash harmless. What comes in is pinned under the run's key before the run, so a repeated run finds
the same files whatever their sources hold by then. The record of the run pins what is to go out, in the same change; so
the artifacts are what that run left, though a later call may change the files. Pins go when the artifacts are saved.
Everything blocks: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from app.ports.tools import ToolRefused
from app.tools.sandbox.folders import Change, FolderFull, Stored, TaskFolder


def is_prepared(folder: TaskFolder, run_key: str) -> bool:
    """Whether the run is recorded, or its files were brought in."""
    return folder.result(run_key) is not None or folder.pinned(run_key) is not None


def bring(folder: TaskFolder, run_key: str, files: Mapping[str, bytes], note: str) -> None:
    """Put files in, in place of those of the same names, and pin them for the run; all of them or none.

    Args:
        note: what is told of them with the run's result.

    Raises:
        ToolRefused: the quota is passed, or a name would be a file and a folder.
    """
    folder.create()
    before = folder.files()
    names = {*before, *files}
    for name in names:
        if both := names.intersection(map(str, PurePosixPath(name).parents)):
            raise ToolRefused(f"{min(both)!r} cannot be a file and a folder at once")
    change = folder.change()
    try:
        _keep(change, {name: stored for name, stored in before.items() if name not in files})
        for name, content in files.items():
            change.put(name, content)
        change.pin(run_key, files, note)
        change.commit()
    except FolderFull as exc:
        change.abandon()
        raise ToolRefused(f"{exc}; bring in fewer, or first delete some in a call of its own") from exc


def restore(folder: TaskFolder, run_key: str) -> str:
    """Give the run the files that it was brought, whatever other runs did to them, and return what is told of them."""
    pinned = folder.pinned(run_key)
    if pinned is None:
        return ""
    before = folder.files()
    if any(before.get(name) != stored for name, stored in pinned.files.items()):
        change = folder.change()
        _keep(change, before | pinned.files)
        change.commit()
    return pinned.note


def outgoing(folder: TaskFolder, run_key: str) -> Mapping[str, Stored]:
    """The files that a recorded run left to be saved, by name; none once ``settle`` was called."""
    pinned = folder.pinned(run_key)
    return {} if pinned is None or folder.result(run_key) is None else pinned.files


def settle(folder: TaskFolder, run_key: str, text: str) -> None:
    """End a run whose files are saved: ``text`` is what is told of it from now on."""
    change = folder.change()
    _keep(change, folder.files())
    change.remember(run_key, text)
    change.unpin(run_key)
    change.commit()


def _keep(change: Change, files: Mapping[str, Stored]) -> None:
    for name, stored in files.items():
        change.keep(name, stored)
