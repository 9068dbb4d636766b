"""A graph is checked before anything is stored, what is wrong is named, and 20,000 tasks are checked in no time."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import CycleError, InvalidRequest
from app.domain.graph import Graph
from app.domain.swarm import unmet_dependencies
from app.domain.task import TaskStatus
from tests.support.timing import within_cpu_s

MANY = 20_000
Edges = list[list[int]]


def names(edges: Sequence[Sequence[int]]) -> tuple[list[str], list[list[str]]]:
    return [f"t{index}" for index in range(len(edges))], [[f"t{index}" for index in row] for row in edges]


@st.composite
def any_edges(draw: st.DrawFn) -> Edges:
    total = draw(st.integers(1, 12))
    return draw(st.lists(st.lists(st.integers(0, total - 1), max_size=3), min_size=total, max_size=total))


def test_a_graph_indexes_both_directions() -> None:
    graph = Graph.build(["a", "b", "c", "d"], [[], ["a"], ["a"], ["c", "b"]])

    assert graph.dependencies == ((), (0,), (0,), (2, 1))
    assert graph.dependents == ((1, 2), (3,), (3,), ())


def test_a_dependency_may_be_defined_after_the_task_that_names_it() -> None:
    assert Graph.build(["last", "first"], [["first"], []]).dependencies == ((1,), ())


def test_a_dependency_named_twice_counts_once() -> None:
    graph = Graph.build(["a", "b", "c"], [[], [], ["b", "a", "b", "a"]])

    assert graph.dependencies[2] == (1, 0)
    assert graph.dependents == ((2,), (2,), ())


def test_a_graph_without_tasks_is_empty() -> None:
    assert Graph.build([], []) == Graph((), ())


def test_a_duplicate_id_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Graph.build(["a", "b", "c", "b"], [[], [], [], []])

    [error] = caught.value.errors
    assert error.pointer == "/tasks/3/id"
    assert "'b'" in error.detail
    assert "task 1" in error.detail


def test_an_unknown_dependency_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Graph.build(["a", "b"], [[], ["a", "a", "ghost"]])

    [error] = caught.value.errors
    assert error.pointer == "/tasks/1/depends_on/2"
    assert "'b'" in error.detail
    assert "'ghost'" in error.detail


def test_a_task_that_depends_on_itself_is_the_shortest_cycle() -> None:
    with pytest.raises(CycleError) as caught:
        Graph.build(["a", "b"], [[], ["a", "b"]])

    assert caught.value.path == ("b", "b")
    assert caught.value.errors[0].pointer == "/tasks/1/depends_on"


def test_a_cycle_is_named_in_the_direction_of_depends_on() -> None:
    with pytest.raises(CycleError) as caught:
        Graph.build(["a", "b", "c", "d"], [[], ["a", "c"], ["d"], ["b"]])

    path = caught.value.path
    follows = {"b": "c", "c": "d", "d": "b"}
    assert len(path) == 4
    assert all(follows[name] == after for name, after in pairwise(path))
    assert " -> ".join(path) in caught.value.detail


def on_a_cycle(edges: Edges) -> set[int]:
    """The tasks that depend on themselves over any number of steps, by following every path."""
    found = set()
    for index, row in enumerate(edges):
        reached: set[int] = set()
        frontier = set(row)
        while frontier:
            reached |= frontier
            frontier = {further for task in frontier for further in edges[task]} - reached
        if index in reached:
            found.add(index)
    return found


@given(any_edges())
def test_a_graph_is_built_exactly_when_it_has_no_cycle(edges: Edges) -> None:
    task_ids, depends_on = names(edges)
    if on_a_cycle(edges):
        with pytest.raises(CycleError):
            Graph.build(task_ids, depends_on)
        return
    graph = Graph.build(task_ids, depends_on)

    assert graph.dependencies == tuple(tuple(dict.fromkeys(row)) for row in edges)
    for index, dependents in enumerate(graph.dependents):
        assert list(dependents) == [other for other, row in enumerate(edges) if index in row]


@given(any_edges().filter(on_a_cycle))
def test_the_cycle_that_is_named_is_one(edges: Edges) -> None:
    task_ids, depends_on = names(edges)

    with pytest.raises(CycleError) as caught:
        Graph.build(task_ids, depends_on)

    path = [task_ids.index(name) for name in caught.value.path]
    assert path[0] == path[-1]
    assert len(set(path)) == len(path) - 1
    assert all(after in edges[index] for index, after in pairwise(path))
    assert caught.value.errors[0].pointer == f"/tasks/{path[0]}/depends_on"


def chain() -> Edges:
    return [[index + 1] for index in range(MANY - 1)] + [[]]


def fan_in() -> Edges:
    return [[] for _ in range(MANY - 1)] + [list(range(MANY - 1))]


def fan_out() -> Edges:
    return [[]] + [[0]] * (MANY - 1)


@pytest.mark.parametrize("shape", [chain, fan_in, fan_out])
def test_twenty_thousand_tasks_are_checked_in_under_a_second(shape: Callable[[], Edges]) -> None:
    task_ids, depends_on = names(shape())

    with within_cpu_s(1):
        graph = Graph.build(task_ids, depends_on)
        unmet_dependencies(graph, [TaskStatus.WAITING] * MANY)


def test_a_cycle_of_twenty_thousand_tasks_is_found_in_under_a_second() -> None:
    edges = chain()
    edges[-1] = [0]
    task_ids, depends_on = names(edges)

    with within_cpu_s(1), pytest.raises(CycleError) as caught:
        Graph.build(task_ids, depends_on)

    assert len(caught.value.path) == MANY + 1


def test_dependencies_count_as_unmet_until_they_end_in_any_way() -> None:
    statuses = [
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
        TaskStatus.SKIPPED,
        TaskStatus.RUNNING,
        TaskStatus.RETRYING,
        TaskStatus.QUEUED,
        TaskStatus.WAITING,
    ]
    graph = Graph.build(list("abcdefgh"), [[], [], [], [], [], [], [], list("abcdefg")])

    assert unmet_dependencies(graph, statuses) == [0, 0, 0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize(
    ("depends_on", "widths"),
    [
        ({}, []),
        ({"a": [], "b": []}, [2]),
        ({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, [1, 2, 1]),
        ({"a": [], "b": [], "c": ["a"], "d": ["c", "b"]}, [2, 1, 1]),
    ],
)
def test_a_level_is_one_more_than_the_highest_of_its_dependencies(
    depends_on: dict[str, list[str]], widths: list[int]
) -> None:
    assert Graph.build(list(depends_on), list(depends_on.values())).widths() == widths
