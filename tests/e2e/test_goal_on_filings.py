"""A goal in plain words over annual reports: a plan, a run and a merged report with a source for each claim.

``SWARMD_FILINGS_DIR`` names a folder of real annual reports, in HTML, for the same goal; without it only the small ones
below are read. Nothing but the service itself is needed: its offline model reads, checks and merges.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.documents.text import text_of
from tests.support.service import ServiceProcess, events_of

GOAL = "Compare these filings' revenue, risks and auditors, and validate each claim"

_REPORT = """<html><head><title>{name} 10-K</title></head><body>
<h1>{name}</h1><p>Annual report for the fiscal year ended December 31, 2024</p>
<h2>Item 1A. Risk Factors</h2>
<p><b>{risk}</b></p><p>It has happened before, in 2019 and in 2022, and our results of those years suffered from it.
It may happen again at any time, and we could not make up for it within the same year.</p>
<h2>Item 7. Management's Discussion and Analysis</h2>
<p>(in millions)</p>
<table><tr><th></th><th>2024</th><th>2023</th></tr>
<tr><td>Total revenue</td><td>${now}</td><td>${before}</td></tr></table>
<h2>Item 8. Financial Statements</h2>
<p>Report of Independent Registered Public Accounting Firm</p>
<p>/s/ {auditor}</p><p>We have served as the Company's auditor since {since}.</p>
</body></html>"""

_SMALL: dict[str, dict[str, Any]] = {
    "acorn_10k.html": {
        "name": "Acorn Inc.",
        "risk": "Our harvest depends on the weather, which we cannot control",
        "now": "1,250",
        "before": "1,100",
        "auditor": "KPMG LLP",
        "since": 1999,
    },
    "birch_10k.html": {
        "name": "Birch Corp.",
        "risk": "We buy all paper from a single supplier, and its failure could stop our mills",
        "now": "4,820",
        "before": "4,900",
        "auditor": "Ernst & Young LLP",
        "since": 2007,
    },
    "cedar_10k.html": {
        "name": "Cedar Ltd.",
        "risk": "New rules on timber could make our products more expensive to sell",
        "now": "310",
        "before": "295",
        "auditor": "Deloitte & Touche LLP",
        "since": 2015,
    },
}
_REAL = os.environ.get("SWARMD_FILINGS_DIR")

_CLAIM = re.compile(r"^- \*\*(?P<about>[^*]+)\*\*.*?: (?P<words>.*) \[(?P<name>[^\],]+)(?:, [^\]]*)?\]$")


@pytest.fixture(scope="module", params=["small", *(["real"] if _REAL else [])])
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "real":
        assert _REAL is not None
        return Path(_REAL)
    folder = tmp_path_factory.mktemp("reports")
    for name, fields in _SMALL.items():
        escaped = {key: str(text).replace("&", "&amp;") for key, text in fields.items()}
        (folder / name).write_text(_REPORT.format(**escaped))
    return folder


@pytest.fixture(scope="module")
def client(reports: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("filings")
    with ServiceProcess(folder, "--workspace", str(reports)) as service, service.client() as client:
        yield client


@pytest.fixture(scope="module", params=["supervisor", "orchestrator"])
def run(request: pytest.FixtureRequest, client: httpx2.Client) -> dict[str, Any]:
    """The goal, run to its end."""
    body = {"goal": GOAL, "planner": request.param, "attachments": {"glob": "*.html"}}
    response = client.post("/v1/swarms", params={"wait": 120}, json=body, timeout=130)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def plain(text: str) -> str:
    """``text`` without differences of white space, of apostrophes and of bars between the cells of a table."""
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("|", " ").split())


def texts_of(reports: Path) -> dict[str, str]:
    return {path.name: plain(text_of(path.name, path.read_bytes())) for path in sorted(reports.glob("*.html"))}


def claims_of(run: dict[str, Any]) -> list[re.Match[str]]:
    section = run["aggregated"].partition("## Claims\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("- ")]
    claims = [_CLAIM.match(line) for line in lines]
    assert None not in claims, [line for line, claim in zip(lines, claims, strict=True) if claim is None][:3]
    return [claim for claim in claims if claim is not None]


def test_the_run_completes_and_every_report_is_read_and_checked(run: dict[str, Any], reports: Path) -> None:
    names = sorted(path.name for path in reports.glob("*.html"))

    assert (run["status"], run["error"], run["results"]["missing"]) == ("completed", None, [])
    assert run["counts"]["completed"] == run["counts"]["total"] >= 2 * len(names)
    assert all(name in run["aggregated"] for name in names)


def test_every_claim_names_its_source_and_its_quotation_stands_there(run: dict[str, Any], reports: Path) -> None:
    texts = texts_of(reports)
    claims = claims_of(run)

    assert {claim["name"] for claim in claims} == set(texts)
    quoted = 0
    for claim in claims:
        for quotation in re.findall(r'"(.+?)"', claim["words"]):
            for piece in filter(None, map(plain, quotation.split("…"))):
                assert piece in texts[claim["name"]], (claim["name"], piece)
                quoted += 1
    assert quoted >= len(texts)


def test_revenue_risks_and_auditors_are_compared(run: dict[str, Any], reports: Path) -> None:
    """Asked for by name in the goal: each report has a claim on each of them, if only that it says nothing."""
    about = {(claim["about"], claim["name"]) for claim in claims_of(run)}

    assert about == {(what, path.name) for what in ("Revenue", "Risks", "Auditor") for path in reports.glob("*.html")}


def test_the_figures_of_the_small_reports_are_those_that_were_written(run: dict[str, Any], reports: Path) -> None:
    if not (reports / "acorn_10k.html").exists():
        found = run["aggregated"]
        assert found.index("## Comparison") < found.index("## Claims")
        return
    said = {(claim["about"], claim["name"]): claim["words"] for claim in claims_of(run)}

    assert said["Revenue", "acorn_10k.html"].startswith("$1.25 billion (2024)")
    assert said["Revenue", "birch_10k.html"].startswith("$4.82 billion (2024)")
    assert said["Revenue", "cedar_10k.html"].startswith("$310 million (2024)")
    for name, fields in _SMALL.items():
        assert said["Auditor", name].startswith(fields["auditor"])
        assert fields["risk"] in said["Risks", name]
    assert "(supported)" in run["aggregated"]


def test_checks_come_after_what_they_check(run: dict[str, Any], client: httpx2.Client) -> None:
    log = list(events_of(client, run["swarm_id"]))
    places = {(event["type"], event["task_id"]): event["seq"] for event in log}
    tasks = client.get(f"/v1/swarms/{run['swarm_id']}/tasks", params={"limit": 1000}).json()["items"]

    assert log[-1]["type"] == "swarm_completed"
    for task in tasks:
        for name in task["depends_on"]:
            assert places["agent_completed", name] < places["agent_spawned", task["task_id"]]
    reads = [seq for (kind, task_id), seq in places.items() if kind == "agent_completed" and "read" in (task_id or "")]
    checks = [seq for (kind, task_id), seq in places.items() if kind == "agent_spawned" and "check" in (task_id or "")]
    assert reads
    assert checks
    if run["aggregation"]["strategy"] == "orchestrator":
        assert max(reads) < min(checks)
