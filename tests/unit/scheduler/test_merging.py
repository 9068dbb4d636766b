"""Groups never pass the room, are about equally large, and merging them level by level ends in one output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scheduler.merging import Group, MergeKind, estimate_tokens, groups, merge_prompt
from tests.support.timing import within_cpu_s


def members(sizes: list[int], room: int, fan_in: int | None = None) -> list[list[int]]:
    return [group.members for group in groups(sizes, room_tokens=room, fan_in=fan_in)]


def test_what_fits_is_one_group() -> None:
    assert groups([3, 4, 3], room_tokens=10, fan_in=None) == [Group(members=[0, 1, 2], tokens=10)]
    assert members([5], 10) == [[0]]
    assert members([], 10) == []


def test_groups_are_balanced_instead_of_full_with_a_small_rest() -> None:
    assert members([4, 4, 4, 4, 4], 16) == [[0, 1, 2], [3, 4]] or members([4, 4, 4, 4, 4], 16) == [[0, 1], [2, 3, 4]]
    assert [len(group) for group in members([1] * 100, 1_000, fan_in=34)] == [33, 34, 33]
    assert [len(group) for group in members([1] * 9, 1_000, fan_in=8)] in ([4, 5], [5, 4])


def test_fan_in_bounds_a_group_as_the_room_does() -> None:
    assert members([1, 1, 1, 1], 100, fan_in=2) == [[0, 1], [2, 3]]
    assert members([60, 60, 1, 1], 100, fan_in=3) == [[0], [1, 2, 3]]


def test_a_group_of_one_takes_an_item_from_its_neighbour_where_it_fits() -> None:
    assert members([1, 1, 1, 97, 2], 100) == [[0, 1, 2], [3, 4]]
    assert members([2, 97, 1, 1, 1], 100) == [[0, 1], [2, 3, 4]]


def test_an_item_above_the_room_stands_alone_and_is_marked() -> None:
    assert groups([1, 2, 11, 3, 4], room_tokens=10, fan_in=None) == [
        Group(members=[0, 1], tokens=3),
        Group(members=[2], tokens=11, oversized=True),
        Group(members=[3, 4], tokens=7),
    ]


@pytest.mark.parametrize(("room", "fan_in", "said"), [(0, None, "room_tokens"), (10, 1, "fan_in"), (10, 0, "fan_in")])
def test_limits_under_which_nothing_ends_are_refused(room: int, fan_in: int | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        groups([1, 1], room_tokens=room, fan_in=fan_in)
    with pytest.raises(ValueError, match="negative"):
        groups([-1], room_tokens=10, fan_in=None)


def test_twenty_thousand_outputs_are_grouped_in_no_time() -> None:
    with within_cpu_s(2):
        found = groups([500] * 20_000, room_tokens=100_000, fan_in=None)

    assert [len(group.members) for group in found] == [200] * 100


fan_ins = st.none() | st.integers(2, 6)


def fewest(sizes: list[int], room: int, fan_in: int | None) -> int:
    """Filling each group before the next is begun makes the fewest."""
    count, used, inside = 0, 0, 0
    for size in sizes:
        if count == 0 or used + size > room or inside == (fan_in or len(sizes)):
            count, used, inside = count + 1, 0, 0
        used, inside = used + size, inside + 1
    return count


@given(st.lists(st.integers(0, 120), max_size=40), st.integers(1, 100), fan_ins)
def test_groups_are_consecutive_and_none_passes_its_limits(sizes: list[int], room: int, fan_in: int | None) -> None:
    found = groups(sizes, room_tokens=room, fan_in=fan_in)

    assert [at for group in found for at in group.members] == list(range(len(sizes)))
    for group in found:
        assert group.tokens == sum(sizes[at] for at in group.members)
        assert group.oversized == (group.tokens > room)
        assert len(group.members) == 1 or group.tokens <= room
        assert len(group.members) <= (fan_in or len(sizes))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), fan_ins)
def test_there_are_as_few_groups_as_can_be_and_singles_only_where_nothing_fits(
    sizes: list[int], fan_in: int | None
) -> None:
    found = groups(sizes, room_tokens=100, fan_in=fan_in)

    assert len(found) == fewest(sizes, 100, fan_in)
    for at, group in enumerate(found):
        if len(group.members) > 1:
            continue
        if at and len(found[at - 1].members) > 2:
            assert group.tokens + sizes[group.members[0] - 1] > 100
        if at + 1 < len(found) and len(found[at + 1].members) > 2:
            assert group.tokens + sizes[group.members[0] + 1] > 100


@given(
    st.lists(st.integers(0, 5_000), min_size=1, max_size=200),
    st.integers(1, 300),
    st.integers(0, 200),
    fan_ins,
)
def test_levels_of_merging_end_in_one_output(sizes: list[int], max_output: int, spare: int, fan_in: int | None) -> None:
    room = 2 * max_output + spare
    levels, calls, before = 0, 0, list(sizes)
    while len(before) > 1:
        found = groups(before, room_tokens=room, fan_in=fan_in)
        after: list[int] = []
        for group in found:
            passed_on = len(group.members) == 1 and group.tokens <= max_output
            calls += not passed_on
            after.append(group.tokens if passed_on else max_output)
        assert levels == 0 or len(after) <= (len(before) + 1) // 2
        before, levels = after, levels + 1

    assert levels <= 1 + 8  # 200 items are halved at most 8 times
    assert calls <= 2 * len(sizes)


def test_an_estimate_is_rather_too_high() -> None:
    assert estimate_tokens(300, None) == 100 + 24
    assert estimate_tokens(301, 0) == 101 + 24
    assert estimate_tokens(4_000, 1_000) == 1_125 + 24
    assert estimate_tokens(80_000, 1_000) == 10_000 + 24  # the report is of another call
    assert estimate_tokens(0, None) == 24


@pytest.mark.parametrize("kind", ["synthesis", "hierarchical"])
@pytest.mark.parametrize("final", [True, False])
def test_every_merge_keeps_sources_and_says_what_is_missing(kind: MergeKind, final: bool) -> None:
    prompt = merge_prompt(kind, "Write a table.", "Compare A with B.", 2, final)

    assert "[task-id / document]" in prompt
    assert "what the result does not cover" in prompt
    assert prompt.endswith("\n\n## The goal\nCompare A with B.\n\n## Instructions\nWrite a table.")


def test_a_partial_merge_draws_no_conclusion_and_levels_are_told_apart() -> None:
    assert "draw no conclusion" in merge_prompt("synthesis", None, None, 1, False)
    assert "draw no conclusion" not in merge_prompt("synthesis", None, None, 1, True)
    assert "partial results" in merge_prompt("hierarchical", None, None, 2, True)
    assert "partial results, each" not in merge_prompt("hierarchical", None, None, 1, True)
    assert "## " not in merge_prompt("synthesis", None, None, 1, True)
