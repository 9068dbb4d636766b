"""Limits of several nodes: each uses its share, and shares follow what each needs."""

from __future__ import annotations

import pytest

from app.dispatch.local import LocalDoorbell
from app.domain.limiter import UNLIMITED, TokenBucket
from app.ports.shares import ShareRow
from app.scheduler.lanes import LaneSettings
from app.scheduler.shared_admission import SharedAdmission
from app.scheduler.sharing import Sharing, wanted_of
from tests.support.claiming import LANE, OTHER_LANE, Runner
from tests.support.shares import LearnedLimits, Shares, Signs
from tests.support.virtual_time import VirtualTime

LIMIT = 12


def node(name: str, shares: Shares, time: VirtualTime) -> tuple[SharedAdmission, Sharing]:
    settings = LaneSettings(max_concurrency=LIMIT, requests_per_minute=600)
    admission = SharedAdmission(lambda _: settings, time, time.call_later, {"one"})
    return admission, Sharing(admission, shares, Signs(time), LearnedLimits(), LocalDoorbell(), name, time)


@pytest.mark.anyio
async def test_nothing_starts_without_a_share_and_one_node_alone_has_all() -> None:
    time, shares = VirtualTime(), Shares()
    admission, sharing = node("a", shares, time)
    told: list[int] = []
    admission.wanting = lambda: told.append(1)
    runner = Runner(admission)

    runner.ask(LANE, 20)
    assert (runner.running[LANE], len(told)) == (0, 1)
    await sharing.update()
    time.run(time.now + 2)
    runner.look()

    assert runner.running[LANE] == LIMIT


@pytest.mark.anyio
async def test_two_busy_nodes_come_to_equal_shares_and_never_pass_the_limit() -> None:
    time, shares = VirtualTime(), Shares()
    nodes = [node(name, shares, time) for name in "ab"]
    runners = [Runner(admission) for admission, _ in nodes]
    runners[0].ask(LANE, 100)
    for _ in range(3):
        await nodes[0][1].update()
        time.run(time.now + 2)
        runners[0].look()
    assert runners[0].running[LANE] == LIMIT
    runners[1].ask(LANE, 100)

    for _ in range(20):
        for (_, sharing), runner in zip(nodes, runners, strict=True):
            await sharing.update()
            time.run(time.now + 2)
            runner.look()
            assert sum(one.running[LANE] for one in runners) <= LIMIT
            if runner.running[LANE]:
                runner.end()
                runner.look()

    assert [admission.loads()[0].used for admission, _ in nodes] == [LIMIT // 2, LIMIT // 2]


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [1, 5])
async def test_a_group_holds_over_all_nodes_and_gives_all_of_them_a_turn(limit: int) -> None:
    time, shares = VirtualTime(), Shares()
    nodes = [node(name, shares, time) for name in "ab"]
    runners = [Runner(admission, group="agt_1", key_id="key_1") for admission, _ in nodes]
    for admission, _ in nodes:
        admission.set_group_limit("key_1", limit)
        admission.set_group_limit("agt_1", 100)
    ended = [0, 0]
    runners[0].ask(LANE, 1000)
    runners[1].ask(OTHER_LANE, 1000)  # of a provider that is everybody's own

    for _ in range(60):
        for place, ((_, sharing), runner) in enumerate(zip(nodes, runners, strict=True)):
            await sharing.update()
            time.run(time.now + 0.5)
            runner.look()
            assert sum(sum(one.running.values()) for one in runners) <= limit
            lane = (LANE, OTHER_LANE)[place]
            ended[place] += runner.running[lane]
            runner.end(limit, lane)
            runner.look()

    assert min(ended) > 0.3 * sum(ended) > 0.3 * 30 * limit


@pytest.mark.anyio
async def test_what_one_node_has_in_use_beyond_its_share_others_do_not_get() -> None:
    time, shares = VirtualTime(), Shares()
    (one, one_sharing), (other, other_sharing) = [node(name, shares, time) for name in "ab"]
    for admission in (one, other):
        admission.set_group_limit("key_1", 4)
    runner = Runner(one, key_id="key_1")
    late = Runner(other, key_id="key_1")
    late.ask(OTHER_LANE, 4)
    for _ in range(3):
        runner.admission.take_over(runner.claimant, OTHER_LANE)
        runner.running[OTHER_LANE] += 1

    for _ in range(3):
        await one_sharing.update()
        await other_sharing.update()
        time.run(time.now + 2)
        late.look()

    assert late.running[OTHER_LANE] == 1


@pytest.mark.anyio
async def test_a_group_that_nobody_here_has_to_do_with_is_given_back_and_asked_for_again() -> None:
    time, shares = VirtualTime(), Shares()
    admission, sharing = node("a", shares, time)
    admission.set_group_limit("key_1", 5)
    await sharing.update()
    assert not shares.rows, "no share of what nobody wants"
    runner = Runner(admission, key_id="key_1")
    runner.ask(OTHER_LANE, 9)
    await sharing.update()
    runner.look()
    assert runner.running[OTHER_LANE] == 5
    runner.leave()

    await sharing.update()
    assert not shares.rows
    told: list[int] = []
    admission.wanting = lambda: told.append(1)
    runner = Runner(admission, key_id="key_1")
    runner.ask(OTHER_LANE, 9)
    assert (runner.running[OTHER_LANE], len(told)) == (0, 1)

    admission.set_group_limit("key_1", UNLIMITED)
    time.run(2.0)
    runner.look()
    assert runner.running[OTHER_LANE] == 9


@pytest.mark.anyio
async def test_a_limit_that_changes_holds_from_the_next_start_on() -> None:
    time, shares = VirtualTime(), Shares()
    admission, sharing = node("a", shares, time)
    admission.set_group_limit("agt_1", 5)
    runner = Runner(admission, group="agt_1")
    runner.ask(OTHER_LANE, 50)
    await sharing.update()
    runner.look()

    admission.set_group_limit("agt_1", 2)
    runner.end(4, OTHER_LANE)
    runner.look()
    assert runner.running[OTHER_LANE] == 2

    admission.set_group_limit("agt_1", 8)
    await sharing.update()
    time.run(2.0)
    runner.look()
    assert runner.running[OTHER_LANE] == 8


@pytest.mark.anyio
async def test_providers_that_are_not_shared_have_their_whole_limit() -> None:
    time = VirtualTime()
    admission, _ = node("a", Shares(), time)
    runner = Runner(admission)

    runner.ask(OTHER_LANE, 20)
    for _ in range(4):
        time.run(time.now + 2)
        runner.look()

    assert runner.running[OTHER_LANE] == LIMIT


@pytest.mark.parametrize(
    ("demand", "others", "wanted"),
    [
        (0, [], 1),
        (5, [], 12),
        (0, [ShareRow("b", 9, 9)], 0),
        (20, [ShareRow("b", 0, 0)], 12),
        (20, [ShareRow("b", 20, 12)], 6),
        (3, [ShareRow("b", 20, 12)], 3),
        (20, [ShareRow("b", 2, 2)], 10),
        (20, [ShareRow("b", 20, 6), ShareRow("c", 20, 6)], 4),
        (20, [ShareRow("b", 20, 6), ShareRow("c", 1, 1)], 5),
    ],
)
def test_what_a_node_asks_for_is_what_the_others_leave_or_an_equal_part(
    demand: int, others: list[ShareRow], wanted: int
) -> None:
    assert wanted_of(LIMIT, demand, others) == wanted


@pytest.mark.parametrize(
    ("limit", "demands"), [(100, [3, 3, 3, 3]), (100, [50, 1, 0, 0]), (1000, [50, 0, 800, 7]), (2, [1, 1, 1, 1])]
)
def test_who_asks_first_leaves_the_others_what_they_need(limit: int, demands: list[int]) -> None:
    rows = [ShareRow(f"n{number}", demand, 0) for number, demand in enumerate(demands)]
    parts = [wanted_of(limit, row.demand, [other for other in rows if other is not row], node=row.node) for row in rows]
    assert sum(parts) <= limit
    assert sum(parts) > limit - len(rows)
    if sum(demands) <= limit:
        assert all(part >= row.demand for part, row in zip(parts, rows, strict=True))


@pytest.mark.parametrize("limit", [1, 2, 5, 7])
def test_parts_add_up_to_the_limit_and_where_they_do_not_suffice_for_all_nodes_take_turns(limit: int) -> None:
    names = ["a", "b", "c"]
    had = dict.fromkeys(names, 0)
    for turn in range(3):
        parts = {
            name: wanted_of(
                limit, 20, [ShareRow(other, 20, 0) for other in names if other != name], node=name, turn=turn
            )
            for name in names
        }
        assert sum(parts.values()) == limit
        had = {name: had[name] + parts[name] for name in names}
    assert min(had.values()) > 0


def test_a_rate_that_changes_keeps_what_gathered_and_bounds_it() -> None:
    bucket = TokenBucket(600, 0.0)
    bucket.take(4, 0.0)

    bucket.set_rate(300, 0.0)
    assert (bucket.affordable(1, 0.0), bucket.capacity) == (5, 5.0)
    bucket.take(5, 0.0)
    assert bucket.affordable(1, 0.1) == 0
    assert bucket.affordable(1, 0.25) == 1
