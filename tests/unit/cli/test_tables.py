"""Tables line up whatever is in them, and cut nothing off."""

from app.cli.tables import Number, facts, table


def test_columns_are_as_wide_as_their_widest_value_and_numbers_stand_to_the_right() -> None:
    rows = [("a", 1, Number("$0.10"), None), ("long name", 12_000, Number("$12.00"), "x")]

    assert table(("name", "calls", "cost", "error"), rows) == (
        "NAME        CALLS    COST  ERROR\na               1   $0.10  -\nlong name  12,000  $12.00  x\n"
    )


def test_a_column_that_is_not_all_numbers_stands_to_the_left() -> None:
    assert table(("a", "b"), [(1, "x"), ("y", "z")]) == "A  B\n1  x\ny  z\n"


def test_wide_characters_count_twice() -> None:
    assert table(("a", "b"), [("日本", "x"), ("abc", "y")]) == "A     B\n日本  x\nabc   y\n"


def test_what_others_wrote_cannot_break_a_line_or_rewrite_the_screen() -> None:
    assert table(("a", "b"), [("one\ntwo\x1b[2J", "x")]) == "A            B\none two\ufffd[2J  x\n"


def test_an_empty_table_is_its_heads() -> None:
    assert table(("a", "b"), []) == "A  B\n"


def test_facts_leave_out_what_is_not_known() -> None:
    assert facts([("id", "swm_1"), ("error", None), ("status", "ok")]) == "id      swm_1\nstatus  ok\n"
