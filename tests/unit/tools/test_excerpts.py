"""Portions of a document follow one another without a gap, and every one says how to ask for the next."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.ports.documents import Document, Part
from app.tools.excerpts import LINE_CHARS, matches, numbered, run_of_lines

PAGES = Document(
    unit="page", parts=(Part(number=3, text="a\nb"), Part(number=4, text=""), Part(number=7, text="c\nd")), total=9
)


def plain(text: str) -> Document:
    return Document(unit="text", parts=(Part(number=1, text=text),), total=1)


def test_parts_have_headings_and_their_lines_are_numbered_through() -> None:
    text = numbered(PAGES)

    assert text.lines == ["a", "b", "", "c", "d"]
    assert run_of_lines(text, 1, None, 1000) == "[page 3 of 9]\na\nb\n[page 4 of 9]\n\n[page 7 of 9]\nc\nd"
    assert run_of_lines(text, 2, 4, 1000) == "[page 3 of 9]\nb\n[page 4 of 9]\n\n[page 7 of 9]\nc\n[lines 2-4 of 5]"


def test_what_does_not_fit_is_told_with_how_to_get_it() -> None:
    text = numbered(plain("\n".join(f"line {number}" for number in range(1, 101))))

    assert run_of_lines(text, 11, 90, 40).splitlines() == [
        *("line 11", "line 12", "line 13", "line 14", "line 15"),
        '[lines 11-15 of 100; for more ask again with the same arguments and "lines": "16-90"]',
    ]
    assert run_of_lines(text, 99, None, 40).splitlines() == ["line 99", "line 100", "[lines 99-100 of 100]"]


def test_a_line_that_is_longer_than_a_portion_is_shown_at_least_in_part() -> None:
    text = numbered(plain("x" * (2 * LINE_CHARS + 1) + "\nlast"))

    assert [len(line) for line in text.lines] == [LINE_CHARS, LINE_CHARS, 1, 4]
    assert run_of_lines(text, 1, None, 10).startswith("x" * LINE_CHARS + "\n[lines 1-1 of 4;")


@given(
    st.lists(st.lists(st.text("ab", max_size=9), max_size=8), min_size=1, max_size=5),
    st.integers(min_value=1, max_value=60),
)
def test_portions_follow_one_another_without_a_gap(pages: list[list[str]], max_chars: int) -> None:
    parts = tuple(Part(number=number, text="\n".join(lines)) for number, lines in enumerate(pages, 1))
    text = numbered(Document(unit="page", parts=parts, total=len(parts)))
    seen: list[str] = []
    first: int | None = 1
    while first is not None:
        portion = run_of_lines(text, first, None, max_chars).split("\n")
        more = re.search(r'"lines": "(\d+)-', portion[-1])
        seen += [line for line in portion if not line.startswith("[")]
        assert more is None or int(more[1]) > first
        first = int(more[1]) if more else None

    assert seen == text.lines


def test_words_are_found_in_any_case_with_the_lines_around_them() -> None:
    lines = [f"line {number}" for number in range(1, 31)]
    lines[9] = "Net   SALES of the year"
    lines[11] = "net sales again"
    lines[27] = "total net sales"
    shown, count = matches(numbered(plain("\n".join(lines))), "net sales", 10_000)

    assert count == 3
    assert shown.splitlines() == [
        *("[text] lines 8-12", "8: line 8", "9: line 9", "10: Net   SALES of the year", "11: line 11"),
        *("12: net sales again", "13: line 13", "14: line 14"),
        *("[text] lines 26-30", "26: line 26", "27: line 27", "28: total net sales", "29: line 29", "30: line 30"),
    ]


def test_matches_name_their_page_and_are_bounded() -> None:
    shown, count = matches(numbered(PAGES), "D", 1000)
    assert (shown, count) == ("[page 7 of 9] lines 3-5\n3: \n4: c\n5: d", 1)

    many, count = matches(numbered(plain("hit\n" * 1000)), "hit", 500)
    assert count == 1000
    assert len(many) < 700
    assert re.search(r"\[\d+ of 1,000 matches; look for more words, or read on by lines from \d+\]$", many)
    assert matches(numbered(PAGES), "absent", 1000) == ("", 0)


def test_quotes_and_dashes_are_alike_and_words_may_stand_apart() -> None:
    text = numbered(
        plain("Total stockholders\u2019 equity\u00a0\u2014 2025\nother\nother\nother\nother\nequity, total")
    )

    assert matches(text, "stockholders' equity - 2025", 1000)[1] == 1
    shown, count = matches(text, "equity total", 1000)
    assert count == 2
    assert shown.startswith("[not in this order; lines that hold all of these words:]\n[text] lines 1-3\n1: Total")
