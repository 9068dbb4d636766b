"""``swarmd get``: a run, its tasks, one of them, or its results."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.options import ApiKey, AsJson, SwarmId, Url


class State(StrEnum):
    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


def get(
    swarm_id: SwarmId,
    task: Annotated[
        str | None, typer.Option("--task", metavar="ID", help="This task: attempts, steps, tool calls, usage, output.")
    ] = None,
    tasks: Annotated[bool, typer.Option("--tasks", help="A line for each task.")] = False,
    state: Annotated[State | None, typer.Option(help="With --tasks: only those in this state.")] = None,
    results: Annotated[
        bool, typer.Option("--results", help="The merged answer, or else the output of each task.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    url: Url = None,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: state, counts, cost, tokens, budget, and where its time went; or what is asked for.

    Exit code: 0, whatever the run's own status is; 1 there is no such run or task, or no service; 2 the call is wrong.

    Example: `swarmd get swm_01J9Z3K8Q4 --results --out answer.md`
    """
    from app.cli.client import JsonObject, swarm_path
    from app.cli.details import of_swarm, of_task, of_tasks
    from app.cli.finding import hints
    from app.cli.results import as_json as json_text
    from app.cli.results import as_text, check_writable, deliver
    from app.cli.session import connect

    if sum((task is not None, tasks, results)) > 1:
        raise Failure("give one of --task, --tasks and --results", EXIT_USAGE)
    if state is not None and not tasks:
        raise Failure("--state goes with --tasks", EXIT_USAGE)
    if out is not None:
        check_writable(out)
    with connect(url, key, may_embed=False) as session, hints(session.client, swarm_id, task):
        client = session.client
        value: JsonObject
        if task is not None:
            value = client.get(swarm_path(swarm_id, "tasks", task))
            text = of_task(value)
        elif tasks:
            pages = client.pages(swarm_path(swarm_id, "tasks"), limit=1000, state=state.value if state else None)
            value = {"items": [item for page in pages for item in page["items"]], "next_cursor": None}
            text = of_tasks(value["items"])
        elif results:
            value = client.results(swarm_id)
            text = as_text(value)
        else:
            value = client.swarm(swarm_id)
            text = of_swarm(value)
    deliver(json_text(value) if as_json else text, out)
