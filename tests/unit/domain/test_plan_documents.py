"""Subtasks get the texts of their sources, long ones in parts, without a change for what depends on them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.graph import Graph
from app.domain.plan_documents import TooManyDocuments, expand, split_text
from app.domain.planned import Attachment, PlannedTask


def task(task_id: str, *sources: str, **more: Any) -> PlannedTask:
    return PlannedTask(
        **{"id": task_id, "prompt": f"Do {task_id}", "type": None, "role": "researcher"} | more, sources=sources
    )


def attached(**texts: str) -> list[Attachment]:
    return [Attachment(name=name, text=text) for name, text in texts.items()]


def test_texts_are_cut_at_line_ends() -> None:
    assert split_text("one\ntwo\nthree\n", 8) == ["one\ntwo\n", "three\n"]
    assert split_text("12345678", 8) == ["12345678"]
    assert split_text("", 8) == [""]


def test_a_line_that_is_too_long_is_cut_after_a_blank_else_anywhere() -> None:
    assert split_text("abcdef ghijk", 8) == ["abcdef ", "ghijk"]
    assert split_text("a bcdefghijk", 8) == ["a bcdefg", "hijk"]
    assert split_text("ab\ncdefghijklm", 8) == ["ab\n", "cdefghij", "klm"]


@given(st.text(alphabet="ab \n\r", max_size=200), st.integers(1, 20))
def test_the_parts_are_the_text_and_none_is_too_long(text: str, most: int) -> None:
    parts = split_text(text, most)

    assert "".join(parts) == text
    assert all(len(part) <= most for part in parts)
    assert all(parts) or text == ""
    assert len(parts) <= 4 * len(text) / most + 2


def test_a_part_of_no_characters_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="max_chars must be at least 1"):
        split_text("a", 0)


def test_short_sources_come_with_the_task_itself() -> None:
    [expanded] = expand([task("a", "x", "y")], attached(x="12345", y="67890"), max_chars=10)

    assert expanded.id == "a"
    assert expanded.data == {"documents": [{"name": "x", "text": "12345"}, {"name": "y", "text": "67890"}]}


def test_a_task_without_sources_stays_as_it_is() -> None:
    plain = task("a", data=[1])

    assert expand([plain], attached(x="text"), max_chars=1) == (plain,)


@pytest.mark.parametrize(("data", "kept"), [({"k": 1}, {"k": 1}), ([1], {"input": [1]}), ("text", {"input": "text"})])
def test_the_data_of_a_task_is_kept_beside_its_documents(data: Any, kept: dict[str, Any]) -> None:
    [expanded] = expand([task("a", "x", data=data)], attached(x="t"), max_chars=10)

    assert expanded.data == {**kept, "documents": [{"name": "x", "text": "t"}]}


def test_a_long_source_becomes_parts_and_a_task_of_the_same_id_that_combines_them() -> None:
    long = task("read", "x", depends_on=("first",), complexity=4, capability_tags=("pdf",), extra={"k": 1})
    tasks = expand(
        [task("first"), long, task("last", depends_on=("read",))], attached(x="aaa\nbbb\nccc\n"), max_chars=8
    )

    assert [each.id for each in tasks] == ["first", "read#1", "read#2", "read", "last"]
    one, two, combined, last = tasks[1:]
    assert one.data == {"documents": [{"name": "x", "part": 1, "parts": 2, "text": "aaa\nbbb\n"}]}
    assert two.data == {"documents": [{"name": "x", "part": 2, "parts": 2, "text": "ccc\n"}]}
    for part in (one, two):
        assert (part.prompt, part.role, part.depends_on, part.sources) == ("Do read", "researcher", ("first",), ("x",))
        assert (part.complexity, part.capability_tags, part.extra) == (4, ("pdf",), {"k": 1})
    assert (combined.depends_on, combined.role, combined.data) == (("read#1", "read#2"), "synthesizer", None)
    assert combined.sources == ("x",)
    assert combined.prompt is not None
    assert "Do read" in combined.prompt
    assert "read#1 to read#2" in combined.prompt
    assert last.depends_on == ("read",)


def test_parts_go_over_all_sources_and_short_ones_share_a_part() -> None:
    sources = attached(a="12", b="34", c="long\nlong\n", d="56")
    tasks = expand([task("t", "a", "b", "c", "d")], sources, max_chars=5)

    documents = [each.data["documents"] for each in tasks[:-1]]
    assert [[(found["name"], found.get("part")) for found in part] for part in documents] == [
        [("a", None), ("b", None)],
        [("c", 1)],
        [("c", 2)],
        [("d", None)],
    ]
    assert [each.sources for each in tasks] == [("a", "b"), ("c",), ("c",), ("d",), ("a", "b", "c", "d")]


def test_ids_of_parts_keep_clear_of_the_ids_of_the_plan() -> None:
    tasks = expand([task("t", "x"), task("t#2")], attached(x="aa\nbb\n"), max_chars=3)

    assert [each.id for each in tasks] == ["t##1", "t##2", "t", "t#2"]


def test_too_many_tasks_or_characters_are_refused() -> None:
    with pytest.raises(TooManyDocuments, match="make more than 4 tasks"):
        expand([task("a", "x"), task("b")], attached(x="1\n2\n3\n"), max_chars=2, max_tasks=4)
    assert len(expand([task("a", "x"), task("b")], attached(x="1\n2\n3\n"), max_chars=2, max_tasks=5)) == 5
    with pytest.raises(TooManyDocuments, match="'b' would be sent 12 characters"):
        expand([task("a", "x"), task("b", "x")], attached(x="1\n2\n3\n"), max_chars=9, max_total_chars=11)


@given(
    st.lists(st.lists(st.sampled_from("xyz"), max_size=3, unique=True), min_size=1, max_size=4),
    st.lists(st.text(alphabet="ab\n", max_size=40), min_size=3, max_size=3),
    st.integers(1, 15),
)
def test_every_task_is_sent_all_of_its_sources_and_never_more_than_fits(
    wanted: list[list[str]], texts: list[str], most: int
) -> None:
    sources = dict(zip("xyz", texts, strict=True))
    plan = [task(f"t{at}", *names, depends_on=(f"t{at - 1}",) if at else ()) for at, names in enumerate(wanted)]
    tasks = expand(plan, attached(**sources), max_chars=most)

    Graph.build([each.id for each in tasks], [each.depends_on for each in tasks])
    for original in plan:
        parts = [each for each in tasks if each.id.partition("#")[0] == original.id and each.data is not None]
        documents = [document for part in parts for document in part.data["documents"]]
        for name in original.sources:
            assert "".join(found["text"] for found in documents if found["name"] == name) == sources[name]
        for part in parts:
            assert sum(len(found["text"]) for found in part.data["documents"]) <= most
