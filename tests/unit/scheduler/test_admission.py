"""Slots: never above a limit, none lost, none idle while somebody waits, shared in turn."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.scheduler.admission import UNGROUPED, Admission
from app.scheduler.lanes import LaneSettings
from tests.support.claiming import LANE, OTHER_LANE, Runner, admission
from tests.support.virtual_time import VirtualTime


def test_a_lone_claimant_gets_what_is_free() -> None:
    slots = admission(10)
    runner = Runner(slots)

    runner.ask(more=100)
    assert (runner.running[LANE], slots.in_use(LANE)) == (10, 10)
    runner.end(4)
    runner.look()
    assert (runner.running[LANE], runner.waiting[LANE]) == (10, 86)


def test_ten_tasks_are_not_stuck_behind_ten_thousand() -> None:
    slots = admission(10)
    large, small = Runner(slots), Runner(slots)
    large.ask(more=10_000)
    small.ask(more=10)

    ends = 0
    while small.waiting[LANE] and ends < 100:
        large.end()
        ends += 1
        large.look()
        small.look()

    assert ends <= 2 * 10


def test_orchestrators_of_equal_priority_take_turns() -> None:
    slots = admission(4)
    large, small = Runner(slots, "agt_large"), Runner(slots, "agt_small")
    large.ask(more=1000)
    small.ask(more=4)

    for _ in range(8):
        large.end()
        large.look()
        small.look()

    assert small.waiting[LANE] == 0


def test_a_higher_priority_goes_first() -> None:
    slots = admission(1)
    first, low, high = Runner(slots), Runner(slots, priority=2), Runner(slots, priority=9)
    first.ask(more=1)
    low.ask(more=1)
    high.ask(more=1)

    first.end()

    assert (low.woken, high.woken) == (0, 1)
    high.look()
    high.end()
    assert low.woken == 1


def test_a_priority_that_changes_while_waiting_counts() -> None:
    slots = admission(1)
    first, one, two = Runner(slots), Runner(slots, priority=5), Runner(slots, priority=6)
    first.ask(more=1)
    one.ask(more=1)
    two.ask(more=1)
    one.priority = 7
    one.look()

    first.end()

    assert (one.woken, two.woken) == (1, 0)


def test_a_demand_that_was_withdrawn_is_not_served() -> None:
    slots = admission(1)
    first, second, third = (Runner(slots) for _ in range(3))
    first.ask(more=1)
    second.ask(more=1)
    third.ask(more=1)
    second.waiting.clear()
    slots.demand(second.claimant, LANE, 0, 5)

    first.end()

    assert (second.woken, third.woken) == (0, 1)


def test_lanes_do_not_hold_each_other_up() -> None:
    time = VirtualTime()
    limits = {LANE: 1, OTHER_LANE: 3}
    slots = Admission(lambda lane: LaneSettings(max_concurrency=limits[lane]), time, time.call_later)
    runner = Runner(slots)

    runner.ask(LANE, more=5)
    runner.ask(OTHER_LANE, more=5)

    assert runner.running == {LANE: 1, OTHER_LANE: 3}


def test_an_orchestrators_limit_holds_for_all_its_swarms_on_all_lanes() -> None:
    slots = admission(100)
    slots.set_group_limit("agt", 5)
    one, two = Runner(slots, "agt"), Runner(slots, "agt")
    one.ask(LANE, more=4)
    two.ask(OTHER_LANE, more=4)
    assert (one.running[LANE], two.running[OTHER_LANE]) == (4, 1)

    one.end(3)
    two.look()

    assert two.running[OTHER_LANE] == 4


def test_a_keys_limit_holds_across_orchestrators_beside_theirs() -> None:
    slots = admission(10)
    slots.set_group_limit("key", 4)
    slots.set_group_limit("agt_small", 1)
    small, large = Runner(slots, "agt_small", key_id="key"), Runner(slots, "agt_large", key_id="key")
    other = Runner(slots, "agt_large")

    small.ask(more=5)
    large.ask(more=5)
    large.ask(OTHER_LANE, more=5)
    other.ask(more=5)

    assert (small.running[LANE], large.running[LANE], large.running[OTHER_LANE], other.running[LANE]) == (1, 3, 0, 5)
    large.end()
    large.look()
    small.look()
    assert sum(large.running.values()) + sum(small.running.values()) == 4


def test_who_waits_for_two_limits_starts_when_both_have_room() -> None:
    slots = admission(10)
    slots.set_group_limit("key", 1)
    slots.set_group_limit("agt", 1)
    of_key, of_agent = Runner(slots, "else", key_id="key"), Runner(slots, "agt")
    of_key.ask(more=1)
    of_agent.ask(more=1)
    both = Runner(slots, "agt", key_id="key")
    both.ask(more=1)

    of_agent.end()
    assert both.woken == 0
    of_key.end()
    both.look()

    assert both.running[LANE] == 1


def test_a_raised_limit_is_used_at_once_and_a_lowered_one_only_stops_new_starts() -> None:
    slots = admission(100)
    slots.set_group_limit("agt", 2)
    runner = Runner(slots, "agt")
    runner.ask(more=50)

    slots.set_group_limit("agt", 10)
    assert runner.woken == 1
    runner.look()
    slots.set_group_limit("agt", 4)
    runner.end(5)
    runner.look()
    assert runner.running[LANE] == 5
    runner.end(2)
    runner.look()
    assert runner.running[LANE] == 4


def test_a_limit_that_comes_after_the_slots_counts_them() -> None:
    slots = admission(100)
    runner = Runner(slots, "agt")
    runner.ask(more=8)

    slots.set_group_limit("agt", 3)
    runner.end(4)
    runner.ask(more=50)

    assert runner.running[LANE] == 4
    runner.end(4)
    runner.look()
    assert runner.running[LANE] == 3


def test_leaving_gives_back_what_was_held_and_what_was_granted_unseen() -> None:
    slots = admission(3)
    first, second = Runner(slots), Runner(slots)
    first.ask(more=3)
    second.ask(more=9)
    first.end(2)

    second.leave()

    assert slots.in_use(LANE) == 1
    first.leave()
    assert slots.in_use(LANE) == 0


@pytest.mark.anyio
async def test_a_single_call_waits_for_its_slot_and_gives_it_back() -> None:
    slots = admission(1)
    order: list[str] = []

    go_on = asyncio.Event()

    async def call(name: str) -> None:
        async with slots.slot(LANE):
            order.append(name)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(call("first"))
        given_up = group.create_task(call("given up"))
        group.create_task(call("last"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        go_on.set()

    assert order == ["first", "last"]
    assert slots.in_use(LANE) == 0


@given(st.lists(st.integers(1, 40), min_size=2, max_size=8), st.integers(1, 10))
def test_equal_claimants_get_equal_shares(wants: list[int], limit: int) -> None:
    """While two wait, neither gets more than one slot ahead of the other in the slots that become free."""
    slots = admission(limit)
    holder = Runner(slots)
    holder.ask(more=limit)
    rivals = [Runner(slots) for _ in wants]
    for rival, want in zip(rivals, wants, strict=True):
        rival.ask(more=want)

    while any(rival.waiting[LANE] for rival in rivals):
        for runner in (holder, *rivals):
            runner.end()
            for rival in rivals:
                rival.look()
            waiting = [len(rival.started) for rival in rivals if rival.waiting[LANE]]
            assert not waiting or max(waiting) - min(waiting) <= 1


class AnyOrder(RuleBasedStateMachine):
    """Runners of several groups and lanes do anything in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = {LANE: 5, OTHER_LANE: 3}
        time = VirtualTime()
        self.admission = Admission(lambda lane: LaneSettings(max_concurrency=self.limits[lane]), time, time.call_later)
        self.group_limits = {"a": 10**9, "b": 10**9, "key": 10**9}
        self.runners = [
            Runner(self.admission, group, priority, key_id=key_id)
            for group in ("a", "b", UNGROUPED)
            for priority, key_id in ((2, None), (5, "key"))
        ]
        self.held_before: Counter[str] = Counter()

    runner = st.integers(0, 5)
    lane = st.sampled_from([LANE, OTHER_LANE])

    @rule(which=runner, lane=lane, more=st.integers(1, 6))
    def ask(self, which: int, lane: str, more: int) -> None:
        self.runners[which].ask(lane, more)

    @rule(which=runner)
    def look(self, which: int) -> None:
        self.runners[which].look()

    @rule(which=runner, lane=lane, count=st.integers(1, 4))
    def end(self, which: int, lane: str, count: int) -> None:
        self.runners[which].end(count, lane)

    @rule(which=runner, priority=st.integers(1, 10))
    def change_priority(self, which: int, priority: int) -> None:
        self.runners[which].priority = priority

    @rule(which=runner)
    def leave(self, which: int) -> None:
        self.runners[which].leave()
        old = self.runners[which]
        key_id = "key" if "key" in old.claimant.groups else None
        self.runners[which] = Runner(self.admission, old.claimant.group, old.priority, key_id=key_id)

    @rule(group=st.sampled_from(["a", "b", "key"]), limit=st.integers(1, 6))
    def set_group_limit(self, group: str, limit: int) -> None:
        self.group_limits[group] = limit
        self.admission.set_group_limit(group, limit)

    def held(self, runner: Runner, lane: str) -> int:
        return runner.running[lane] + runner.claimant.granted.get(lane, 0)

    @invariant()
    def no_lane_is_above_its_limit_and_no_slot_is_lost(self) -> None:
        for lane, limit in self.limits.items():
            held = sum(self.held(runner, lane) for runner in self.runners)
            assert held == self.admission.in_use(lane) <= limit

    @invariant()
    def a_group_above_its_limit_only_shrinks(self) -> None:
        for group, limit in self.group_limits.items():
            held = sum(self.held(r, lane) for r in self.runners if group in r.claimant.groups for lane in self.limits)
            assert held <= max(limit, self.held_before[group])
            self.held_before[group] = held

    @invariant()
    def nobody_waits_beside_a_free_slot(self) -> None:
        for lane, limit in self.limits.items():
            if self.admission.in_use(lane) == limit:
                continue
            for runner in self.runners:
                full = any(
                    group in self.group_limits and self.held_before[group] >= self.group_limits[group]
                    for group in runner.claimant.groups
                )
                assert full or runner.waiting[lane] <= runner.claimant.granted.get(lane, 0)

    @precondition(lambda self: any(sum(runner.waiting.values()) for runner in self.runners))
    @rule()
    def everybody_is_served_in_the_end(self) -> None:
        for _ in range(sum(sum(runner.waiting.values()) for runner in self.runners) + 1):
            for runner in self.runners:
                for lane in self.limits:
                    runner.end(10, lane)
            for runner in self.runners:
                runner.look()
        assert not any(sum(runner.waiting.values()) for runner in self.runners)


TestAnyOrder = AnyOrder.TestCase
