"""A verdict follows from the numbers: what is compared, by which statistic, and which way."""

import pytest

from scripts.benchmarks.findings import Finding, Goal


def finding(values: list[float], references: list[float] | None = None, goal: Goal | None = None) -> Finding:
    return Finding(what="x", unit="s", values=values, references=references or [], goal=goal)


@pytest.mark.parametrize(
    ("values", "references", "goal", "met"),
    [
        ([1.0, 9.0, 1.1], [1.0, 1.0, 1.0], Goal(1.2, of_ratio=True), True),  # the median decides, not an outlier
        ([1.3, 1.3, 1.0], [1.0, 1.0, 1.0], Goal(1.2, of_ratio=True), False),
        ([2.0, 3.0, 4.0], [2.0, 3.0, 4.0], Goal(1.0, of_ratio=True), True),  # run by run, so a slow machine cancels out
        ([0.7], [1.0], Goal(0.6, of_ratio=True, at_least=True), True),
        ([0.5], [1.0], Goal(0.6, of_ratio=True, at_least=True), False),
        ([39.0, 40.0, 50.0], None, Goal(40), True),
        ([41.0], None, Goal(40), False),
        ([41.0], None, None, None),
    ],
)
def test_the_goal_is_held_against_the_median(
    values: list[float], references: list[float] | None, goal: Goal | None, met: bool | None
) -> None:
    assert finding(values, references, goal).met is met


def test_an_uneven_floor_is_called_noisy() -> None:
    assert finding([1.0, 1.0], [1.0, 1.3]).noisy
    assert not finding([1.0, 3.0], [1.0, 1.1]).noisy
    assert not finding([1.0, 3.0]).noisy


def test_the_goal_says_what_it_is_compared_with() -> None:
    assert finding([1.0], [1.0], Goal(1.05, of_ratio=True)).goal_text == "<= 1.05 x floor"
    assert finding([1.0], None, Goal(40)).goal_text == "<= 40 s"
