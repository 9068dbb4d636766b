"""``swarmd run``: a swarm from a file."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.failures import EXIT_USAGE, Failure, exit_code_of
from app.cli.messages import say


class ResultFormat(StrEnum):
    JSON = "json"
    TEXT = "text"


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="The body of POST /v1/swarms, or - for stdin.")],
    url: Annotated[
        str | None,
        typer.Option(
            envvar="SWARMD_URL",
            help="The service; default: one on the usual port (SWARMD_PORT, 8000), else one started here.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="SWARMD_API_KEY", help="API key.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this file instead of stdout.")] = None,
    result_format: Annotated[
        ResultFormat, typer.Option("--format", help="json: all results; text: the merged answer, else each output.")
    ] = ResultFormat.JSON,
    model: Annotated[str | None, typer.Option(help="Overrides the file's model.")] = None,
    max_parallel: Annotated[int | None, typer.Option(help="Overrides limits.max_parallel_agents.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Overrides limits.timeout_s, seconds for the swarm.")] = None,
    detach: Annotated[bool, typer.Option(help="Print the swarm's id and leave it running.")] = False,
    progress: Annotated[bool, typer.Option(help="Show progress on stderr.")] = True,
) -> None:
    """Run the swarm described in a file, show its progress and print its results.

    Exit code: 0 completed, 3 partial, 4 failed, 5 cancelled, 2 the call or the file is wrong, 1 the service could not
    do it, 130 interrupted (Ctrl-C cancels the swarm).
    """
    from app.cli.follow import run_to_end
    from app.cli.interrupts import Interrupts
    from app.cli.results import as_json, as_text, check_writable, deliver
    from app.cli.session import connect

    body = swarm_body(_read(file), model=model, max_parallel=max_parallel, timeout_s=timeout)
    if out is not None:
        check_writable(out)
    with Interrupts() as interrupts, connect(url, key, may_embed=not detach) as session:
        if detach:
            with interrupts.held():
                typer.echo(session.client.create_swarm(body)["swarm_id"])
            return
        ended = run_to_end(session.client, body, interrupts, progress=progress)
    deliver(as_json(ended.results) if result_format is ResultFormat.JSON else as_text(ended.results), out)
    if ended.final.status != "completed":
        say(f"{ended.swarm_id} is {ended.final.status}")
    raise typer.Exit(exit_code_of(ended.final.status))


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
