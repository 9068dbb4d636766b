"""What to say about an id that the service does not know: the nearest ones that it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from app.cli.client import JsonObject, ServiceClient, swarm_path
from app.cli.failures import Failure, Refused
from app.cli.messages import command, one_line

_LOOKED_AT = 200
_OFFERED = 3
_CLOSE = 0.8
"""Ids of runs that were started within hours are alike by more than half: they begin with the time."""


@contextmanager
def hints(client: ServiceClient, swarm_id: str, task_id: str | None = None) -> Iterator[None]:
    """Add to a 404 of the block which run, or task of the run, may have been meant."""
    try:
        yield
    except Refused as exc:
        if exc.status != 404:
            raise
        try:
            hint = _hint(client, swarm_id, task_id)
        except Failure:
            raise exc from None
        raise Refused("\n  ".join([exc.message, *hint]), exc.exit_code, exc.status) from exc


def _hint(client: ServiceClient, swarm_id: str, task_id: str | None) -> list[str]:
    """A line to add, or none where it is neither the run nor the task that is missing."""
    if not _is_there(client, swarm_id):
        return [_offer(_swarms_like(client, swarm_id), f"`{command()} ls` lists the runs")]
    if task_id is None:
        return []
    tasks: list[JsonObject] = client.get(swarm_path(swarm_id, "tasks"), limit=1000)["items"]
    near = nearest(task_id, [str(task["task_id"]) for task in tasks])
    return [_offer(near, f"`{command()} get {swarm_id} --tasks` lists its tasks")]


def _swarms_like(client: ServiceClient, given: str) -> list[str]:
    """The runs of that name, or those whose id or name is nearly the same."""
    swarms: list[JsonObject] = client.get("/v1/swarms", limit=_LOOKED_AT)["items"]
    found = [swarm for swarm in swarms if swarm["name"] == given]
    if not found:
        known = [str(swarm[name]) for swarm in swarms for name in ("swarm_id", "name") if swarm[name]]
        near = nearest(given, known)
        found = [swarm for swarm in swarms if {swarm["swarm_id"], swarm["name"]} & set(near)]
    return [f"{swarm['swarm_id']} ({one_line(swarm['name'] or swarm['status'])})" for swarm in found[:_OFFERED]]


def _offer(near: Sequence[str], asked: str) -> str:
    return f"did you mean {' or '.join(near)}? {asked}" if near else asked


def _is_there(client: ServiceClient, swarm_id: str) -> bool:
    try:
        client.swarm(swarm_id)
    except Refused:
        return False
    return True


def nearest(given: str, known: Sequence[str]) -> list[str]:
    """The few of ``known`` that are most like ``given``, without regard to case, best first."""
    spelled = {text.casefold(): text for text in known}
    return [spelled[text] for text in get_close_matches(given.casefold(), list(spelled), _OFFERED, _CLOSE)]
