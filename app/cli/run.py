"""``swarmd run``: a swarm from a file, a recipe or a goal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.failures import EXIT_USAGE, Failure, exit_code_of
from app.cli.messages import say

if TYPE_CHECKING:
    from app.cli.requests import Request


class ResultFormat(StrEnum):
    JSON = "json"
    TEXT = "text"


class Planner(StrEnum):
    SUPERVISOR = "supervisor"
    ORCHESTRATOR = "orchestrator"


def run(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE.json | PATH...]",
            help="The body of POST /v1/swarms, or - for stdin; with --recipe what the recipe reads.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run this recipe; `swarmd recipes` lists them.")
    ] = None,
    goal: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What is wanted, in words: a planner makes tasks.")
    ] = None,
    attach: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="A file or folder that the goal is about; repeatable.")
    ] = None,
    planner: Annotated[Planner | None, typer.Option(help="Who makes the tasks of a goal; default: supervisor.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the recipe; repeatable.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            envvar="SWARMD_URL",
            help="The service; default: one on the usual port (SWARMD_PORT, 8000), else one started here.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--api-key", "--key", envvar="SWARMD_API_KEY", help="API key.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this file instead of stdout.")] = None,
    result_format: Annotated[
        ResultFormat | None,
        typer.Option(
            "--format",
            help="json: all results, the default of a file; text: the merged answer, else each output, the default of "
            "recipes and goals.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Overrides the model of the file or recipe.")] = None,
    max_parallel: Annotated[int | None, typer.Option(help="Overrides limits.max_parallel_agents.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Overrides limits.timeout_s, seconds for the swarm.")] = None,
    detach: Annotated[bool, typer.Option(help="Print the swarm's id and leave it running.")] = False,
    progress: Annotated[bool, typer.Option(help="Show progress on stderr.")] = True,
) -> None:
    """Run a swarm from a file, a recipe or a goal, show its progress and print its results.

    Exit code: 0 completed, 3 partial, 4 failed, 5 cancelled, 2 the call or the file is wrong, 1 the service could not
    do it, 130 interrupted (Ctrl-C cancels the swarm).
    """
    from app.cli.follow import run_to_end
    from app.cli.interrupts import Interrupts
    from app.cli.results import as_json, as_text, check_writable, deliver
    from app.cli.session import connect

    given = paths or []
    request = None
    if recipe is not None or goal is not None:
        request = request_of(recipe, goal, given, attach or [], planner, settings or [])
    elif attach or planner is not None or settings:
        raise Failure("--attach, --planner and --set go with --goal or --recipe", EXIT_USAGE)
    elif len(given) != 1:
        raise Failure(f"expected one FILE.json (or --recipe, or --goal), got {len(given)}", EXIT_USAGE)
    text = _read(given[0]) if request is None else request.body
    body = swarm_body(text, model=model, max_parallel=max_parallel, timeout_s=timeout)
    if out is not None:
        check_writable(out)
    with Interrupts() as interrupts, connect(url, key, may_embed=not detach) as session:
        if detach:
            with interrupts.held():
                typer.echo(session.client.create_swarm(body)["swarm_id"])
            return
        ended = run_to_end(session.client, body, interrupts, progress=progress)
    wanted = result_format or (ResultFormat.JSON if request is None else ResultFormat.TEXT)
    shows = () if request is None else request.shows
    deliver(as_json(ended.results) if wanted is ResultFormat.JSON else as_text(ended.results, shows), out)
    if ended.final.status != "completed":
        say(f"{ended.swarm_id} is {ended.final.status}")
    raise typer.Exit(exit_code_of(ended.final.status))


def request_of(
    recipe: str | None,
    goal: str | None,
    paths: Sequence[Path],
    attach: Sequence[Path],
    planner: Planner | None,
    settings: Sequence[str],
) -> Request:
    """The request of a recipe, or of a goal alone.

    Raises:
        Failure: the flags do not go together, or see ``requests``.
    """
    from app.cli.requests import goal_request, parameters_of, recipe_request

    if recipe is None:
        if paths:
            raise Failure(f"--goal and {paths[0]}: give the files that a goal is about as --attach PATH", EXIT_USAGE)
        if settings:
            raise Failure("--set goes with --recipe", EXIT_USAGE)
        return goal_request(goal or "", planner.value if planner else None, attach)
    given = parameters_of(settings)
    for name, value in (("goal", goal), ("planner", planner.value if planner else None)):
        if value is not None:
            if name in given:
                raise Failure(f"--{name} and --set {name}=…: give one of them", EXIT_USAGE)
            given[name] = value
    return recipe_request(recipe, given, [*paths, *attach])


def swarm_body(
    text: bytes, *, model: str | None = None, max_parallel: int | None = None, timeout_s: float | None = None
) -> bytes:
    """The request body: the file's JSON with the overrides put in; a bare list is taken as the tasks.

    Raises:
        Failure: it is not JSON, or not of that shape.
    """
    import orjson

    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise Failure(f"the file is not JSON: {exc}", EXIT_USAGE) from exc
    body = {"tasks": value} if isinstance(value, list) else value
    if not isinstance(body, dict):
        raise Failure(f"expected a JSON object with `tasks`, got {type(value).__name__}", EXIT_USAGE)
    if model is not None:
        body["model"] = model
    wanted = {"max_parallel_agents": max_parallel, "timeout_s": timeout_s}
    overrides = {name: number for name, number in wanted.items() if number is not None}
    if overrides:
        limits = body.get("limits") or {}
        if not isinstance(limits, dict):
            raise Failure(f"/limits: expected an object, got {type(limits).__name__}", EXIT_USAGE)
        body["limits"] = {**limits, **overrides}
    return orjson.dumps(body)


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as exc:
        raise Failure(f"{file}: {exc.strerror}", EXIT_USAGE) from exc
