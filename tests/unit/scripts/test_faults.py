"""``scripts/faults``: which tests belong to a row, and when a row counts as met."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lib.faults import PROMISES, Row, collect, failures, files_by_row, main

ROOT = Path(__file__).parents[3]
RESULTS = """<testsuites><testsuite>
<testcase file="tests/faults/test_a.py" name="test_good" />
<testcase file="tests/faults/test_b.py" name="test_bad[1]"><failure message="x">trace</failure></testcase>
<testcase file="tests/faults/test_b.py" name="test_missing"><skipped message="needs strace" /></testcase>
<testcase classname="tests.faults.test_c" name="test_broken"><error message="x">trace</error></testcase>
</testsuite></testsuites>"""


def test_a_test_belongs_to_the_rows_it_reports(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    (tests / "faults").mkdir(parents=True)
    head = "from tests.support." + "figures import report\n"
    (tests / "faults" / "test_a.py").write_text(
        f"{head}report(1, 'x')\nreport(\n    7,\n    'y',\n)\nreport(99, 'no row')"
    )
    (tests / "test_b.py").write_text(f"{head}report(7, 'z')\nno_report(8, '')")
    (tests / "test_c.py").write_text("report(9, 'something else')")
    (tests / "support.py").write_text(f"{head}report(9, 'not a test')")

    found = files_by_row(tests)

    assert found.keys() == PROMISES.keys()
    assert found[1] == ["tests/faults/test_a.py"]
    assert found[7] == ["tests/faults/test_a.py", "tests/test_b.py"]
    assert not found[8]
    assert not found[9]


def test_what_did_not_pass_is_told_by_file() -> None:
    assert failures(RESULTS) == {
        "tests/faults/test_b.py": ["failure: test_bad[1]", "skipped: test_missing"],
        "tests/faults/test_c.py": ["error: test_broken"],
    }


@pytest.mark.parametrize(
    ("figures", "files", "status", "met"),
    [
        ("row 1: 0 lost\n", ["tests/faults/test_a.py"], 0, True),
        ("row 1: 0 lost\n", ["tests/faults/test_a.py"], 1, True),  # another row's test failed
        ("row 1: 0 lost\n", ["tests/faults/test_a.py"], 2, False),
        ("row 1: 0 lost\n", ["tests/faults/test_a.py", "tests/faults/test_b.py"], 1, False),
        ("row 11: 0 lost\n", ["tests/faults/test_a.py"], 0, False),
        ("", [], 0, False),
    ],
)
def test_a_row_is_met_when_it_has_a_figure_and_nothing_of_it_went_wrong(
    figures: str, files: list[str], status: int, met: bool
) -> None:
    row = Row(1, files)
    collect([row], figures, failures(RESULTS), status)

    assert row.met == met


def test_every_row_of_this_part_of_the_matrix_has_a_test() -> None:
    found = files_by_row(ROOT / "tests")

    assert [number for number in (1, 2, 6, 7, 8, 9, 10, 12, 13, 15, 19) if not found[number]] == []


def test_an_unknown_row_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--rows", "1,99"])

    assert ended.value.code == 2
    assert "no row 99" in capsys.readouterr().err
