"""Tables that come as a text: what is a row, what is a number, and what is no table at all."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.table import rows_of
from app.ports.workspace import NotATable


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("t.csv", "a,b\n1,x\n2.5,y\n", [{"a": 1, "b": "x"}, {"a": 2.5, "b": "y"}]),
        ("t.csv", 'a,b\n"x, ""y""\nz",007\n', [{"a": 'x, "y"\nz', "b": "007"}]),
        ("t.csv", "a;b\r\n1;2\r\n\r\n", [{"a": 1, "b": 2}]),
        ("t.csv", "a,b\n1\n", [{"a": 1}]),
        ("t.tsv", "a, b\tc\n1\t2\n", [{"a, b": 1, "c": 2}]),
        ("t.json", '[{"a": 1}, 2]', [{"a": 1}, 2]),
        ("t.json", '{"total": 1, "rows": [1, 2]}', [1, 2]),
        ("t.json", '{"a": 1}', [{"a": 1}]),
        ("t.jsonl", '{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ("t.txt", '{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    ],
)
def test_rows_of_tables(name: str, text: str, rows: list[object]) -> None:
    assert rows_of(name, text) == rows


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("t.csv", "", "must name each column"),
        ("t.csv", "a,b\n", "expected a line with the names of the columns, then rows"),
        ("t.csv", "a,a\n1,2\n", "must name each column"),
        ("t.csv", "a,b\n1,2\n1,2,3\n", "line 3 has 3 cells, the first line 2"),
        ("t.json", "{", "not JSON"),
        ("t.json", "[]", "expected a list of rows"),
        ("t.json", "7", "expected a list of rows, got int"),
        ("t.jsonl", '{"a": 1}\n{"a": \n', "line 2 is not JSON"),
    ],
)
def test_what_is_no_table_says_why(name: str, text: str, why: str) -> None:
    with pytest.raises(NotATable, match=why):
        rows_of(name, text)


@given(st.lists(st.tuples(st.text("ab,\"' \n;", min_size=1).filter(str.strip), st.integers(0, 10**9)), min_size=1))
def test_what_a_csv_writer_writes_is_read_again(table: list[tuple[str, int]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("text", "number"), *table])

    assert rows_of("t.csv", out.getvalue()) == [{"text": text, "number": number} for text, number in table]
