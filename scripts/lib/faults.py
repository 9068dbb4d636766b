"""``scripts/faults``: runs the tests of the fault matrix and prints each promise with its figure.

A test belongs to a row by what it reports (``tests.support.figures.report(row, text)``); so a new one needs no entry
here. A row is met when its tests printed a figure, all of them passed and none was skipped.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIPED_WIDTH = 150
IMPORT = "from tests.support.figures import report\n"
REPORTS = re.compile(r"\breport\(\s*(\d+),")

PROMISES = {
    1: "kill -9 at 50 random points of a 300-task DAG: 0 lost, 0 replaced, no recorded call again, repeats <= calls in "
    "flight, going again <= 5 s",
    2: "kill at every commit of a 20-task DAG: 0 violations, integrity_check ok",
    3: "PostgreSQL stopped, killed, frozen; NATS, a service, a worker killed: 0 lost, 0 twice, 503 within 5 s",
    4: "a worker or node frozen past its lease: 0 outcomes replaced",
    5: "two schedulers on one database: 0 double claims",
    6: "disk full, EIO on fsync: nothing acknowledged missing, readiness red, goes on by itself",
    7: "429 + Retry-After, 500, 503 at 20 %: >= 99 % end, never sooner than Retry-After, attempts <= max + 1",
    8: "hung socket, 1 byte/s, resets: ends <= timeout + 1 s, slot freed, 0 descriptors leaked after 1,000",
    9: "malformed answers of every kind: typed error, no crash, growth <= 100 MB",
    10: "answer lost after the provider gave it: every attempt in the ledger, no overrun of the budget",
    11: "provider down 60 s: breaker opens, probes bounded, 0 tasks lost",
    12: "100 clients that stop reading: run time <= +10 %, memory bounded, closed with 4008, replay complete",
    13: "sockets cut at 100 points and across kill -9: contiguous 100 of 100, nothing twice",
    14: "clock +-1 h, +400 d: 0 early lease thefts, 0 stuck",
    15: "the same POST 100 x at once with one Idempotency-Key: one run",
    16: "SIGTERM under load: drained <= 30 s, 0 lost",
    17: "bit flip, truncated database file: refuses loudly",
    18: "network partition, both ways or one: 0 lost, 0 twice, 503 + Retry-After within 5 s, goes on by itself",
    19: "simulation, 1,000 seeds: 0 violations, under 2 minutes, a seed replays identically",
    20: "database of an older version: migrates and resumes",
    21: "300 agents, budget for 120 calls, 50 seeds: billed <= cap every time, raised -> ends, no call repeated",
    22: "cancel with 300 running, 3 levels deep: all connections closed <= 250 ms, 0 new calls",
    23: "hidden limit changed mid-run: goodput >= 95 %, 429s < 2 %, 0 failed; small swarm <= 1.5 x solo + one call",
}


@dataclass(slots=True)
class Row:
    """One line of the matrix, with what came of its tests."""

    number: int
    files: list[str]
    figures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return bool(self.figures) and not self.wrong


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parsed(arguments)
    rows = [Row(number, files) for number, files in files_by_row(ROOT / "tests").items() if number in options.rows]
    if options.list:
        for row in rows:
            print(f"{row.number:2}  {PROMISES[row.number]}\n    {' '.join(row.files) or 'no test'}")
        return 0
    run(rows, ["-m", "not long"] if options.quick else [])
    show(rows, quick=options.quick)
    return 0 if all(row.met for row in rows) else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=_rows, default=set(PROMISES), help="numbers, separated by commas")
    parser.add_argument("--quick", action="store_true", help="leave out the tests marked long")
    parser.add_argument("--list", action="store_true", help="show the rows and their tests, run nothing")
    return parser.parse_args(arguments)


def _rows(text: str) -> set[int]:
    wanted = {int(number) for number in text.split(",")}
    if unknown := sorted(wanted - PROMISES.keys()):
        known = ", ".join(map(str, PROMISES))
        raise argparse.ArgumentTypeError(f"no row {', '.join(map(str, unknown))}; there are {known}")
    return wanted


def files_by_row(tests: Path) -> dict[int, list[str]]:
    """The files whose tests report a figure for each row, relative to the checkout."""
    found: dict[int, list[str]] = {number: [] for number in PROMISES}
    for path in sorted(tests.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        for number in sorted(set(map(int, REPORTS.findall(text)))):
            if number in found and IMPORT in text:
                found[number].append(str(path.relative_to(tests.parent)))
    return found


def run(rows: Sequence[Row], flags: Sequence[str]) -> None:
    """Run the rows' tests once, and note figures and failures in the rows."""
    files = sorted({name for row in rows for name in row.files})
    if not files:
        return
    with tempfile.TemporaryDirectory(prefix="swarmd-faults-") as folder:
        figures, results = Path(folder) / "figures", Path(folder) / "results.xml"
        figures.touch()
        command = [sys.executable, "-m", "pytest", "-o", "junit_family=xunit1", f"--junit-xml={results}", *flags]
        status = subprocess.run(
            [*command, *files],
            env=os.environ | {"SWARMD_FIGURES": str(figures)},
            cwd=ROOT,
            stdout=sys.stderr,  # the table alone is the result
            check=False,
        ).returncode
        wrong = failures(results.read_text(encoding="utf-8")) if results.exists() else {}
        collect(rows, figures.read_text(encoding="utf-8"), wrong, status)


def failures(results: str) -> dict[str, list[str]]:
    """What did not pass, by file, from pytest's report."""
    found: dict[str, list[str]] = {}
    for case in ElementTree.fromstring(results).iter("testcase"):
        for outcome in ("failure", "error", "skipped"):
            if case.find(outcome) is not None:
                where = case.get("file") or case.get("classname", "").replace(".", "/") + ".py"
                found.setdefault(where, []).append(f"{outcome}: {case.get('name')}")
    return found


def collect(rows: Sequence[Row], figures: str, wrong: Mapping[str, Sequence[str]], status: int) -> None:
    """Give each row its figures and what went wrong in its files.

    Args:
        status: of pytest; one above 1 means that it could not run them all.
    """
    for row in rows:
        head = f"row {row.number}: "
        row.figures += [line.removeprefix(head) for line in figures.splitlines() if line.startswith(head)]
        row.wrong += [line for name in row.files for line in wrong.get(name, ())]
        if status > 1:
            row.wrong.append(f"pytest ended with status {status}")


def show(rows: Sequence[Row], *, quick: bool = False) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    for name, ratio in (("row", None), ("promise", 2), ("figure", 3), ("met", None)):
        table.add_column(name, ratio=ratio)
    for row in rows:
        told = [*row.figures, *row.wrong] or ["no test reports a figure"]
        table.add_row(str(row.number), PROMISES[row.number], Text("\n".join(told)), "yes" if row.met else "NO")
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    console.print(table)
    met = sum(row.met for row in rows)
    print(f"faults: {met} of {len(rows)} rows met{' (small versions)' if quick else ''}")


if __name__ == "__main__":
    sys.exit(main())
