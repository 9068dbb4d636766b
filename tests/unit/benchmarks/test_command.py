"""The command line of the benchmarks: what it lists, what it refuses, and that no key of the user reaches a child."""

import pytest

from scripts.benchmarks import processes
from scripts.benchmarks.command import main
from scripts.benchmarks.rows import all_rows


def test_every_row_of_the_first_issue_is_there() -> None:
    assert {1, 2, 3, 4, 5, 7, 8, 12, 13} <= set(all_rows())


def test_rows_are_listed_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0

    numbers = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert numbers == sorted(all_rows())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rows", "1,99"], "no row 99"),
        (["--rows", "one"], "expected numbers with commas between"),
        (["--runs", "0"], "expected a number from 1"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_children_get_neither_keys_nor_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "secret")
    monkeypatch.setenv("SWARMD_PROVIDER_BASE_URL", "https://paid.example/v1")
    monkeypatch.setenv("KEPT", "1")

    environment = processes.clean_environment()

    assert "MOONSHOT_API_KEY" not in environment
    assert "SWARMD_PROVIDER_BASE_URL" not in environment
    assert environment["KEPT"] == "1"
