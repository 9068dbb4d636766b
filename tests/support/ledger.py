"""The three-ledger checker for tests: what ``swarmd chaos`` compares, over a service and a model that a test drives.

The comparison itself is ``app.cli.chaos_ledger``, so that users and tests hold the service to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.cli.chaos_ledger import Audit, Grave, Json, Ledgers, Record, Shown, TaskRow, disorder, read_record
from app.cli.chaos_report import findings, kept, violations
from tests.support.service import MockModelProcess, ServiceProcess, events_of

__all__ = [
    "Audit",
    "Grave",
    "Ledgers",
    "Record",
    "Shown",
    "TaskRow",
    "audit_of",
    "bury",
    "calls_of",
    "check",
    "disorder",
    "read_record",
]


def calls_of(model: MockModelProcess) -> list[Json]:
    """The model server's log so far."""
    return model.calls()


def bury(service: ServiceProcess, model: MockModelProcess, swarm_id: str) -> Grave:
    """Kill the service and keep what it left behind."""
    service.kill()
    return Grave(read_record(service.data_dir, swarm_id), len(calls_of(model)))


def audit_of(
    service: ServiceProcess,
    model: MockModelProcess,
    swarm_id: str,
    graph: Mapping[str, Sequence[str]],
    *,
    graves: Sequence[Grave] = (),
    frames: Sequence[tuple[int, Json]] | None = None,
) -> Audit:
    """Compare the ledgers of a run that has ended; the service must run, and goes on running.

    Args:
        frames: what a stream delivered, with the number of kills before each; None: nobody watched.
    """
    with service.client() as client:
        log = list(events_of(client, swarm_id))
        outputs = client.get(f"/v1/swarms/{swarm_id}/results").json()["outputs"]
    shown = [Shown(len(graves), one["task_id"], one["output"]) for one in outputs if one["status"] == "completed"]
    calls = calls_of(model)
    return Audit(
        Ledgers(
            graph=graph,
            planned_kills=len(graves),
            graves=list(graves),
            shown=shown,
            frames=[(len(graves), event) for event in log] if frames is None else list(frames),
            calls=[call for call in calls if call["event"] != "received" or call["task_id"] in graph],
            log=log,
            final=read_record(service.data_dir, swarm_id),
        )
    )


def check(audit: Audit) -> None:
    """Every promise was kept."""
    found = findings(audit)
    assert kept(found), violations(found)
