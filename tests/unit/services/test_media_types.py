"""Media types of files and their names: what is taken, and what it becomes."""

from __future__ import annotations

import pytest

from app.domain.errors import InvalidRequest
from app.services.media_types import media_type_of
from app.services.naming import check_file_name, check_name


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.csv", "text/csv"),
        ("A.CSV", "text/csv"),
        ("dir.csv/a", "application/octet-stream"),
        ("a.md", "text/markdown"),
        ("a.html", "text/html"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.tar.gz", "application/octet-stream"),
        ("a?b#c.json", "application/json"),
        ("data:text/html,x.png", "image/png"),
        ("a.unheard", "application/octet-stream"),
    ],
)
def test_the_end_of_a_name_says_what_it_is(name: str, media_type: str) -> None:
    assert media_type_of(name, None) == media_type


def test_a_given_type_counts_and_must_be_one() -> None:
    assert media_type_of("a.csv", "Application/X.y+z; charset=UTF-8") == "application/x.y+z; charset=utf-8"
    for wrong in ("", "text", "text/", "text/html\r\nX: y", "text/html; a=b", "té/x", "a/b/c", "x" * 200 + "/y"):
        with pytest.raises(InvalidRequest, match="/media_type"):
            media_type_of("a.csv", wrong)


@pytest.mark.parametrize("name", ["a", "a/b.c", "...", "a..b", ".hidden", "ü " * 50, "x" * 255, "C:x"])
def test_a_relative_path_is_a_name(name: str) -> None:
    assert check_file_name(name, "/name", 255) == name


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "../a", "a/..", "./a", "a/. /b", "a\\b", "a\0", "a\n", "a\u2028", "\ud800", "x" * 256],
)
def test_what_leads_elsewhere_or_cannot_be_shown_is_no_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match="/name"):
        check_file_name(name, "/name", 255)


def test_names_of_things_that_are_no_files_may_hold_anything_that_can_be_shown() -> None:
    assert check_name("../a\\b//", "/key", 10) == "../a\\b//"
