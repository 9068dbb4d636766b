"""The grid of sub-agents: each state has its own character, and any number of them fits on the screen."""

import io

import pytest
from rich.console import Console

from app.cli.cells import STATES, Cell
from app.cli.grid import Grid, folded

NOW = "2026-01-31T12:00:30.000Z"


def drawn(
    cells: list[Cell], width: int = 24, height: int = 20, encoding: str = "utf-8", **options: object
) -> list[str]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=stream, width=width, height=height).print(Grid(cells, NOW, **options))  # type: ignore[arg-type]
    stream.flush()
    return [line.rstrip() for line in raw.getvalue().decode(encoding).splitlines()]


def cells(*states: str) -> list[Cell]:
    return [Cell(task_id=f"t{n}", state=state) for n, state in enumerate(states)]


def test_a_character_for_each_sub_agent_in_lines_as_wide_as_the_screen() -> None:
    lines = drawn(cells(*["completed"] * 20, "running", "queued"))

    assert lines[:2] == ["  " + "■" * 20, "  ▶□"]
    assert lines[2].split() == ["■", "completed", "▶", "running"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_two_states_look_alike_even_without_colours(encoding: str) -> None:
    [grid, *_] = drawn(cells(*STATES), width=200, encoding=encoding)

    assert len(set(grid.strip())) == len(STATES) == 8


def test_one_character_stands_for_several_where_there_are_too_many() -> None:
    lines = drawn(cells(*["completed"] * 9_999, "failed"), width=104, height=20)

    grid = [line for line in lines if "■" in line and "completed" not in line]
    assert len(grid) <= 6
    assert sum(map(len, (line.strip() for line in grid))) == 589  # of 10,000, 17 each
    assert grid[-1].endswith("✗")
    assert lines[-1].endswith("one for 17 sub-agents")


def test_of_several_the_one_that_a_person_should_see_is_shown() -> None:
    states = ["completed", "running", "completed", "completed", "waiting", "failed", "skipped"]

    assert folded(states, 2) == ["running", "completed", "failed", "skipped"]
    assert folded(states, 1) == states


def test_those_that_have_been_running_longest_are_named() -> None:
    running = [
        Cell(task_id=f"t\n{n}", state="running", attempt=1, began=f"2026-01-31T12:00:{n:02}.000Z")
        for n in range(9, 2, -1)
    ]
    again = Cell(task_id="again", state="retrying", attempt=3, step=2, began="2026-01-31T12:00:01.000Z")

    lines = drawn([*running, again], width=80, gone_s=0.5)

    assert [line.strip() for line in lines[2:]] == [
        "29.5 s  again  attempt 3  step 2",
        "27.5 s  t 3",
        "26.5 s  t 4",
        "25.5 s  t 5",
        "24.5 s  t 6",
    ]
    assert len(drawn([*running, again], width=80, is_final=True)) == 2
