"""Filling in a template: values as they are, nothing read twice, and clear errors for what is not there."""

from typing import Any

import pytest

from app.recipes.template import TemplateError, fill, placeholders


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${n}", 3),
        ("${list}", [1, 2]),
        ("n is ${n}, t is ${t}", "n is 3, t is text"),
        ("${deep.x.y}", "z"),
        ("$${n} stays, {n} and %s and $n too", "${n} stays, {n} and %s and $n too"),
        ({"a": "${n}", "b": ["${t}"]}, {"a": 3, "b": ["text"]}),
        (5, 5),
        (None, None),
    ],
)
def test_a_placeholder_becomes_its_value(template: Any, expected: Any) -> None:
    scope = {"n": 3, "t": "text", "list": [1, 2], "deep": {"x": {"y": "z"}}}

    assert fill(template, scope) == expected


def test_a_field_that_is_not_set_is_left_out() -> None:
    assert fill({"a": "${x}", "b": {"c": "${x}"}, "d": ["${x}", 1]}, {"x": None}) == {"b": {}, "d": [1]}


def test_what_a_value_says_is_no_template() -> None:
    assert fill("${a} and ${b}", {"a": "${b}", "b": "$${a}"}) == "${b} and $${a}"
    assert fill({"data": "${a}"}, {"a": "${a}"}) == {"data": "${a}"}


def test_each_comes_once_for_each_item() -> None:
    template = {"tasks": [{"each": "files", "do": {"id": "${item.id}", "of": "${name}"}}, {"id": "last"}]}

    filled = fill(template, {"files": [{"id": "a"}, {"id": "b"}], "name": "n"})

    assert filled == {"tasks": [{"id": "a", "of": "n"}, {"id": "b", "of": "n"}, {"id": "last"}]}
    assert fill(template, {"files": [], "name": "n"}) == {"tasks": [{"id": "last"}]}


@pytest.mark.parametrize(("value", "kept"), [(True, True), ("text", True), (False, False), (None, False), ([], False)])
def test_when_keeps_or_drops(value: Any, kept: bool) -> None:
    filled = fill({"field": {"when": "x", "a": 1}, "items": [{"when": "x", "a": 1}]}, {"x": value})

    assert filled == ({"field": {"a": 1}, "items": [{"a": 1}]} if kept else {"items": []})


@pytest.mark.parametrize("template", ["${y}", "${x.y}", "text ${y}", [{"each": "y", "do": 1}], "list: ${list}"])
def test_what_is_not_there_or_has_no_place_in_a_text_is_an_error(template: Any) -> None:
    with pytest.raises(TemplateError):
        fill(template, {"x": 1, "list": [1]})


def test_the_names_of_a_template() -> None:
    template = {"a": "${x.y} ${z}", "b": [{"each": "input.files", "do": "${item}"}], "c": {"when": "w"}, "d": "$${no}"}

    assert placeholders(template) == {"x", "z", "input", "item", "w"}
