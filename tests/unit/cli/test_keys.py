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


def test_every_limit_is_kept_and_shown(tmp_path: Path) -> None:
    flags = ("--max-requests-per-minute", "60", "--max-parallel-agents", "5", "--expires-at", "2999-01-01")
    made = json.loads(run(tmp_path, "create", "--name", "ci", *flags, "--json"))

    shown = {name: made[name] for name in ("max_requests_per_minute", "max_parallel_agents", "expires_at")}
    assert shown == {
        "max_requests_per_minute": 60,
        "max_parallel_agents": 5,
        "expires_at": "2999-01-01T00:00:00.000Z",
    }
    assert made["key"].startswith(made["prefix"])
    [listed] = json.loads(run(tmp_path, "list", "--json"))
    assert listed == {name: value for name, value in made.items() if name != "key"}
    [line] = run(tmp_path, "list").splitlines()
    assert "  60 requests/min  5 agents  until 2999-01-01T00:00:00.000Z  ci" in line


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--max-requests-per-minute", "0"),
        ("--max-parallel-agents", "-1"),
        ("--expires-at", "2001-01-01"),
        ("--expires-at", "tomorrow"),
        ("--scopes", "root"),
        ("--scopes", ""),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, flag: str, value: str) -> None:
    with pytest.raises(Failure):
        run(tmp_path, "create", f"{flag}={value}")

    assert json.loads(run(tmp_path, "list", "--json")) == []


def test_a_rotated_key_prints_another_secret(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "create", "--json"))

    turned = json.loads(run(tmp_path, "rotate", made["id"], "--grace", "60", "--json"))

    assert turned["id"] == made["id"]
    assert turned["key"] != made["key"]
    assert run(tmp_path, "rotate", made["id"]).startswith("sk-swarmd-")
    run(tmp_path, "revoke", made["id"])
    with pytest.raises(Failure, match="no key"):
        run(tmp_path, "rotate", made["id"])
    with pytest.raises(Failure, match="no key"):
        run(tmp_path, "revoke", "key_nobody")


def test_the_list_can_be_of_one_tenant(tmp_path: Path) -> None:
    made = {tenant: json.loads(run(tmp_path, "create", "--tenant", tenant, "--json"))["id"] for tenant in ("a", "b")}

    [row] = json.loads(run(tmp_path, "list", "--tenant", "b", "--json"))

    assert (row["id"], row["tenant"]) == (made["b"], "b")
