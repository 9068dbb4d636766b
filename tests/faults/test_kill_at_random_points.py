"""Row 1: the service is killed with SIGKILL at random moments of one run, and three ledgers agree with the database.

The same as ``swarmd chaos``; the seed is fixed, and a failure names the command that draws the same moments again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.chaos_ledger import Audit
from app.cli.chaos_report import findings, kept, violations
from app.cli.chaos_run import Plan, graph_of, run_chaos
from tests.support.figures import report


@pytest.mark.parametrize(
    "plan",
    [
        Plan(tasks=60, kills=3, seed=20_260_101, parallel=20),
        pytest.param(Plan(tasks=300, kills=50, seed=20_260_102, parallel=20), marks=pytest.mark.long),
    ],
    ids=["everyday", "figures"],
)
def test_a_run_survives_kills_at_random_points(tmp_path: Path, plan: Plan) -> None:
    audit = Audit(run_chaos(plan, tmp_path, lambda _: None))
    found = findings(audit)
    ledgers = audit.ledgers

    report(
        1,
        f"{len(ledgers.graph)} tasks, seed {plan.seed}, {len(ledgers.graves)} kills: {len(audit.lost)} lost, "
        f"{len(audit.replaced)} replaced, {len(audit.called_again)} calls for a task recorded before a kill, "
        f"{audit.repeated} repeated of {sum(audit.in_flight.values())} in flight at the kills, going again after at "
        f"most {max(ledgers.going_again_s):.2f} s, {len(audit.missing)} events missing, {len(audit.doubled)} twice",
    )
    assert kept(found), violations(found)


def test_the_kills_meet_work() -> None:
    """A kill that hits nothing proves nothing: the graph has no layer so narrow that all of it waits for one task."""
    graph = graph_of(Plan(seed=3))

    assert len(graph) == 300
    assert sum(not names for names in graph.values()) >= 40
    assert all(int(name[1:]) < int(task_id[1:]) for task_id, names in graph.items() for name in names)
