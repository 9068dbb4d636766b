"""Recipes whose sub-agents answer with JSON: the offline model fills it from what it was given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_recipes import README, run_json
from tests.support.service import ServiceProcess

SOURCE = '"""Carts."""\nimport os\n\n\ndef add(item, cart=[]):\n    """Add an item."""\n    cart.append(item)\n'


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ServiceProcess(tmp_path_factory.mktemp("recipes")) as service:
        yield service.url


def test_each_review_is_a_list_of_the_findings_of_its_file(url: str, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text(SOURCE)
    (tmp_path / "shop" / "fine.py").write_text('"""Nothing to see."""\n')

    results = run_json(url, "--recipe", "review", tmp_path / "shop", "--set", "structured=true")
    outputs = {output["task_id"]: output["output"] for output in results["outputs"]}

    assert outputs["shop/cart.py"] == {
        "purpose": "Carts.",
        "lines": 7,
        "findings": [
            {"line": 5, "kind": "mutable-default", "message": "`add` shares one mutable default between calls"},
            {"line": 2, "kind": "unused-import", "message": "`os` is imported and never used"},
        ],
    }
    assert outputs["shop/fine.py"]["findings"] == []
    assert "Totals: files 2 · lines 8 · findings 2 " in outputs["report"]
    assert "shop/cart.py:5 mutable-default" in outputs["report"]


def test_formats_of_the_readme_invent_no_figure(url: str) -> None:
    results = run_json(url, "--recipe", "formats", README)
    outputs = {output["task_id"].rpartition("-")[0]: output["output"] for output in results["outputs"]}

    assert outputs["format-html"].startswith("<!doctype html>")
    assert outputs["format-html"].rstrip().endswith("</html>")
    assert outputs["format-markdown"].startswith("# swarmd\n")
    assert outputs["format-slides"].count("\n---\n") >= 5
    assert outputs["format-spreadsheet"].startswith("section,statement,figures\n")
    assert json.loads(outputs["consistency"])["consistent"] is True
