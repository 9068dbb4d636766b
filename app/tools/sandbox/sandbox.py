"""One run of code with the files of its task: in, run, out. Everything blocks: call it in a thread."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from app.ports.tools import ToolResult
from app.tools.sandbox.bubblewrap import Programs, SandboxUnavailable, find_programs
from app.tools.sandbox.cell import Cancellation, Cancelled, Cell, SandboxFailed, Stop
from app.tools.sandbox.folders import FolderFull, TaskFolder
from app.tools.sandbox.limits import Limits
from app.tools.sandbox.report import Finished, Written, from_json, result, to_json
from app.tools.sandbox.staging import restore
from app.tools.sandbox.tree import TooManyFiles, Tree
from app.tools.sandbox.watch import can_watch

Marks = Mapping[str, tuple[int, ...]]

_NAMESPACES_HINT = (
    " (ordinary users must be allowed to make user namespaces; a Docker container needs --security-opt"
    " seccomp=unconfined for it, and on hosts with AppArmor --security-opt apparmor=unconfined)"
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Made by ``open_sandbox``, which has tried it out."""

    programs: Programs
    limits: Limits

    def run(
        self,
        code: str,
        timeout_s: float,
        folder: TaskFolder,
        run_key: str,
        cancellation: Cancellation,
        wanted: Sequence[str] = (),
    ) -> ToolResult:
        """Run code in the task's folder; a run of the same key is not repeated, but told again.

        Args:
            wanted: names of files that are pinned where the code ends well, until they are saved (``staging``).

        Raises:
            Cancelled: nothing is kept of the run.
            SandboxFailed: see there.
        """
        if (recorded := folder.result(run_key)) is not None:
            return from_json(recorded)
        folder.create()
        note = restore(folder, run_key)
        before = folder.files()
        with closing(Cell(self.programs, self.limits, cancellation)) as cell:
            with cell:
                for name, stored in before.items():
                    cell.send_file(name, stored)
                cell.files_are_there()
                marks = _marks(cell.work, self.limits.files)
                ended = cell.execute(code, timeout_s)
            finished = Finished(ended=ended, brought=note, wanted=tuple(wanted))
            return self._kept(folder, run_key, marks, Tree(cell.work, self.limits.files), finished, timeout_s)

    def _kept(
        self, folder: TaskFolder, run_key: str, marks: Marks, tree: Tree, finished: Finished, timeout_s: float
    ) -> ToolResult:
        before = folder.files()
        names: set[str] = set()
        written: list[Written] = []
        change = folder.change()
        try:
            for name, handle in tree.files():
                names.add(name)
                if name in before and marks.get(name) == _mark(handle):
                    change.keep(name, before[name])
                else:
                    written.append(Written(name, change.add(name, handle)))
            left = [name for name in finished.wanted if name in names and finished.is_well]
            told = result(
                replace(
                    finished,
                    written=tuple(written),
                    passed_over=tuple(tree.passed_over),
                    missing=tuple(name for name in finished.wanted if name not in names),
                ),
                timeout_s,
                self.limits,
            )
            change.remember(run_key, to_json(told))
            change.unpin(run_key)
            if left:
                change.pin(run_key, left)
            change.commit()
        except (FolderFull, TooManyFiles, OSError) as exc:
            change.abandon()
            return result(replace(finished, not_kept=_reason(exc, tree)), timeout_s, self.limits)
        return told


def open_sandbox(limits: Limits) -> Sandbox:
    """Find the programs and run one line of code in a sandbox.

    Raises:
        SandboxUnavailable: it does not work on this machine; the text says why.
    """
    programs = find_programs()
    if not can_watch():
        raise SandboxUnavailable("/proc does not tell the children of processes, by which memory is watched")
    cancellation = Cancellation()
    try:
        with closing(Cell(programs, limits, cancellation)) as cell, cell:
            ended = cell.execute("print(6 * 7)", limits.start_s)
    except (SandboxFailed, OSError) as exc:
        hint = _NAMESPACES_HINT if "namespace" in str(exc) else ""
        raise SandboxUnavailable(f"a sandbox cannot be started here: {exc}{hint}") from exc
    finally:
        cancellation.close()
    if ended.stop is not Stop.EXITED or ended.output != b"42\n":
        said = ended.output.decode(errors="replace").strip()
        raise SandboxUnavailable(f"Python does not run in the sandbox here: {said or ended.stop.value}")
    return Sandbox(programs, limits)


def _marks(work: int, max_entries: int) -> Marks:
    return {name: _mark(handle) for name, handle in Tree(work, max_entries).files()}


def _mark(handle: int) -> tuple[int, ...]:
    """Differs once a file was written to; the time of its last change cannot be set by the code."""
    found = os.fstat(handle)
    return (found.st_ino, found.st_size, found.st_ctime_ns)


def _reason(exc: Exception, tree: Tree) -> str:
    match exc:
        case TooManyFiles():
            return f"there are more than {tree.max_entries:,} files and folders"
        case FileNotFoundError():
            return "the run's files were deleted meanwhile"
        case OSError():
            return f"the service could not store them: {os.strerror(exc.errno or 0)}"
        case _:
            return str(exc)


__all__ = ["Cancellation", "Cancelled", "Sandbox", "SandboxFailed", "SandboxUnavailable", "open_sandbox"]
