"""Annual reports, read by sub-agents with tools: ratios computed in the sandbox, as a CSV and a Markdown artifact.

``SWARMD_FILINGS_DIR`` names a folder of real annual reports, in HTML; without it only the small ones below are read.
What is expected of the real ones comes out of their machine-readable facts (inline XBRL), which ``file_reader`` does
not show: nothing of what the swarm did takes part in it.
"""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.filing_model import FIGURES, NOT_FOUND, RATIOS, filing_model
from tests.support.sandboxes import need_sandbox
from tests.support.scripted_model import MODEL
from tests.support.service import ServiceProcess, events_of

_STATEMENTS = """<html><head><title>{name} 10-K</title></head><body><h1>{name}</h1>
<h2>Item 7. Management's Discussion and Analysis</h2><p>Our total assets and net income grew again.</p>
<h2>Item 8. Financial Statements</h2><p>(in millions)</p>
<table><tr><th></th><th>2024</th><th>2023</th></tr>{rows}</table></body></html>"""
_ELSEWHERE = """<html><head><title>{name} 10-K</title></head><body><h1>{name}</h1>
<h2>Item 8. Financial Statements</h2>
<p>They stand in our annual report to stockholders and are incorporated by reference.</p></body></html>"""

# The figures, and ratios worked out by hand: 500 / 250, 120 / 1,200 and 120 / 2,400; 90 / 120, -, 33 / 1,320.
_SMALL: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "acorn_10k.html": (
        "Acorn Inc.",
        {
            "Total current assets": "500",
            "Total assets": "$2,400",
            "Total current liabilities": "250",
            "Total revenues": "$1,200",
            "Net income": "$120",
        },
        {"current_ratio": "2.0000", "net_margin": "0.1000", "return_on_assets": "0.0500"},
    ),
    "birch_10k.html": (
        "Birch Corp.",
        {
            "Total current assets": "$90",
            "Total assets": "1,320",
            "Total current liabilities": "120",
            "Consolidated net income attributable to Birch": "33",
        },
        {"current_ratio": "0.7500", "net_margin": NOT_FOUND, "return_on_assets": "0.0250"},
    ),
    "cedar_10k.html": ("Cedar Ltd.", {}, dict.fromkeys(RATIOS, NOT_FOUND)),
}
_REAL = os.environ.get("SWARMD_FILINGS_DIR")

_FACTS = {
    "current_assets": ("AssetsCurrent",),
    "current_liabilities": ("LiabilitiesCurrent",),
    "total_assets": ("Assets",),
    "revenue": ("Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax"),
    "net_income": ("NetIncomeLoss",),
}
"""Names in the US-GAAP taxonomy, the first that a report has counts."""
_CONTEXT = re.compile(r'<xbrli:context\b[^>]*\bid="([^"]+)"[^>]*>(.*?)</xbrli:context>', re.DOTALL)
_FACT = re.compile(r'<ix:nonFraction\b([^>]*\bname="us-gaap:(\w+)"[^>]*)>(.*?)</ix:nonFraction>', re.DOTALL)
_END = re.compile(r"<xbrli:(?:instant|endDate)>([\d-]+)<")

Row = Mapping[str, str]


@pytest.fixture(scope="module", params=["small", *(["real"] if _REAL else [])])
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "real":
        assert _REAL is not None
        return Path(_REAL)
    folder = tmp_path_factory.mktemp("reports")
    for file, (name, figures, _) in _SMALL.items():
        rows = "".join(f"<tr><td>{label}</td><td>{now}</td><td>1</td></tr>" for label, now in figures.items())
        template = _STATEMENTS if figures else _ELSEWHERE
        (folder / file).write_text(template.format(name=name, rows=rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def client(reports: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    need_sandbox()
    folder = tmp_path_factory.mktemp("service")
    with filing_model() as url:
        flags = ("--workspace", str(reports), "--provider-base-url", url, "--default-model", MODEL)
        with ServiceProcess(folder, *flags) as service, service.client() as client:
            yield client


@pytest.fixture(scope="module")
def run(reports: Path, client: httpx2.Client) -> dict[str, Any]:
    """One sub-agent a report, and one that merges, run to the end."""
    reading = [
        {
            "id": f"read-{path.stem}",
            "prompt": "Find the figures of this report and compute its ratios.",
            "filing": path.name,
            "tools": ["file_reader", "code_interpreter"],
        }
        for path in sorted(reports.glob("*.html"))
    ]
    merging = {
        "id": "merge",
        "prompt": "Merge the rows into ratios.csv and ratios.md.",
        "depends_on": [task["id"] for task in reading],
        "tools": ["code_interpreter"],
    }
    response = client.post("/v1/swarms", params={"wait": 120}, json={"tasks": [*reading, merging]}, timeout=130)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def expected_of(path: Path) -> Row:
    """What the ratios of a report are, to four places, and which there are not."""
    if path.name in _SMALL:
        return _SMALL[path.name][2]
    facts = facts_of(path.read_text(encoding="utf-8"))
    return {
        name: f"{facts[over] / facts[under]:.4f}" if over in facts and under in facts else NOT_FOUND
        for name, (over, under) in RATIOS.items()
    }


def facts_of(text: str) -> dict[str, Decimal]:
    """The figures of the whole company for the newest year, in dollars, by the names of ``FIGURES``."""
    ends = {name: max(_END.findall(body)) for name, body in _CONTEXT.findall(text) if "<xbrli:segment>" not in body}
    wanted = {name for names in _FACTS.values() for name in names}
    newest: dict[str, tuple[str, Decimal]] = {}
    for attributes, name, shown in _FACT.findall(text):
        if name not in wanted:
            continue
        told = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
        end = ends.get(told["contextRef"])
        if end is not None and (name not in newest or end > newest[name][0]):
            digits = re.sub(r"<[^>]*>|,", "", shown)
            newest[name] = (end, Decimal(digits).scaleb(int(told.get("scale", 0))))
    found = {
        column: next((newest[name][1] for name in names if name in newest), None) for column, names in _FACTS.items()
    }
    return {column: value for column, value in found.items() if value is not None}


def artifact(client: httpx2.Client, run: Mapping[str, Any], name: str) -> bytes:
    response = client.get(f"/v1/swarms/{run['swarm_id']}/artifacts/{name}")
    assert response.status_code == 200, response.text
    return response.content


def rows_of_csv(content: bytes) -> dict[str, Row]:
    return {row["filing"]: row for row in csv.DictReader(io.StringIO(content.decode()))}


def rows_of_markdown(content: bytes) -> dict[str, Row]:
    lines = [line.strip("| ").split(" | ") for line in content.decode().splitlines() if line.startswith("| ")]
    header, _, *rows = lines
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_the_run_completes(run: dict[str, Any], reports: Path) -> None:
    assert (run["status"], run["error"], run["results"]["missing"]) == ("completed", None, [])
    assert run["counts"]["completed"] == run["counts"]["total"] == len(list(reports.glob("*.html"))) + 1


def test_the_ratios_are_those_of_the_reports_own_facts(
    run: dict[str, Any], client: httpx2.Client, reports: Path
) -> None:
    rows = rows_of_csv(artifact(client, run, "ratios.csv"))

    expected = {path.name: expected_of(path) for path in sorted(reports.glob("*.html"))}
    assert {name: {ratio: row[ratio] for ratio in RATIOS} for name, row in rows.items()} == expected
    # What was found is not nothing, and what is not there is not made up: both kinds of report are among them.
    found = [name for name, row in expected.items() if NOT_FOUND not in row.values()]
    assert 0 < len(found) < len(expected)


def test_the_figures_are_those_that_the_reports_state(
    run: dict[str, Any], client: httpx2.Client, reports: Path
) -> None:
    rows = rows_of_csv(artifact(client, run, "ratios.csv"))

    for path in sorted(reports.glob("*.html")):
        figures = {name: int(rows[path.name][name]) for name in FIGURES if rows[path.name][name] != NOT_FOUND}
        if path.name in _SMALL:
            stated = [int(figure.strip("$").replace(",", "")) for figure in _SMALL[path.name][1].values()]
            assert sorted(figures.values()) == sorted(stated)
            continue
        facts = facts_of(path.read_text(encoding="utf-8"))
        assert figures.keys() == facts.keys()
        # Statements are in thousands or millions, one unit for all of a report.
        assert (
            len({facts[name] / figure for name, figure in figures.items()} - {Decimal(10) ** 3, Decimal(10) ** 6}) == 0
        )
        assert len({facts[name] / figure for name, figure in figures.items()}) <= 1


def test_both_artifacts_say_the_same_and_the_archive_has_them(run: dict[str, Any], client: httpx2.Client) -> None:
    table, page = artifact(client, run, "ratios.csv"), artifact(client, run, "ratios.md")
    archive = client.get(f"/v1/swarms/{run['swarm_id']}/artifacts.zip")

    assert page.startswith(b"# Ratios\n")
    assert rows_of_markdown(page) == rows_of_csv(table)
    with zipfile.ZipFile(io.BytesIO(archive.content)) as zipped:
        assert zipped.testzip() is None
        assert (zipped.read("ratios.csv"), zipped.read("ratios.md")) == (table, page)
        listed = client.get(f"/v1/swarms/{run['swarm_id']}/artifacts", params={"limit": 100}).json()["items"]
        assert sorted(zipped.namelist()) == sorted(item["name"] for item in listed)


def test_every_sub_agent_saved_its_own_and_none_twice(
    run: dict[str, Any], client: httpx2.Client, reports: Path
) -> None:
    listed = client.get(f"/v1/swarms/{run['swarm_id']}/artifacts", params={"limit": 100}).json()["items"]

    stems = sorted(path.stem for path in reports.glob("*.html"))
    assert {(item["name"], item["task_id"], item["version"]) for item in listed} == {
        *((f"{stem}.json", f"read-{stem}", 1) for stem in stems),
        ("ratios.csv", "merge", 1),
        ("ratios.md", "merge", 1),
    }
    assert {item["media_type"] for item in listed} == {"application/json", "text/csv", "text/markdown"}


def test_all_figures_of_a_report_are_looked_for_at_once(run: dict[str, Any], client: httpx2.Client) -> None:
    steps = [event for event in events_of(client, run["swarm_id"]) if event["type"] == "agent_step"]

    first = [step for step in steps if step["kind"] == "calls" and step["nth"] == 1 and step["task_id"] != "merge"]
    assert len(first) == run["counts"]["total"] - 1
    assert all(step["tools"] == ["file_reader"] * (len(FIGURES) + 1) for step in first)


def test_reports_without_figures_are_said_to_refer_to_another_document(
    run: dict[str, Any], client: httpx2.Client, reports: Path
) -> None:
    output = client.get(f"/v1/swarms/{run['swarm_id']}/tasks/merge").json()["output"]

    summary, *notes = output.splitlines()
    expected = {path.name: set(expected_of(path).values()) for path in sorted(reports.glob("*.html"))}
    whole = sum(NOT_FOUND not in values for values in expected.values())
    assert summary == f"{len(expected)} reports, {whole} with all figures"
    referring = {name for name, values in expected.items() if values == {NOT_FOUND}}
    assert referring
    for name in referring:
        assert any(
            re.fullmatch(rf"{re.escape(name)}: it refers to another document in line \d+", note) for note in notes
        )
