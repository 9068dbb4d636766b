"""How a command ends: the exit codes, and the one kind of error a user is shown.

Everything a user can cause or mend is raised as ``Failure`` and printed by ``app.cli.main`` as plain lines, without a
traceback. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXIT_OK = 0
EXIT_ERROR = 1
"""The service could not be reached, refused the key, or broke."""
EXIT_USAGE = 2
"""The command line or the file is wrong: the same call fails again."""
EXIT_PARTIAL = 3
EXIT_FAILED = 4
EXIT_CANCELLED = 5
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells expect; 143 after SIGTERM."""

_EXIT_OF_STATUS = {
    "completed": EXIT_OK,
    "partial": EXIT_PARTIAL,
    "failed": EXIT_FAILED,
    "cancelled": EXIT_CANCELLED,
}
_MAX_FIELD_ERRORS = 50


class Failure(Exception):
    """An error of the user's world: what went wrong in words, and the exit code it ends the command with."""

    def __init__(self, message: str, exit_code: int = EXIT_ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


class Refused(Failure):
    """An error answer of the service; ``status`` is its HTTP status."""

    def __init__(self, message: str, exit_code: int, status: int) -> None:
        super().__init__(message, exit_code)
        self.status = status


class DataDirInUse(Failure):
    """Another running service has the data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"{data_dir} is in use by another running service; stop it or choose another --data-dir")
        self.data_dir = data_dir


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived; not an ``Exception``, so that no retry loop swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


def exit_code_of(status: str) -> int:
    """The exit code for a swarm's final status; an unknown status counts as failed."""
    return _EXIT_OF_STATUS.get(status, EXIT_FAILED)


def problem_failure(status: int, body: object) -> Refused:
    """An error answer of the service as lines a person can act on, every wrong field with its place.

    Args:
        body: the parsed problem document (RFC 9457), or the raw text of whatever answered instead.
    """
    exit_code = EXIT_USAGE if status in {400, 409, 413, 415, 422} else EXIT_ERROR
    if not isinstance(body, Mapping):
        text = " ".join(str(body).split())[:300]
        return Refused(f"the service answered HTTP {status}" + (f": {text}" if text else ""), exit_code, status)
    title = str(body.get("title") or "").strip()
    detail = str(body.get("detail") or "").strip()
    code = str(body.get("code") or "").strip()
    head = detail or title or "no reason given"
    lines = [f"HTTP {status}{f' {code}' if code else ''}: {head}"]
    fields = [line for line in map(_field_line, _listed(body.get("errors"))) if line]
    if len(fields) == 1 and detail and fields[0].strip() == detail:
        fields = []
    lines += fields[:_MAX_FIELD_ERRORS]
    if len(fields) > _MAX_FIELD_ERRORS:
        lines.append(f"  … and {len(fields) - _MAX_FIELD_ERRORS:,} more")
    if status == 401:
        lines.append("  pass a key with SWARMD_API_KEY or --api-key; `swarmd keys create` makes one")
    if status == 403 and "scope" in detail:
        lines.append("  `swarmd keys create --scopes read,run,admin` makes a key with every right")
    return Refused("\n".join(lines), exit_code, status)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _field_line(error: object) -> str:
    if not isinstance(error, Mapping):
        return f"  {error}"
    pointer = str(error.get("pointer") or "")
    detail = str(error.get("detail") or "").strip()
    return f"  {pointer or '(body)'}: {detail}" if pointer or detail else ""
