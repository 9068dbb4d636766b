"""What a run did, interval by interval."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.intervals import Measured, intervals
from app.domain.usage import Usage

T0 = 1_700_000_000_000


def attempt(started: int, ended: int | None, *, completed: bool = True, **fields: Any) -> Measured:
    """Times in milliseconds from the start of the run."""
    plain: dict[str, Any] = {"latency_ms": None if ended is None else ended - started, "cost_nano_usd": 10}
    return Measured(
        started_at_ms=T0 + started,
        ended_at_ms=None if ended is None else T0 + ended,
        completed=completed,
        **(plain | {"usage": Usage(prompt_tokens=3, completion_tokens=2)} | fields),
    )


def test_each_interval_counts_what_began_and_ended_in_it() -> None:
    attempts = [
        attempt(0, 400),
        attempt(100, 999),
        attempt(500, 1_000),
        attempt(600, 2_500, completed=False, cost_nano_usd=None),
        attempt(2_900, None),
    ]

    first, second, third = intervals(attempts, from_ms=T0, until_ms=T0 + 3_000, interval_ms=1_000)

    assert [one.from_ms - T0 for one in (first, second, third)] == [0, 1_000, 2_000]
    assert (first.started, first.completed, first.failed, first.active) == (4, 2, 0, 2)
    assert (second.started, second.completed, second.failed, second.active) == (0, 1, 0, 1)
    assert (third.started, third.completed, third.failed, third.active) == (1, 0, 1, 1)
    assert [one.cost_nano_usd for one in (first, second, third)] == [20, 10, 0]
    assert first.usage == Usage(prompt_tokens=6, completion_tokens=4)
    assert first.latencies_ms == [400, 899]
    assert (first.latency_ms(50), first.latency_ms(99), third.latency_ms(50)) == (400, 899, None)


def test_times_outside_of_the_run_count_at_its_edges() -> None:
    """A clock may have been set back in between."""
    first, last = intervals([attempt(-5_000, 90_000)], from_ms=T0, until_ms=T0 + 2_000, interval_ms=1_000)

    assert (first.started, first.active, last.completed, last.active) == (1, 1, 1, 0)


def test_a_run_that_just_began_has_one_interval() -> None:
    [only] = intervals([], from_ms=T0, until_ms=T0, interval_ms=1_000)

    assert (only.from_ms, only.started, only.active) == (T0, 0, 0)


@given(
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 50_000), st.booleans(), st.booleans())),
    st.integers(1, 9_000),
)
def test_the_intervals_add_up(times: list[tuple[int, int, bool, bool]], interval_ms: int) -> None:
    attempts = [
        attempt(began, began + took if ended else None, completed=completed) for began, took, ended, completed in times
    ]
    found = list(intervals(attempts, from_ms=T0, until_ms=T0 + 100_000, interval_ms=interval_ms))

    assert len(found) == -(-100_000 // interval_ms)
    assert sum(one.started for one in found) == len(attempts)
    assert sum(one.completed + one.failed for one in found) == sum(one.ended_at_ms is not None for one in attempts)
    assert found[-1].active == sum(one.ended_at_ms is None for one in attempts)
    assert all(one.active >= 0 for one in found)
    ended = [one for one in attempts if one.ended_at_ms is not None]
    assert sum(one.cost_nano_usd for one in found) == 10 * len(ended)
