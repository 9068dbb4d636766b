"""Limits of several nodes: each uses its share, and shares follow what each needs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.domain.limiter import TokenBucket
from app.ports.shares import ShareRow
from app.scheduler.lanes import LaneSettings
from app.scheduler.sharing import SharedAdmission, Sharing, wanted_of
from tests.support.claiming import LANE, OTHER_LANE, Runner
from tests.support.virtual_time import VirtualTime

LIMIT = 12


class Shares:
    """A store of shares, as the database keeps them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], ShareRow] = {}

    async def take(self, provider: str, node: str, *, demand: int, wanted: int, limit: int) -> Sequence[ShareRow]:
        others = [row for (of, name), row in self.rows.items() if of == provider and name != node]
        left = limit - sum(row.share for row in others)
        self.rows[provider, node] = ShareRow(node, demand, min(wanted, max(left, 0)))
        return [*others, self.rows[provider, node]]


def node(name: str, shares: Shares, time: VirtualTime) -> tuple[SharedAdmission, Sharing]:
    settings = LaneSettings(max_concurrency=LIMIT, requests_per_minute=600)
    admission = SharedAdmission(lambda _: settings, time, time.call_later, {"one"})
    return admission, Sharing(admission, shares, name)


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
    ],
)
def test_what_a_node_asks_for_is_what_the_others_leave_or_an_equal_part(
    demand: int, others: list[ShareRow], wanted: int
) -> None:
    assert wanted_of(LIMIT, demand, others) == wanted


def test_a_rate_that_changes_keeps_what_gathered_and_bounds_it() -> None:
    bucket = TokenBucket(600, 0.0)
    bucket.take(4, 0.0)

    bucket.set_rate(300, 0.0)
    assert (bucket.affordable(1, 0.0), bucket.capacity) == (5, 5.0)
    bucket.take(5, 0.0)
    assert bucket.affordable(1, 0.1) == 0
    assert bucket.affordable(1, 0.25) == 1
