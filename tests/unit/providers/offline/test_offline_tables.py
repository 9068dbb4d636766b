"""Statistics over rows are the real ones."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.offline.tables import as_number, describe, merge_described, rows_of_text
from app.providers.offline.totals import find_line, parse_pairs
from tests.support.offline_asking import ask_text

numbers = st.lists(st.floats(min_value=-1e6, max_value=1e6, allow_subnormal=False), min_size=2, max_size=40)


@given(numbers)
def test_figures_agree_with_the_standard_library(values: list[float]) -> None:
    found = describe(values)
    assert found["mean"] == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert found["median"] == pytest.approx(statistics.median(values), abs=1e-6)
    assert found["stdev"] == pytest.approx(statistics.stdev(values), abs=1e-4)


@given(numbers, numbers)
def test_merged_chunks_are_the_figures_of_the_whole(first: list[float], second: list[float]) -> None:
    merged = merge_described([describe(first), describe(second)])
    whole = describe(first + second)
    assert "median" not in merged
    for label, value in merged.items():
        assert value == pytest.approx(whole[label], abs=1e-3)


def test_rows_of_a_task() -> None:
    rows = [{"price": 1, "city": "Bonn"}, {"price": "3", "city": "Bonn"}, {"price": None, "city": "Ulm"}]
    text = ask_text("Describe", task={"id": "a", "data": {"rows": rows}})
    assert find_line(text, "Totals") == {"rows": 3, "columns": 2, "missing": 1}
    column = parse_pairs(text[text.index("Column price: ") + 14 :].split("\n")[0])
    assert column == {
        "count": 2, "sum": 4, "min": 1, "max": 3, "mean": 2, "median": 2, "stdev": 1.4142, "missing": 1,
    }  # fmt: skip
    assert "- `city`: 2 distinct; Bonn (2), Ulm (1)" in text


def test_csv_in_a_field_and_in_the_prompt() -> None:
    table = "name,amount\nada,10\nbob,20\ncy,30\n"
    for text in (ask_text("Describe", task={"data": {"csv": table}}), ask_text("Describe this table:\n\n" + table)):
        assert "Column amount: count 3 · sum 60 · min 10 · max 30 · mean 20 · median 20 · stdev 10" in text


def test_prose_with_commas_is_no_table() -> None:
    assert rows_of_text("One, two\nthree, four, five\nsix\n") == []
    assert rows_of_text("") == []


def test_json_lines_are_rows() -> None:
    assert rows_of_text('{"a": 1}\n{"a": 2}\n') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("value", [None, True, "", "x", "nan", "inf", "1e999", "--", 10**400, [1]])
def test_what_is_no_number(value: object) -> None:
    assert as_number(value) is None


def test_chunks_of_rows_are_merged_exactly() -> None:
    chunks = {
        f"chunk {n}": ask_text("Describe", task={"id": n, "data": {"rows": [{"v": n * 10 + k} for k in range(4)]}})
        for n in range(3)
    }
    text = ask_text("Merge", task={"id": "all"}, inputs=chunks)
    assert find_line(text, "Totals")["rows"] == 12
    assert find_line(text, "Totals")["columns"] == 1
    spread = statistics.stdev([n * 10 + k for n in range(3) for k in range(4)])
    assert f"Column v: count 12 · sum 138 · min 0 · max 23 · mean 11.5 · stdev {spread:.4f}" in text
