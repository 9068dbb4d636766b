"""Results of a swarm as text or JSON, and where they go."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from app.cli.client import JsonObject
from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import printable

_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def as_json(value: object) -> str:
    return orjson.dumps(value, option=_PRETTY).decode()


def as_text(results: JsonObject, only: Sequence[str] = ()) -> str:
    """The merged answer where there is one, else every output under a heading with its task's id.

    Args:
        only: ids of the tasks whose outputs are wanted, in this order; all where there are none.
    """
    aggregated = results.get("aggregated")
    if aggregated is not None:
        return _ended(_plain(aggregated))
    outputs = {str(output.get("task_id") or output.get("id")): output for output in results.get("outputs") or []}
    sections = []
    for task_id in [name for name in only if name in outputs] or outputs:
        output = outputs[task_id]
        failed = f"({output.get('status')}: {_error_text(output.get('error'))})"
        body = failed if output.get("output") is None else _plain(output["output"])
        sections.append(f"## {task_id}\n\n{_ended(body)}")
    return "\n".join(sections)


def output_of(results: JsonObject, task_id: str) -> str | None:
    """The output of one task as text; None when it has none."""
    for output in results.get("outputs") or []:
        if task_id in (output.get("task_id"), output.get("id")) and output.get("output") is not None:
            return _plain(output["output"])
    return None


def failures_of(results: JsonObject) -> list[str]:
    """A line for every task that failed, as the summary names them."""
    failures = (results.get("summary") or {}).get("failures") or []
    return [f"{failure.get('task_id')}: {_error_text(failure.get('error'))}" for failure in failures]


def check_writable(path: Path) -> None:
    """Find out before a swarm costs anything that its result could not be written.

    Raises:
        Failure: ``path`` cannot be a file.
    """
    if path.is_dir():
        raise Failure(f"{path} is a directory", EXIT_USAGE)
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise Failure(f"{path} cannot be written", EXIT_USAGE)


def deliver(text: str, out: Path | None) -> None:
    """Write to the file, or to stdout.

    Raises:
        Failure: the file cannot be written.
    """
    if out is None:
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise Failure(f"{out}: {exc.strerror}", EXIT_USAGE) from exc


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _error_text(error: Any) -> str:
    """An error is a string on one path of the API and an object with a message on another."""
    return str(error.get("message") or error.get("type")) if isinstance(error, dict) else str(error or "no output")


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
