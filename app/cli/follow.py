"""Seeing a swarm through: starting it, progress on the screen, and cancelling it when the user interrupts."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.cli.client import TERMINAL_STATUSES, JsonObject, ServiceClient
from app.cli.failures import Failure, Interrupted
from app.cli.interrupts import Interrupts
from app.cli.messages import say
from app.cli.progress import display
from app.cli.watch import Snapshot, watch

_CANCEL_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A swarm that has ended: its id, its last snapshot and its results document."""

    swarm_id: str
    final: Snapshot
    results: JsonObject


def run_to_end(client: ServiceClient, body: bytes, interrupts: Interrupts, *, progress: bool) -> Ended:
    """Start the swarm, show it until it has ended, and fetch its results.

    Raises:
        Interrupted: after the swarm was cancelled, or could not be.
        Failure: the service refused the swarm, or went away for good.
    """
    swarm_id = ""
    try:
        with interrupts.held():
            swarm_id = str(client.create_swarm(body)["swarm_id"])
        with display(enabled=progress) as screen:
            for snapshot in watch(client, swarm_id, say=say if progress else lambda _: None):
                for note in snapshot.notes if progress else ():
                    say(note)
                screen.show(snapshot)
        return Ended(swarm_id=swarm_id, final=snapshot, results=client.results(swarm_id))
    except Interrupted:
        if swarm_id:
            cancel(client, swarm_id)
        raise
    except Failure as exc:
        if not swarm_id:
            raise
        raise Failure(f"{exc.message}\n  the swarm is {swarm_id}", exc.exit_code) from exc


def cancel(client: ServiceClient, swarm_id: str) -> None:
    """Cancel the swarm and wait a moment for its end, so that an embedded service leaves nothing running behind."""
    say(f"interrupted: cancelling {swarm_id}")
    try:
        status = str(client.cancel(swarm_id).get("status"))
        deadline = time.monotonic() + _CANCEL_WAIT_S
        while status not in TERMINAL_STATUSES and time.monotonic() < deadline:
            time.sleep(0.1)
            status = str(client.swarm(swarm_id).get("status"))
    except Failure as exc:
        say(f"could not cancel it: {exc.message}")
    else:
        say(f"{swarm_id} is {status}")
