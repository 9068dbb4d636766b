"""The body of ``POST /v1/swarms`` from the words of a command line: a recipe and its inputs, or a goal alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.recipe_inputs import read_inputs
from app.recipes.loading import load
from app.recipes.recipe import Reads, RecipeError

MAX_BODY_BYTES = 32 * 1024 * 1024
"""What the service takes in a request."""

_LARGEST_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A swarm to be started; ``shows`` are the tasks whose outputs are the result, empty for the merged value."""

    body: bytes
    shows: tuple[str, ...] = ()


def recipe_request(name: str, given: Mapping[str, str], paths: Sequence[Path]) -> Request:
    """The request of a recipe.

    Args:
        given: the values of its parameters as texts.

    Raises:
        Failure: there is no such recipe, or what is given does not fit it, or is too much for one request.
    """
    try:
        recipe = load(name)
        values = recipe.values(given)
    except RecipeError as exc:
        raise Failure(str(exc), EXIT_USAGE) from exc
    read = read_inputs(recipe.reads, paths)
    body = recipe.build(values, read)
    listed = {task.get("id") for task in body.get("tasks", ())}
    shows = tuple(task_id for task_id in recipe.shows if task_id in listed)
    return Request(body=_encoded(body, read), shows=shows)


def goal_request(goal: str, planner: str | None, attach: Sequence[Path]) -> Request:
    """The request of a goal in plain words.

    Raises:
        Failure: there are no words in it, or a file cannot be sent.
    """
    if not goal.strip():
        raise Failure("--goal: expected some words", EXIT_USAGE)
    body: dict[str, Any] = {"goal": goal}
    if planner is not None:
        body["planner"] = planner
    read = read_inputs(Reads.ATTACHMENTS, attach)
    if read["files"]:
        body["attachments"] = {"files": read["files"]}
    return Request(body=_encoded(body, read))


def parameters_of(assignments: Sequence[str]) -> dict[str, str]:
    """``name=value`` texts as a mapping.

    Raises:
        Failure: one without ``=``, or a name that comes twice.
    """
    values: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise Failure(f"--set: expected NAME=VALUE, not {assignment[:100]!r}", EXIT_USAGE)
        if name.strip() in values:
            raise Failure(f"--set: {name.strip()} comes twice", EXIT_USAGE)
        values[name.strip()] = value
    return values


def _encoded(body: Mapping[str, Any], read: Mapping[str, Any]) -> bytes:
    encoded = orjson.dumps(body)
    if len(encoded) <= MAX_BODY_BYTES:
        return encoded
    files = [
        (len(file.get("content") or file.get("text") or ""), file.get("name") or file.get("path"))
        for file in read.get("files") or ()
    ]
    largest = ", ".join(
        f"{name} ({size / 2**20:,.1f} MiB)" for size, name in sorted(files, reverse=True)[:_LARGEST_SHOWN]
    )
    advice = f"; the largest files are {largest}" if largest else ""
    took = f"{len(encoded) / 2**20:,.1f} MiB; the service takes {MAX_BODY_BYTES >> 20} MiB"
    raise Failure(f"the files make a request of {took}{advice}", EXIT_USAGE)
