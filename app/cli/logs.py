"""``swarmd logs``: the event log of a run as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.messages import one_line, say
from app.cli.options import ApiKey, SwarmId, Url

if TYPE_CHECKING:
    from app.cli.client import JsonObject, ServiceClient

_HEAD = frozenset({"type", "seq", "ts", "swarm_id", "task_id", "agent_id"})
_VALUE_SHOWN = 300


def logs(
    swarm_id: SwarmId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens, until the run ends.")
    ] = False,
    after: Annotated[int, typer.Option(min=0, help="Only events with a larger seq.")] = 0,
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only this type, such as agent_failed; repeatable."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", metavar="ID", help="Only of this task; repeatable.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each event, as the API has it.")] = False,
) -> None:
    """Print what happened in a run: a line for each event with its time, seq, type, task and further fields.

    With --follow a lost connection is made again behind the last event, so that none is missing or comes twice.

    Exit code: 0, whatever the run's own status is; 1 there is no such run, or no service; 130 interrupted.

    Example: `swarmd logs swm_01J9Z3K8Q4 --follow --type agent_failed --type agent_retrying`
    """
    import sys

    import orjson

    from app.cli.finding import hints
    from app.cli.interrupts import Interrupts
    from app.cli.session import connect

    kinds, tasks = frozenset(kind or ()), frozenset(task or ())
    with Interrupts(), connect(url, key, may_embed=False) as session, hints(session.client, swarm_id):
        for event in _events(session.client, swarm_id, after, follow=follow):
            if (not kinds or event.get("type") in kinds) and (not tasks or event.get("task_id") in tasks):
                sys.stdout.write(f"{orjson.dumps(event).decode() if as_json else line_of(event)}\n")
                if follow:
                    sys.stdout.flush()


def _events(client: ServiceClient, swarm_id: str, after: int, *, follow: bool) -> Iterator[JsonObject]:
    from app.cli.event_stream import SNAPSHOT, frames

    if not follow:
        return client.new_events(swarm_id, after)
    return (frame for frame in frames(client, swarm_id, after, say=say) if frame.get("type") != SNAPSHOT)


def line_of(event: JsonObject) -> str:
    """``2026-01-31T12:04:31.250Z 17 agent_completed intro attempt=1 latency_ms=812.4``."""
    head = [str(event.get("ts")), str(event.get("seq")), str(event.get("type"))]
    if event.get("task_id") is not None:
        head.append(one_line(str(event["task_id"])))
    more = [f"{name}={_value(value)}" for name, value in event.items() if name not in _HEAD and value is not None]
    return " ".join([*head, *more])


def _value(value: object) -> str:
    """Texts of one word as they are, everything else as JSON."""
    import orjson

    if isinstance(value, str) and value and not any(each.isspace() or each in "\"'=" for each in value):
        return one_line(value)
    text = one_line(orjson.dumps(value).decode())
    return text if len(text) <= _VALUE_SHOWN else text[:_VALUE_SHOWN] + "…"
