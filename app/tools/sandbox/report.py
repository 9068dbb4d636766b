"""What the model is told of a run."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.ports.artifacts import ArtifactRow
from app.ports.tools import ToolResult
from app.tools.sandbox.cell import Ended, Stop
from app.tools.sandbox.limits import Limits

MAX_SHOWN_CHARS = 16_000
_SHOWN_NAME_CHARS = 1_500


@dataclass(frozen=True, slots=True)
class Written:
    """A file that the code made or changed."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What came of a run.

    Attributes:
        written: kept for the next call.
        passed_over: names of what was no regular file; not kept.
        not_kept: why the folder stays as it was before the call; None where it does not.
        brought: what is told of the files that came in; "" where none did.
        wanted: names of the files that were to be saved as artifacts.
        missing: those of them that the code, which ended well, did not leave.
    """

    ended: Ended
    written: tuple[Written, ...] = ()
    passed_over: tuple[str, ...] = ()
    not_kept: str | None = None
    brought: str = ""
    wanted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether the code ended by itself without an error, and its files are kept."""
        return self.ended.status == 0 and self.not_kept is None


def to_json(told: ToolResult) -> str:
    return json.dumps({"content": told.content, "is_error": told.is_error, "details": dict(told.details)})


def from_json(text: str) -> ToolResult:
    return ToolResult(**json.loads(text))


def result(finished: Finished, timeout_s: float, limits: Limits) -> ToolResult:
    """``details``: files (name, bytes), stopped_by, exit_status."""
    ended = finished.ended
    lines = [_shown(ended.output.decode(errors="replace").rstrip("\n")) or "(nothing was printed)"]
    if (stopped := _stopped(finished, timeout_s, limits)) is not None:
        lines.append(f"[{stopped}]")
    if finished.written:
        names = [f"{file.name} ({file.bytes:,} bytes)" for file in finished.written]
        lines.append(f"[files written: {_listed(names)}]")
    if finished.passed_over:
        names = list(finished.passed_over)
        lines.append(f"[not kept, because only regular files that can be read are: {_listed(names)}]")
    if finished.not_kept is not None:
        lines.append(f"[the files of this call are not kept: {finished.not_kept}]")
    if finished.brought:
        lines.append(f"[files brought in: {finished.brought}]")
    if finished.wanted and not finished.is_well:
        lines.append(f"[no artifact was saved, since the call failed: {_listed(list(finished.wanted))}]")
    elif finished.missing:
        lines.append(f"[not saved as artifacts, because the code left no such file: {_listed(list(finished.missing))}]")
    return ToolResult(
        content="\n".join(lines),
        is_error=not finished.is_well or bool(finished.missing),
        details={
            "files": [{"name": file.name, "bytes": file.bytes} for file in finished.written],
            "stopped_by": ended.stop.value,
            "exit_status": ended.status,
        },
    )


def with_artifacts(told: ToolResult, saved: Sequence[ArtifactRow], refused: Sequence[str]) -> ToolResult:
    """What is told once the artifacts are saved; ``details`` then has artifacts (name, version, bytes), too.

    Args:
        refused: why others were not, a line each.
    """
    lines = [told.content]
    if saved:
        names = [f"{row.name} (version {row.version}, {row.size_bytes:,} bytes)" for row in saved]
        lines.append(f"[saved as artifacts: {_listed(names)}]")
    if refused:
        lines.append(f"[not saved as artifacts: {_listed(list(refused))}]")
    rows = [{"name": row.name, "version": row.version, "bytes": row.size_bytes} for row in saved]
    return ToolResult(
        content="\n".join(lines),
        is_error=told.is_error or bool(refused),
        details={**told.details, "artifacts": rows},
    )


def brought(files: Mapping[str, tuple[int, str]]) -> str:
    """What is told of files that came in: length and origin by name."""
    return _listed([f"{name} ({size:,} bytes, {origin})" for name, (size, origin) in files.items()])


def _listed(names: list[str]) -> str:
    shown = list(names)
    while len(shown) > 1 and sum(map(len, shown)) > _SHOWN_NAME_CHARS:
        shown.pop()
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _stopped(finished: Finished, timeout_s: float, limits: Limits) -> str | None:
    match finished.ended.stop:
        case Stop.TIMEOUT:
            return f"stopped: it ran longer than {timeout_s:g} s"
        case Stop.OUTPUT:
            return f"stopped: it printed more than {limits.output_bytes:,} bytes"
        case Stop.MEMORY:
            return f"stopped: its processes held more than {limits.memory_bytes:,} bytes of memory together"
        case Stop.FILES:
            return f"stopped: it made more than {limits.files:,} files"
        case Stop.EXITED:
            return _status(finished.ended.status or 0)


def _status(status: int) -> str | None:
    if status <= 128:
        return f"exit status {status}" if status else None
    try:
        return f"ended by {signal.Signals(status - 128).name}"
    except ValueError:
        return f"exit status {status}"


def _shown(text: str) -> str:
    """The first and the last part: what went wrong, and the value, come last."""
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    half = MAX_SHOWN_CHARS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"
