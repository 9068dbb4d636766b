"""A template is filled in for each item, by fields of JSON values only."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decompose.mapping import map_tasks
from app.domain.decompose.requests import Bounds, MapRequest
from app.domain.decompose.template import parse_template
from app.domain.errors import InvalidRequest


def prompts(template: str, *items: Any) -> list[str | None]:
    return [task.prompt for task in map_tasks(MapRequest(prompt=template, items=items), Bounds())]


def pointer_and_detail(template: str, *items: Any, bounds: Bounds | None = None) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        map_tasks(MapRequest(prompt=template, items=items), bounds or Bounds())
    return caught.value.errors[0].pointer, caught.value.errors[0].detail


def test_items_fields_and_positions_are_filled_in() -> None:
    assert prompts("{index}: translate {item.title} by {item.author.name}, {item.tags.1}",
                   {"title": "Anvils", "author": {"name": "A"}, "tags": ["x", 7]},
                   {"title": "Glue", "author": {"name": "B"}, "tags": [None, True]}) == [
        "0: translate Anvils by A, 7",
        "1: translate Glue by B, true",
    ]  # fmt: skip


def test_items_of_any_kind_come_as_text_or_compact_json() -> None:
    assert prompts("<{item}>", "a", 1.5, None, {"k": ["ü", 1]}, []) == [
        "<a>",
        "<1.5>",
        "<null>",
        '<{"k":["ü",1]}>',
        "<[]>",
    ]


def test_doubled_braces_are_braces_and_what_is_filled_in_is_not_a_template() -> None:
    assert prompts('{{"id": {index}, "x": "{{item}}"}} {{{item}}}', "{index} {{") == [
        '{"id": 0, "x": "{item}"} {{index} {{}'
    ]


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{name}", "{name}"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{item!r}", "{item!r}"),
        ("{item:>1000000000}", "{item:>1000000000}"),
        ("{item[0]}", "{item[0]}"),
        ("{index.real}", "{index.real}"),
        ("{item.}", "{item.}"),
        ("{item..a}", "{item..a}"),
        ("{self.__class__}", "{self.__class__}"),
    ],
)
def test_an_unknown_placeholder_is_named(template: str, named: str) -> None:
    pointer, detail = pointer_and_detail(f"Do {template}", {"a": 1})

    assert pointer == "/decompose/prompt"
    assert f"unknown placeholder {named}" in detail


@pytest.mark.parametrize(("template", "where"), [("a { b", 3), ("a } b", 3), ("{item", 1), ("{{{", 3), ("{a{b}", 1)])
def test_a_lone_brace_is_named_with_its_place(template: str, where: int) -> None:
    pointer, detail = pointer_and_detail(template, 1)

    assert pointer == "/decompose/prompt"
    assert f"at character {where}" in detail


@pytest.mark.parametrize(
    "path", ["__class__", "__class__.__init__.__globals__", "keys", "0", "title.upper", "tags.7", "tags.-1", "tags.x"]
)
def test_only_fields_of_json_are_reached(path: str) -> None:
    """A format string would give every one of the first three away."""
    pointer, detail = pointer_and_detail("{item." + path + "}", {"title": "t", "tags": [1]})

    assert pointer == "/decompose/items/0"
    assert "{item." + path + "}" in detail


def test_the_item_without_the_field_is_named() -> None:
    assert pointer_and_detail("{item.a}", {"a": 1}, {"b": 1})[0] == "/decompose/items/1"


def test_an_item_that_the_template_does_not_show_is_sent_as_data() -> None:
    request = MapRequest(prompt="Judge this case", items=[{"a": 1}, {"a": 2}])

    first, second = map_tasks(request, Bounds())
    [shown] = map_tasks(MapRequest(prompt="Judge {item.a}", items=[{"a": 1}]), Bounds())

    assert first.data == {"item": {"a": 1}, "context": {"index": 0, "total": 2}}
    assert second.data["item"] == {"a": 2}
    assert shown.data == {"context": {"index": 0, "total": 1}}
    assert first.id != second.id
    assert [first.id, second.id] == [task.id for task in map_tasks(request, Bounds())]


def test_a_template_that_multiplies_its_items_is_refused_before_it_takes_memory() -> None:
    started = time.process_time()

    assert pointer_and_detail("{item}" * 200, "x" * 1_000_000)[0] == "/decompose/items/0"
    assert pointer_and_detail("x" * 900_000 + "{item}", *["y"] * 20_000)[0] == "/decompose"
    assert pointer_and_detail("{item}" * 201, "")[0] == "/decompose/prompt"

    assert time.process_time() - started < 10


def test_no_items_and_too_many_are_refused() -> None:
    assert pointer_and_detail("{item}")[0] == "/decompose/items"
    assert pointer_and_detail("{item}", 1, 2, 3, bounds=Bounds(max_tasks=2)) == (
        "/decompose/items",
        "makes 3 tasks; at most 2 are taken",
    )


@given(st.text(max_size=40))
def test_any_text_with_its_braces_doubled_comes_out_as_it_is(text: str) -> None:
    template = parse_template(text.replace("{", "{{").replace("}", "}}"), "/decompose/prompt")

    assert template.render(0, None, "", 1000) == text
