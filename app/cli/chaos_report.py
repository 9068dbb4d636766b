"""What ``swarmd chaos`` found: each promise with its figure and whether it was kept, as a table, lines or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.cli.chaos_ledger import Audit

if TYPE_CHECKING:
    from rich.table import Table

GOING_AGAIN_S = 5.0
KILLS = "kills"
_MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``met`` is None for a figure that promises nothing."""

    promise: str
    figure: str
    met: bool | None = None
    violations: Sequence[object] = ()


def findings(audit: Audit) -> list[Finding]:
    """The report, in the order a reader wants it."""
    ledgers = audit.ledgers
    kills, tasks = len(ledgers.graves), len(ledgers.graph)
    in_flight = sum(audit.in_flight.values())
    slowest_s = max(ledgers.going_again_s, default=0.0)
    return [
        Finding("tasks", f"{tasks:,}, ended {ledgers.final.status}", ledgers.final.status == "completed"),
        _kills(kills, ledgers.planned_kills),
        Finding("calls made", f"{sum(audit.asked.values()):,}"),
        _none("tasks lost", audit.lost),
        _none("outcomes replaced", audit.replaced),
        _none("calls for a task recorded before a kill", audit.called_again),
        Finding(
            "calls repeated, all of them in flight at a kill",
            f"{audit.repeated} of {in_flight} in flight",
            not audit.unexplained and audit.repeated <= in_flight,
            audit.unexplained,
        ),
        _none("calls without a recorded attempt", audit.unrecorded),
        _none("events missing", audit.missing),
        _none("events twice or out of order", audit.doubled),
        _none("events told otherwise than logged", audit.altered),
        _none("tasks started before their dependencies", audit.out_of_order),
        Finding("from a restart to the first call, slowest", f"{slowest_s:.2f} s", slowest_s <= GOING_AGAIN_S),
        Finding("integrity_check", "; ".join(audit.broken) or "ok", not audit.broken, audit.broken),
    ]


def _kills(number: int, planned: int) -> Finding:
    few = [f"{number} of {planned}: the run ended first; give it more tasks"] if number < planned else []
    return Finding(KILLS, f"{number} of {planned}", not few, few)


def _none(promise: str, violations: Sequence[object]) -> Finding:
    return Finding(promise, str(len(violations)), not violations, violations)


def kept(found: Sequence[Finding]) -> bool:
    """The verdict: whether every promise was."""
    return all(finding.met is not False for finding in found)


def verdict(found: Sequence[Finding]) -> str:
    """The verdict in words; too few kills break no promise, and prove less than was asked for."""
    broken = [finding for finding in found if finding.met is False]
    if not broken:
        return "every promise was kept"
    if [finding.promise for finding in broken] == [KILLS]:
        return f"no promise was broken, but there were only {broken[0].figure} kills"
    return "NOT every promise was kept"


def as_table(found: Sequence[Finding]) -> Table:
    """The report for a person."""
    from rich.table import Table

    table = Table(title="the ledger", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("kept")
    for finding in found:
        table.add_row(finding.promise, finding.figure, {True: "yes", False: "NO", None: ""}[finding.met])
    return table


def as_json(found: Sequence[Finding], audit: Audit) -> dict[str, Any]:
    """The report for a program."""
    ledgers = audit.ledgers
    return {
        "kept": kept(found),
        "swarm_status": ledgers.final.status,
        "tasks": len(ledgers.graph),
        "kills": len(ledgers.graves),
        "kills_planned": ledgers.planned_kills,
        "calls": sum(audit.asked.values()),
        "calls_repeated": audit.repeated,
        "in_flight_at_kills": sum(audit.in_flight.values()),
        "calls_unexplained": len(audit.unexplained),
        "calls_again_after_record": len(audit.called_again),
        "calls_unrecorded": len(audit.unrecorded),
        "tasks_lost": len(audit.lost),
        "outcomes_replaced": len(audit.replaced),
        "events": ledgers.final.last_seq,
        "events_missing": len(audit.missing),
        "events_doubled": len(audit.doubled),
        "events_altered": len(audit.altered),
        "starts_out_of_order": len(audit.out_of_order),
        "going_again_s": {
            "slowest": round(max(ledgers.going_again_s, default=0.0), 3),
            "measured": len(ledgers.going_again_s),
        },
        "integrity_check": "; ".join(audit.broken) or "ok",
        "violations": violations(found, at_most=1000),
    }


def violations(found: Sequence[Finding], at_most: int = _MAX_SHOWN) -> list[str]:
    """What broke each promise, a few of each kind."""
    return [
        f"{finding.promise}: {violation}"
        for finding in found
        if finding.met is False
        for violation in (finding.violations or [finding.figure])[:at_most]
    ]
