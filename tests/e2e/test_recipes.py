"""Every recipe on real input, as a user runs it, with the offline model: what comes out was in what went in."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import ROOT, ServiceProcess, clean_environment

README = ROOT / "README.md"
DEADLINE_S = 60.0

COPIED = """
from app.cli.messages import counted, shouted

def told() -> str:
    return counted(1) + shouted("x")
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ServiceProcess(tmp_path_factory.mktemp("recipes")) as service:
        yield service.url


def swarmd(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        cwd=cwd,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
    )


def run(url: str, *arguments: str | Path) -> str:
    """What ``swarmd run`` prints; it must have completed."""
    ended = swarmd("run", *arguments, "--url", url)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def run_json(url: str, *arguments: str | Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(run(url, *arguments, "--format", "json"))
    assert all(output["status"] == "completed" for output in results["outputs"])
    return results


def headings(text: str) -> list[str]:
    """Those of second level; what a fenced block shows is none."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [heading.replace("`", "") for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)]


def plain(text: str) -> str:
    """The text on one line, without the marks of Markdown."""
    return " ".join(re.sub(r"[`*]", "", text).split())


def quotes(report: str) -> dict[str, str]:
    """The beginning of what a merged report says from each task, by the task it names as the source."""
    lines = re.findall(r"^- \*\*[^*]+\*\*: (.{60}).*\[([^\]]+)\]$", report, re.MULTILINE)
    return {source: plain(text) for text, source in lines}


def test_review_counts_this_project_and_checks_across_its_files(url: str) -> None:
    sources = [path.read_text() for path in (ROOT / "app").rglob("*.py")]
    kept = [source for source in sources if source.strip()]

    told = run(url, "--recipe", "review", ROOT / "app")

    report, _, validation = told.partition("\n## validation\n")
    assert report.startswith("## report\n")
    totals = re.search(r"^Totals: files ([\d,]+) · lines ([\d,]+) ", report, re.MULTILINE)
    assert totals is not None, report
    files, lines = (int(each.replace(",", "")) for each in totals.groups())
    assert files >= len(kept)  # TOML and other source files are reviewed, too
    assert lines >= sum(len(source.splitlines()) for source in kept)
    assert f"Python-files: {len(kept)}\n" in validation
    checked = re.search(r"Imports-checked: ([\d,]+)\n.*Calls-checked: ([\d,]+)\n", validation)
    assert checked is not None, validation
    assert all(int(each.replace(",", "")) > 1000 for each in checked.groups())


def test_review_finds_the_import_and_the_call_that_fit_no_file(url: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "app" / "cli", tmp_path / "app" / "cli", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "app" / "__init__.py").write_text('__version__ = "0"\n')
    (tmp_path / "app" / "cli" / "telling.py").write_text(COPIED)

    results = run_json(url, "--recipe", "review", tmp_path / "app" / "cli")
    outputs = {output["task_id"]: output["output"] for output in results["outputs"]}

    assert "Problems: 2\n" in outputs["validation"]
    wrong_import = "app/cli/telling.py:2 imports `shouted` from app/cli/messages.py, which defines no such name"
    wrong_call = "app/cli/telling.py:5 calls `counted` of app/cli/messages.py without `noun`"
    assert wrong_import in outputs["validation"]
    assert wrong_call in outputs["validation"]
    assert "app/cli/telling.py" in outputs
    assert f"{len(outputs) - 2} files" in outputs["report"]


def test_formats_write_the_readme_four_times_and_check_it(url: str, tmp_path: Path) -> None:
    # Slides stop at 15 sections: the document is the README without what is below its second level.
    document = tmp_path / "README.md"
    document.write_text(re.sub(r"^### .+$", "", README.read_text(), flags=re.MULTILINE))

    results = run_json(url, "--recipe", "formats", document)
    outputs = {output["task_id"].rpartition("-")[0]: output["output"] for output in results["outputs"]}

    check = outputs.pop("consistency")
    assert list(outputs) == ["format-html", "format-markdown", "format-slides", "format-spreadsheet"]
    for written in outputs.values():
        assert "swarmd" in written
        assert [heading for heading in headings(document.read_text())[:5] if heading not in written] == []
    told = json.loads(check) if isinstance(check, str) else check
    assert {"consistent", "differences", "missing"} <= told.keys()


def test_documents_give_a_row_each(url: str) -> None:
    results = run_json(url, "--recipe", "documents", README, ROOT / "LICENSE", "--set", "fields=title,summary")
    first, second = (output["output"] for output in results["outputs"])

    assert first["title"] == "swarmd"
    assert second["title"].startswith("Apache License")
    sentence = " ".join(second["summary"].split())[:40]
    assert sentence in " ".join((ROOT / "LICENSE").read_text().split())
    for output in results["outputs"]:
        assert re.search(
            rf"^\| {re.escape(output['task_id'])} \| {output['output']['title'][:20]}", results["aggregated"], re.M
        )


def test_data_gives_the_statistics_of_all_rows(url: str, tmp_path: Path) -> None:
    table = tmp_path / "sales.csv"
    lines = [f"{'North' if n % 3 else 'South'},{n},{n / 2}" for n in range(1, 13)]
    table.write_text("\n".join(["region,units,price", *lines]) + "\n")

    results = run_json(url, "--recipe", "data", table, "--set", "agents=5")

    # 1 to 12: sum 12 * 13 / 2, sample variance 12 * 13 / 12; the price is half of the units.
    assert "Column units: count 12 · sum 78 · min 1 · max 12 · mean 6.5 · stdev 3.6056\n" in results["aggregated"]
    assert "Column price: count 12 · sum 39 · min 0.5 · max 6 · mean 3.25 · stdev 1.8028\n" in results["aggregated"]
    assert len(results["outputs"]) == 5
    assert "`region`: 2 distinct; North (2), South (1)" in results["outputs"][0]["output"]


@pytest.mark.parametrize("planner", ["supervisor", "orchestrator"])
def test_research_plans_reads_and_merges(url: str, planner: str) -> None:
    goal = "Compare what the two documents say on warranty and on limits."

    results = run_json(url, "--recipe", "research", "--goal", goal, README, ROOT / "LICENSE", "--planner", planner)

    assert len(results["outputs"]) >= 2
    said = quotes(results["aggregated"])
    assert list(said) == ["read-readme", "read-license"]
    assert said["read-readme"] in plain(README.read_text())
    assert said["read-license"] in plain((ROOT / "LICENSE").read_text())


def test_a_goal_needs_no_recipe(url: str) -> None:
    told = run(url, "--goal", "What does the license say on warranty?", "--attach", ROOT / "LICENSE")

    assert quotes(told)["read-license"] in plain((ROOT / "LICENSE").read_text())


def test_what_is_wrong_is_said_before_a_service_is_asked(tmp_path: Path) -> None:
    nobody = ("--url", "http://127.0.0.1:9")
    for arguments, says in (
        (("run", *nobody), "expected one FILE.json (or --recipe, or --goal), got 0"),
        (("run", "--recipe", "reveiw", tmp_path, *nobody), "there is no recipe 'reveiw': there are data"),
        (("run", "--recipe", "data", tmp_path, *nobody), "no tables"),
        (("run", "x.json", "--set", "a=b", *nobody), "--attach, --planner and --set go with --goal or --recipe"),
        (("recipes", "show", "reveiw"), "there is no recipe 'reveiw': there are data"),
    ):
        ended = swarmd(*arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert says in ended.stderr


def test_recipes_are_listed_and_shown() -> None:
    assert re.findall(r"^\w+", swarmd("recipes").stdout, re.MULTILINE) == [
        "data", "documents", "formats", "research", "review",
    ]  # fmt: skip
    assert '"strategy": "rows"' in swarmd("recipes", "show", "data").stdout
