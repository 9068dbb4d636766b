"""The report: a plain table, row by row, and the same as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from scripts.benchmarks.findings import Finding, Row

_NOTED_SHARE = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A row that was run; ``others`` is the share of the machine that other processes used meanwhile."""

    row: Row
    findings: Sequence[Finding]
    others: float
    elapsed_s: float
    error: str | None = None


def head(machine: dict[str, Any], model: str, call_bytes: int, runs: int) -> str:
    packages = ", ".join(f"{name} {machine[name]}" for name in ("python", "swarmd", "aiohttp", "sqlite", "uvloop"))
    return "\n".join(
        [
            f"versions: {packages}, fastapi {machine['fastapi']}, pydantic {machine['pydantic']}",
            f"machine:  {machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}; "
            f"load {machine['load_before']:.2f} before",
            f"disk:     {machine['data_root']} ({machine['file_system']}), append + fsync {machine['fsync_ms']} ms",
            f"model:    {model}; a call's body has {call_bytes} bytes",
            f"runs:     {runs} of each, more of short ones; floor and service in turns; "
            "ratio: median (min-max) of the ratios run by run",
        ]
    )


COLUMNS = f"{'min':>9} {'median':>9} {'max':>9} {'unit':<5} {'compared with':>24}  {'ratio':<18} {'goal':<26}"


def row_text(measured: Measured) -> str:
    row = measured.row
    lines = [f"{row.number}. {row.title}"]
    if row.how:
        lines += textwrap.wrap(row.how, 150, initial_indent="    ", subsequent_indent="    ")
    if measured.error is not None:
        return "\n".join([*lines, f"    FAILED: {measured.error}"])
    lines.append(f"    {'':<46} {COLUMNS}")
    lines += [f"    {finding_text(finding)}" for finding in measured.findings]
    if measured.others > _NOTED_SHARE:
        lines.append(f"    note: other processes used {measured.others:.0%} of the machine meanwhile")
    return "\n".join(lines)


def finding_text(finding: Finding) -> str:
    values = " ".join(f"{number(value):>9}" for value in spread(finding.values))
    compared = f"{number(median(finding.references))} {finding.reference}" if finding.references else ""
    ratio = ""
    if finding.references:
        ratio = f"{finding.ratio:.3f} ({min(finding.ratios):.2f}-{max(finding.ratios):.2f})"
    verdict = {True: "pass", False: "MISS", None: ""}[finding.met] + (" (noisy)" if finding.noisy else "")
    text = (
        f"{finding.what:<46} {values} {finding.unit:<5} {compared:>24}  {ratio:<18} {finding.goal_text:<26} {verdict}"
    )
    return text.rstrip()


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), median(values), max(values)


def number(value: float) -> str:
    """Three decimals below 100, none above: enough digits to compare, no more."""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def as_json(machine: dict[str, Any], model: str, capacity: float, rows: Sequence[Measured]) -> dict[str, Any]:
    return {
        "machine": machine,
        "model_server": {"kind": model, "requests_per_s": round(capacity)},
        "rows": [
            {
                "row": measured.row.number,
                "title": measured.row.title,
                "how": measured.row.how,
                "error": measured.error,
                "elapsed_s": round(measured.elapsed_s, 1),
                "others_share": round(measured.others, 3),
                "findings": [finding.as_json() for finding in measured.findings],
            }
            for measured in rows
        ],
    }
