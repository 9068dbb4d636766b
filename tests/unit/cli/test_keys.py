"""``swarmd keys``: the daily cap of a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.failures import Failure
from app.cli.keys import keys


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(keys, [*arguments, "--data-dir", str(folder)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_cap_is_kept_and_shown(tmp_path: Path) -> None:
    capped = json.loads(run(tmp_path, "create", "--max-cost-per-day", "2.50", "--json"))
    free = json.loads(run(tmp_path, "create", "--json"))
    exact = json.loads(run(tmp_path, "create", "--max-cost-per-day", "0.000000001", "--json"))
    none = json.loads(run(tmp_path, "create", "--max-cost-per-day", "0", "--json"))

    made = {row["id"]: row["max_cost_per_day_usd"] for row in (capped, free, exact, none)}
    assert list(made.values()) == [2.5, None, 1e-9, 0]
    assert {row["id"]: row["max_cost_per_day_usd"] for row in json.loads(run(tmp_path, "list", "--json"))} == made
    lines = {line.split()[0]: line for line in run(tmp_path, "list").splitlines()}
    assert "  $2.5 a day  " in lines[capped["id"]]
    assert "  no cap  " in lines[free["id"]]


@pytest.mark.parametrize("cap", ["-1", "nan", "inf", "1e7", "0.0000000001", "much", ""])
def test_a_cap_that_is_no_amount_is_refused(tmp_path: Path, cap: str) -> None:
    with pytest.raises(Failure):
        run(tmp_path, "create", f"--max-cost-per-day={cap}")

    assert json.loads(run(tmp_path, "list", "--json")) == []
