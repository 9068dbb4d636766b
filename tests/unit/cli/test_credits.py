"""``swarmd credits``: the operator's way to top up, before the first start or beside the service."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.credits import credits as commands
from app.cli.failures import Failure


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(commands, [arguments[0], "--data-dir", str(folder), *arguments[1:]])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_what_is_added_is_shown_and_the_same_payment_counts_once(tmp_path: Path) -> None:
    first = json.loads(run(tmp_path, "add", "25.00", "--reference", "pay_1", "--tenant", "acme", "--json"))
    again = json.loads(run(tmp_path, "add", "25.00", "--reference", "pay_1", "--tenant", "acme", "--json"))
    exact = json.loads(run(tmp_path, "add", "0.000000001", "--reference", "pay_2", "--tenant", "acme", "--json"))

    assert (first["new"], again["new"], exact["new"]) == (True, False, True)
    assert first["entry_id"] == again["entry_id"]
    shown = json.loads(run(tmp_path, "show", "--tenant", "acme", "--json"))
    assert (shown["tenant"], shown["left_usd"], shown["pending_usd"]) == ("acme", 25.000000001, 0)
    assert [row["amount_usd"] for row in shown["items"]] == [1e-9, 25, 0]
    assert run(tmp_path, "show", "--tenant", "acme").startswith("acme  $25.000000001 left\n")
    assert run(tmp_path, "show", "--tenant", "nobody") == "nobody  $0.0 left\n"


@pytest.mark.parametrize("amount", ["0", "nan", "1e7", "0.0000000001", "much"])
def test_an_amount_that_makes_no_sense_is_refused(tmp_path: Path, amount: str) -> None:
    with pytest.raises(Failure):
        run(tmp_path, "add", amount, "--reference", "x")

    assert json.loads(run(tmp_path, "show", "--json"))["items"] == []


def test_credits_are_taken_back_only_by_the_service_which_knows_what_is_free(tmp_path: Path) -> None:
    run(tmp_path, "add", "5", "--reference", "pay_1")

    with pytest.raises(Failure, match="POST /v1/credits"):
        run(tmp_path, "add", "--reference", "back", "--", "-1")

    assert json.loads(run(tmp_path, "show", "--json"))["left_usd"] == 5


def test_a_reference_that_was_used_for_another_amount_is_refused(tmp_path: Path) -> None:
    run(tmp_path, "add", "5", "--reference", "pay_1")

    with pytest.raises(Failure, match="pay_1"):
        run(tmp_path, "add", "6", "--reference", "pay_1")


def test_what_is_done_at_the_machine_stands_in_the_audit_log(tmp_path: Path) -> None:
    run(tmp_path, "add", "5", "--reference", "pay_1", "--tenant", "acme")
    run(tmp_path, "add", "5", "--reference", "pay_1", "--tenant", "acme")

    with sqlite3.connect(tmp_path / "swarmd.db") as database:
        rows = database.execute("SELECT tenant_id, actor, action, object, remote FROM audit").fetchall()
    assert rows == [("default", None, "credits.added", "acme", None)]
