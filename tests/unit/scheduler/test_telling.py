"""Several nodes and one provider: what one has learned of it the others go by."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from app.dispatch.local import LocalDoorbell
from app.domain.breaker import BreakerState
from app.ports.admission import CallOutcome, CallReport
from app.scheduler.lanes import LaneSettings, Obstacle
from app.scheduler.shared_admission import SharedAdmission
from app.scheduler.sharing import Sharing
from tests.support.claiming import LANE, Runner
from tests.support.shares import LearnedLimits, Shares, Signs
from tests.support.virtual_time import VirtualTime

pytestmark = pytest.mark.anyio

FAILURES, RECOVERY_S, PROBES, PATIENCE_S = 5, 10.0, 3, 60.0


@dataclass
class Node:
    admission: SharedAdmission
    sharing: Sharing
    runner: Runner

    @property
    def state(self) -> BreakerState:
        return self.admission.shared_lanes()[0].breaker.state

    def end(self, outcome: CallOutcome, *, sent_at: float, retry_after_s: float | None = None, count: int = 1) -> None:
        report = CallReport(outcome, sent_at=sent_at, retry_after_s=retry_after_s)
        self.runner.end(count, LANE, report)


class Nodes:
    """Nodes that update one after the other, every second."""

    def __init__(self, count: int) -> None:
        self.time = VirtualTime()
        self.shares, self.signs = Shares(), Signs(self.time)
        self.all = [self.begin(str(number)) for number in range(count)]

    def begin(self, name: str) -> Node:
        settings = LaneSettings(
            max_concurrency=60,
            breaker_failures=FAILURES,
            breaker_recovery_s=RECOVERY_S,
            breaker_probes=PROBES,
            breaker_patience_s=PATIENCE_S,
        )
        time = self.time
        admission = SharedAdmission(lambda _: settings, time, time.call_later, {"one"})
        sharing = Sharing(admission, self.shares, self.signs, LearnedLimits(), LocalDoorbell(), name, time)
        return Node(admission, sharing, Runner(admission))

    @property
    def running(self) -> int:
        return sum(node.runner.running[LANE] for node in self.all)

    async def pass_s(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            for node in self.all:
                await node.sharing.update()
                self.time.run(self.time.now + 1 / len(self.all))
                node.runner.look()

    async def work(self) -> None:
        """Let all have calls under way."""
        for node in self.all:
            node.runner.ask(LANE, 1000)
        for _ in range(5):
            await self.pass_s()
            for node in self.all:
                node.end(CallOutcome.OK, sent_at=self.time.now, count=60)
        await self.pass_s()
        assert all(node.runner.running[LANE] for node in self.all)

    async def go_down(self) -> None:
        """All calls fail, those of the first node first."""
        await self.work()
        for node in self.all:
            node.end(CallOutcome.FAILED, sent_at=self.time.now, count=60)
            await node.sharing.update()
        for node in self.all:  # what was granted before the breaker opened
            node.runner.look()
            node.end(CallOutcome.NEUTRAL, sent_at=self.time.now, count=60)
        assert not self.running


async def test_when_a_breaker_opens_all_others_do_and_they_ask_again_at_the_same_time() -> None:
    nodes = Nodes(3)
    await nodes.work()
    first, *others = nodes.all
    first.end(CallOutcome.FAILED, sent_at=nodes.time.now, count=FAILURES)
    assert first.state is BreakerState.OPEN
    opened_at = nodes.time.now

    await nodes.pass_s()

    assert [node.state for node in others] == [BreakerState.OPEN] * 2
    until = [node.admission.shared_lanes()[0].breaker.retry_at for node in nodes.all]
    assert until == pytest.approx([opened_at + RECOVERY_S] * 3)
    assert [node.admission.snapshot()[0].opened_count for node in nodes.all] == [1, 1, 1]


async def test_probes_of_all_nodes_together_are_as_many_as_one_makes() -> None:
    nodes = Nodes(4)
    await nodes.go_down()
    made = 0
    most = 0
    draw = random.Random(5)
    for _ in range(200):
        await nodes.pass_s()
        most = max(most, nodes.running)
        for node in draw.sample(nodes.all, 4):
            if node.runner.running[LANE] and draw.random() < 0.4:
                node.end(CallOutcome.NEUTRAL, sent_at=nodes.time.now)
                node.runner.look()
                made += 1
        assert nodes.running <= PROBES
    assert most == PROBES
    assert made > 50


async def test_a_failed_probe_anywhere_opens_all_again_and_the_wait_doubles_for_all() -> None:
    nodes = Nodes(2)
    await nodes.go_down()
    await nodes.pass_s(int(RECOVERY_S) + 2)
    assert 0 < nodes.running <= PROBES
    prober = next(node for node in nodes.all if node.runner.running[LANE])
    failed_at = nodes.time.now
    prober.end(CallOutcome.FAILED, sent_at=nodes.time.now)

    await nodes.pass_s()

    assert [node.state for node in nodes.all] == [BreakerState.OPEN] * 2
    until = [node.admission.shared_lanes()[0].breaker.retry_at for node in nodes.all]
    assert until == pytest.approx([failed_at + 15.0] * 2)


async def test_a_close_anywhere_closes_all() -> None:
    nodes = Nodes(2)
    await nodes.go_down()
    for _ in range(40):
        await nodes.pass_s()
        for node in nodes.all:
            if node.state is BreakerState.HALF_OPEN:
                node.end(CallOutcome.OK, sent_at=nodes.time.now, count=PROBES)
        if any(node.state is BreakerState.CLOSED for node in nodes.all):
            break
    await nodes.pass_s(3)

    assert [node.state for node in nodes.all] == [BreakerState.CLOSED] * 2
    assert nodes.running > PROBES


async def test_all_give_up_waiting_where_one_does() -> None:
    nodes = Nodes(2)
    await nodes.go_down()
    for _ in range(int(PATIENCE_S) * 2):
        await nodes.pass_s()
        for node in nodes.all:
            if node.state is BreakerState.HALF_OPEN:
                node.end(CallOutcome.FAILED, sent_at=nodes.time.now)
    lanes = [node.admission.shared_lanes()[0] for node in nodes.all]

    assert [(lane.breaker.state, lane.breaker.trusted) for lane in lanes] == [(BreakerState.CLOSED, False)] * 2


async def test_who_begins_later_knows_what_is_down_and_what_is_long_past_not() -> None:
    nodes = Nodes(2)
    await nodes.go_down()
    late = nodes.begin("late")
    nodes.all.append(late)
    await late.sharing.update()
    assert late.state is BreakerState.OPEN

    nodes.time.run(nodes.time.now + 3600)
    tomorrow = nodes.begin("tomorrow")
    await tomorrow.sharing.update()
    assert not tomorrow.admission.shared_lanes()


async def test_of_two_that_learn_something_at_once_the_first_counts() -> None:
    nodes = Nodes(2)
    await nodes.go_down()
    await nodes.pass_s(int(RECOVERY_S) + 2)
    for node in nodes.all:  # each its own
        lane = node.admission.shared_lanes()[0]
        lane.breaker.at_once = PROBES
        node.runner.look()
    one, two = nodes.all
    one.end(CallOutcome.OK, sent_at=nodes.time.now, count=PROBES)
    two.end(CallOutcome.FAILED, sent_at=nodes.time.now)
    assert (one.state, two.state) == (BreakerState.CLOSED, BreakerState.OPEN)

    await nodes.pass_s(2)

    assert (one.state, two.state) == (BreakerState.CLOSED, BreakerState.CLOSED)


async def test_a_provider_that_asks_to_be_left_alone_is_left_alone_by_all_until_one_gets_through() -> None:
    nodes = Nodes(2)
    await nodes.work()
    one, two = nodes.all
    one.end(CallOutcome.RATE_LIMITED, sent_at=nodes.time.now, retry_after_s=30.0)
    await nodes.pass_s()

    lane = two.admission.shared_lanes()[0]
    assert lane.room(0, nodes.time.now) == 0
    assert lane.obstacle is Obstacle.RETRY_AFTER
    assert lane.clear_at == pytest.approx(30.0 + 6.0, abs=1.5)

    two.end(CallOutcome.OK, sent_at=nodes.time.now)
    await nodes.pass_s(2)

    assert one.admission.shared_lanes()[0].closed_until(nodes.time.now) is None
