"""What models really send as a plan is read, what cannot run is refused with words a model can act on."""

from __future__ import annotations

import time
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from app.domain.plan import PLAN_SCHEMA, parse_plan
from tests.support.plans import FILES, one_error, parse, subtask


def test_a_plan_as_the_schema_asks_for_it_is_kept_whole() -> None:
    sent = {
        "subtasks": [
            {
                "id": "prices",
                "prompt": "Collect the prices.",
                "role": "researcher",
                "type": "research",
                "depends_on": [],
                "complexity": 3,
                "capability_tags": ["web", "prices"],
                "sources": ["data/sales.csv"],
            },
            {"id": "compare", "prompt": "Compare them.", "role": "analyzer", "depends_on": ["prices"]},
        ],
        "synthesis": "One table.",
    }
    jsonschema.validate(sent, PLAN_SCHEMA)

    plan = parse(sent, attachments=FILES)

    first, second = plan.subtasks
    assert (first.id, first.prompt, first.role, first.type) == (
        "prices",
        "Collect the prices.",
        "researcher",
        "research",
    )
    assert (first.complexity, first.capability_tags, first.sources) == (3, ("web", "prices"), ("data/sales.csv",))
    assert (second.depends_on, second.complexity, second.sources) == (("prices",), None, ())
    assert plan.synthesis == "One table."
    assert plan.warnings == ()


@pytest.mark.parametrize(
    "sent",
    [
        {"tasks": ["Read", "Write"]},
        {"steps": [{"description": "Read"}, {"description": "Write"}]},
        {"plan": {"Subtasks": [{"task": "Read"}, {"task": "Write"}]}},
        [{"instructions": "Read"}, "Write"],
        {"subtasks": {"t1": "Read", "t2": {"prompt": "Write"}}},
    ],
)
def test_other_spellings_of_the_list_and_plain_texts_are_read(sent: Any) -> None:
    plan = parse(sent)

    assert [(task.id, task.prompt, task.role) for task in plan.subtasks] == [
        ("t1", "Read", None),
        ("t2", "Write", None),
    ]


def test_parallel_lists_of_other_lengths_keep_what_is_there_by_position() -> None:
    plan = parse(
        {
            "subtasks": ["Search", "Compare", "Conclude"],
            "roles": ["researcher", "analyzer"],
            "dependencies": [[], [1], ["t1", 2], ["t9"]],
            "complexity": [2],
        }
    )

    assert [task.role for task in plan.subtasks] == ["researcher", "analyzer", None]
    assert [task.depends_on for task in plan.subtasks] == [(), ("t1",), ("t1", "t2")]
    assert [task.complexity for task in plan.subtasks] == [2, None, None]
    assert plan.warnings == ("/dependencies: has 4 entries for 3 subtasks; those too many are left out",)


def test_what_a_subtask_says_itself_counts_more_than_a_list_beside_it() -> None:
    plan = parse({"subtasks": [{"prompt": "a", "role": "coder"}, {"prompt": "b"}], "roles": ["reviewer", "reviewer"]})

    assert [task.role for task in plan.subtasks] == ["coder", "reviewer"]


def test_lists_beside_the_subtasks_may_be_objects_by_id() -> None:
    plan = parse({"subtasks": [subtask("a"), subtask("b")], "roles": {"b": "coder"}, "dependencies": {"b": "a"}})

    assert [(task.role, task.depends_on) for task in plan.subtasks] == [(None, ()), ("coder", ("a",))]


def test_a_flat_list_of_sources_beside_the_subtasks_is_not_taken_for_one_each() -> None:
    plan = parse({"subtasks": ["a", "b"], "sources": list(FILES)}, attachments=FILES)

    assert [task.sources for task in plan.subtasks] == [(), ()]


def test_ids_may_be_numbers_and_then_win_over_positions() -> None:
    plan = parse({"subtasks": [{"id": 2, "prompt": "a"}, {"id": 1, "prompt": "b", "depends_on": [2]}]})

    assert [(task.id, task.depends_on) for task in plan.subtasks] == [("2", ()), ("1", ("2",))]


@pytest.mark.parametrize(
    "said", [1, "1", "Step 1", "subtask 1", "#1", "task_1", "Find sources", "FIND", "find; find", ["find"]]
)
def test_a_dependency_is_found_by_id_number_or_title(said: Any) -> None:
    plan = parse(
        {"subtasks": [subtask("find", title="Find sources"), {"id": "use", "prompt": "Use", "depends_on": said}]}
    )

    assert plan.subtasks[1].depends_on == ("find",)


@pytest.mark.parametrize("said", [None, "", [], "none", "N/A", [""], [None]])
def test_no_dependency_may_be_said_in_many_ways(said: Any) -> None:
    assert parse([subtask("a"), {"id": "b", "prompt": "b", "depends_on": said}]).subtasks[1].depends_on == ()


def test_a_title_that_two_subtasks_share_is_no_name_for_either() -> None:
    error = one_error([subtask("a", title="Search"), subtask("b", title="search"), subtask("c", "Search")])

    assert error == "/subtasks/2/depends_on: 'Search' fits several subtasks: 'a', 'b'; name one by its id"


def test_an_unknown_dependency_is_named_with_what_there_is() -> None:
    error = one_error([subtask("a"), subtask("b", "zero")])

    assert error == "/subtasks/1/depends_on: 'zero' is no subtask of this plan; the ids are 'a', 'b'"


@pytest.mark.parametrize("said", [0, 3, -1, 1.5, "0"])
def test_numbers_beyond_the_list_are_no_subtask(said: object) -> None:
    assert "is no subtask of this plan" in one_error([subtask("a"), subtask("b", said)])


def test_a_duplicate_id_is_refused() -> None:
    assert one_error([subtask("a"), subtask("b"), subtask("a")]) == (
        "/subtasks/2/id: 'a' is the id of /subtasks/0 too; rename one"
    )


def test_a_made_up_id_keeps_clear_of_the_given_ones() -> None:
    assert [task.id for task in parse(["first", subtask("t1"), "third"]).subtasks] == ["t1-new", "t1", "t3"]


def test_a_cycle_is_named_with_its_path() -> None:
    error = one_error([subtask("a", "c"), subtask("b", "a"), subtask("c", "b")])

    assert error.startswith("/subtasks/")
    assert "3 tasks depend on each other in a cycle: " in error
    assert any(path in error for path in ("a -> c -> b -> a", "c -> b -> a -> c", "b -> a -> c -> b"))
    assert error.endswith("take one of these dependencies out")


def test_a_subtask_cannot_wait_for_itself() -> None:
    assert "1 tasks depend on each other in a cycle: a -> a" in one_error([subtask("a", "a")])


def test_too_many_subtasks_are_refused_at_once() -> None:
    many = {"subtasks": [subtask(f"t{at}", *range(1, 200)) for at in range(5_000)]}

    assert one_error(many, max_subtasks=100) == (
        "/subtasks: has 5000 subtasks, at most 100 are allowed; merge some or leave some out"
    )


def test_five_thousand_subtasks_are_read_in_no_time_where_they_are_allowed() -> None:
    chain = [subtask(f"s{at}", *([f"s{at - 1}"] if at else []), title="the same") for at in range(5_000)]
    started = time.process_time()

    plan = parse({"subtasks": chain}, max_subtasks=5_000)

    assert plan.subtasks[-1].depends_on == ("s4998",)
    assert time.process_time() - started < 5


def test_subtasks_come_after_those_they_depend_on_else_as_given() -> None:
    plan = parse([subtask("last", "b", "a"), subtask("c"), subtask("b", "a"), subtask("a"), subtask("d")])

    assert [task.id for task in plan.subtasks] == ["c", "a", "b", "last", "d"]


def test_other_names_of_known_roles_become_theirs() -> None:
    plan = parse_plan(
        [subtask("a", role="Data Analyst"), subtask("b", role="fact-checker"), subtask("c", role="OUR expert")],
        max_subtasks=3,
        attachments=(),
        roles=("analyzer", "Our Expert"),
    )

    assert [task.role for task in plan.subtasks] == ["analyzer", "fact-checker", "Our Expert"]
    assert len(plan.warnings) == 1


def test_unknown_roles_are_kept_with_a_warning_and_known_ones_spelled_as_known() -> None:
    plan = parse(
        [subtask("a", role="Zoo keeper"), subtask("b", role="RESEARCHER"), subtask("c", role={"name": "coder"})]
    )

    assert [task.role for task in plan.subtasks] == ["Zoo keeper", "researcher", "coder"]
    assert plan.warnings == ("/subtasks/0/role: 'Zoo keeper' is none of the known roles; kept as it is",)


@pytest.mark.parametrize("said", ["Q1 report.pdf", "q1 REPORT.pdf", "Q1 report", " q1 report.pdf "])
def test_sources_match_whatever_their_case_and_extension(said: str) -> None:
    assert parse([subtask("a", sources=[said])], attachments=FILES).subtasks[0].sources == ("Q1 report.pdf",)


def test_sources_match_without_their_folder_and_count_once() -> None:
    plan = parse([subtask("a", sources=["sales.csv", "data/sales.csv", {"name": "sales"}])], attachments=FILES)

    assert plan.subtasks[0].sources == ("data/sales.csv",)


def test_a_source_that_fits_two_attachments_is_refused() -> None:
    error = one_error([subtask("a", sources=["notes"])], attachments=("notes.md", "notes.txt"))

    assert error == (
        "/subtasks/0/sources: 'notes' is no attachment, or fits several; the attachments are 'notes.md', 'notes.txt'"
    )


def test_a_source_where_nothing_is_attached_is_refused() -> None:
    assert one_error([subtask("a", sources="web")]) == (
        "/subtasks/0/sources: 'web' is no attachment: there are none; leave sources out"
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [(1, 1), (10, 10), (0, 1), (99, 10), (-3, 1), (6.6, 7), ("7", 7), ("8/10", 8), ("High", 8), (float("inf"), 10)],
)
def test_complexity_is_read_and_clamped(said: object, kept: int) -> None:
    assert parse([subtask("a", complexity=said)]).subtasks[0].complexity == kept


@pytest.mark.parametrize("said", ["huge-ish", [], True, float("nan"), {}])
def test_complexity_that_is_none_is_left_out(said: object) -> None:
    assert parse([subtask("a", complexity=said)]).subtasks[0].complexity is None
