"""``swarmd cancel``, ``pause``, ``resume`` and ``retry``: what is asked of a run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.messages import counted, say
from app.cli.options import ApiKey, AsJson, SwarmId, Url

if TYPE_CHECKING:
    from app.cli.client import JsonObject

_Tasks = Annotated[
    list[str] | None, typer.Option("--task", metavar="ID", help="Only this task; repeatable.", show_default=False)
]


class Unsuccessful(StrEnum):
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


def cancel(
    swarm_id: SwarmId, task: _Tasks = None, url: Url = None, key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Cancel a run, or some of its tasks: connections to models are closed and no new call is made.

    A run that has ended stays as it is. Of a cancelled task, what depends on it is skipped.

    Exit code: 0 it is cancelled, or had ended; 1 there is no such run, or no service; 2 the call is wrong.

    Example: `swarmd cancel swm_01J9Z3K8Q4 --task intro`
    """
    _ask(swarm_id, [("tasks", task_id, "cancel") for task_id in task or ()] or [("cancel",)], url, key, as_json)


def pause(swarm_id: SwarmId, url: Url = None, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Make a run start no further call; calls under way end and count.

    Exit code: 0 it is paused; 1 there is no such run, or no service; 2 it cannot be paused.

    Example: `swarmd pause swm_01J9Z3K8Q4`
    """
    _ask(swarm_id, [("pause",)], url, key, as_json)


def resume(swarm_id: SwarmId, url: Url = None, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Let a paused run go on; one that its budget paused needs a raised budget first.

    Exit code: 0 it goes on; 1 there is no such run, or no service; 2 it cannot go on.

    Example: `swarmd resume swm_01J9Z3K8Q4`
    """
    _ask(swarm_id, [("resume",)], url, key, as_json)


def retry(
    swarm_id: SwarmId,
    task: _Tasks = None,
    state: Annotated[
        list[Unsuccessful] | None, typer.Option(help="Tasks in this state, repeatable; default: failed.")
    ] = None,
    error: Annotated[str | None, typer.Option(help="Only those with this kind of error, such as timeout.")] = None,
    url: Url = None,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Run the failed tasks of a run again, and those skipped for want of them; an ended run goes on.

    Exit code: 0 they run again; 1 there is no such run, or no service; 2 there is nothing to retry.

    Example: `swarmd retry swm_01J9Z3K8Q4 --error timeout && swarmd watch swm_01J9Z3K8Q4`
    """
    wanted = {"task_ids": task or None, "states": [each.value for each in state or ()] or None, "error": error}
    body = {name: value for name, value in wanted.items() if value is not None}
    _ask(swarm_id, [("retry",)], url, key, as_json, body=body or None, once=True)


def _ask(
    swarm_id: str,
    paths: list[tuple[str, ...]],
    url: str | None,
    key: str | None,
    as_json: bool,
    *,
    body: JsonObject | None = None,
    once: bool = False,
) -> None:
    """Post to each of the paths below the swarm, and say how it then is."""
    from app.cli.client import swarm_path
    from app.cli.finding import hints
    from app.cli.results import as_json as json_text
    from app.cli.session import connect

    with connect(url, key, may_embed=False) as session:
        for path in paths:
            with hints(session.client, swarm_id, path[1] if path[0] == "tasks" else None):
                swarm = session.client.post(swarm_path(swarm_id, *path), body, once=once)
    if as_json:
        typer.echo(json_text(swarm), nl=False)
        return
    counts = swarm["counts"]
    left = counted(sum(counts[name] for name in ("waiting", "queued", "running", "retrying")), "task")
    say(
        f"{swarm['swarm_id']} is {swarm['status']}: "
        f"{counts['completed']:,} of {counts['total']:,} completed, {left} left"
    )
