"""Several nodes and one hidden limit: together they find it, use it and run into it as one node does."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.dispatch.local import LocalDoorbell
from app.ports.admission import CallOutcome, CallReport
from app.scheduler.admission import UNGROUPED, Admission, Claimant
from app.scheduler.lanes import LaneSettings
from app.scheduler.shared_admission import SharedAdmission
from app.scheduler.sharing import Sharing
from tests.support.claiming import LANE
from tests.support.hidden_limits import Hidden, HiddenConcurrency, HiddenRate
from tests.support.shares import LearnedLimits, Shares, Signs
from tests.support.virtual_time import VirtualTime

EVERY_S = 1.0
SETTINGS = LaneSettings(max_concurrency=10_000)


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run what never waits: the stores are in memory."""
    with pytest.raises(StopIteration):
        work.send(None)


@dataclass
class Node:
    """Has work for ``asked`` calls at once, all the time."""

    cloud: Cloud
    admission: Admission
    asked: int
    sharing: Sharing | None = None
    running: int = 0
    ended: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _pumps: bool = False

    def __post_init__(self) -> None:
        self.claimant = Claimant(UNGROUPED, self._wake)
        self.pump()

    def _wake(self) -> None:
        if not self._pumps:
            self._pumps = True
            self.cloud.time.call_later(0.0, self.pump)

    def pump(self) -> None:
        self._pumps = False
        self._start()
        self.admission.demand(self.claimant, LANE, max(self.asked - self.running, 0), 5)
        self._start()

    def _start(self) -> None:
        for _ in range(self.claimant.take().get(LANE, 0)):
            self.running += 1
            self.cloud.time.call_later(0.002, self._arrival(self.cloud.time.now))
        self.claimant.take_notices()

    def _arrival(self, sent_at: float) -> Callable[[], None]:
        cloud = self.cloud

        def arrive() -> None:
            if cloud.hidden.takes(cloud.time.now):
                cloud.time.call_later(cloud.latency_s * cloud.random.uniform(0.5, 1.5), end)
            else:
                cloud.time.call_later(0.002, refuse)

        def end() -> None:
            cloud.hidden.ends()
            self.ended.append(cloud.time.now)
            self._over(CallReport(CallOutcome.OK, sent_at=sent_at))

        def refuse() -> None:
            self.refused.append(cloud.time.now)
            self._over(CallReport(CallOutcome.RATE_LIMITED, sent_at=sent_at))

        return arrive

    def _over(self, report: CallReport) -> None:
        self.running -= 1
        self.admission.release(self.claimant, LANE, report)
        self.pump()


class Cloud:
    """A provider with a hidden limit, and the nodes that call it."""

    def __init__(self, hidden: Hidden, seed: int, *, asked: tuple[int, ...], latency_s: float = 0.2) -> None:
        self.time = VirtualTime()
        self.hidden, self.random, self.latency_s = hidden, random.Random(seed), latency_s
        self.shares, self.signs, self.learned = Shares(), Signs(self.time), LearnedLimits()
        self.nodes: list[Node] = []
        for wants in asked:
            self.begin(wants, shared=len(asked) > 1)

    def begin(self, asked: int, *, shared: bool = True) -> Node:
        time = self.time
        if not shared:
            node = Node(self, Admission(lambda _: SETTINGS, time, time.call_later), asked)
        else:
            admission = SharedAdmission(lambda _: SETTINGS, time, time.call_later, {"one"})
            name = str(len(self.nodes))
            sharing = Sharing(admission, self.shares, self.signs, self.learned, LocalDoorbell(), name, time)
            node = Node(self, admission, asked, sharing)
            self._keep(sharing)
        self.nodes.append(node)
        return node

    def _keep(self, sharing: Sharing) -> None:
        at_once(sharing.update())
        self.time.call_later(EVERY_S * self.random.uniform(0.9, 1.1), lambda: self._keep(sharing))

    def change(self, at: float, limit: float) -> None:
        self.time.call_later(at, lambda: self.hidden.set(limit, self.time.now))

    def calls(self, start: float, end: float) -> tuple[int, int]:
        """Return how many were answered and how many refused in that time."""
        ended = sum(start < at <= end for node in self.nodes for at in node.ended)
        return ended, sum(start < at <= end for node in self.nodes for at in node.refused)


WARM_S, PHASE_S = 5.0, 30.0


def figures(kind: Callable[[float], Hidden], limit: float, per_s: float, seed: int, nodes: int) -> tuple[float, float]:
    """Goodput (part of what is possible) and refusals (part of the calls) while the limit halves and then triples."""
    cloud = Cloud(kind(limit), seed, asked=(200 // nodes,) * nodes)
    cloud.change(PHASE_S, limit / 2)
    cloud.change(2 * PHASE_S, limit * 1.5)
    cloud.time.run(3 * PHASE_S)
    possible = per_s * limit * ((PHASE_S - WARM_S) + PHASE_S / 2 + PHASE_S * 1.5)
    ended, refused = cloud.calls(WARM_S, 3 * PHASE_S)
    return ended / possible, refused / (ended + refused)


@pytest.mark.parametrize(("limit", "seed", "nodes"), [(100, 1, 2), (40, 0, 4)])
def test_several_nodes_use_a_hidden_limit_as_well_as_one(limit: float, seed: int, nodes: int) -> None:
    one_goodput, one_refused = figures(HiddenConcurrency, limit, 5.0, seed, 1)
    goodput, refused = figures(HiddenConcurrency, limit, 5.0, seed, nodes)
    assert (goodput > one_goodput - 0.05, refused < one_refused + 0.02) == (True, True), f"{goodput:.3f}, {refused:.2%}"


def test_a_hidden_rate_is_met_by_several_nodes_too() -> None:
    goodput, refused = figures(HiddenRate, 100, 1.0, 1, 2)
    assert (goodput > 0.93, refused < 0.05) == (True, True), f"{goodput:.3f}, {refused:.2%}"


@pytest.mark.parametrize("seed", range(3))
def test_who_begins_later_takes_a_part_of_what_is_known_and_does_not_begin_without_a_limit(seed: int) -> None:
    cloud = Cloud(HiddenConcurrency(40), seed, asked=(100, 0))
    cloud.time.run(20.0)
    late = cloud.begin(100)
    cloud.time.run(50.0)

    lone = Cloud(HiddenConcurrency(40), seed, asked=(100,))
    lone.time.run(20.0)
    stranger = lone.begin(100, shared=False)
    lone.time.run(50.0)

    first = [sum(20.0 < at <= 22.0 for at in node.refused) for node in (late, stranger)]
    assert first[0] * 4 < first[1]
    shares = [sum(40.0 < at <= 50.0 for at in node.ended) for node in (cloud.nodes[0], late)]
    assert min(shares) > 0.3 * sum(shares) > 0.3 * 0.9 * 10 * 40 * 5


def test_what_one_node_needs_less_of_the_other_has() -> None:
    cloud = Cloud(HiddenConcurrency(40), 2, asked=(100, 5))
    cloud.time.run(40.0)
    busy, modest = [sum(20.0 < at <= 40.0 for at in node.ended) for node in cloud.nodes]
    assert modest > 0.8 * 20 * 5 * 5
    assert busy + modest > 0.93 * 20 * 40 * 5


def test_all_nodes_tell_of_the_same_limit_also_one_that_has_made_no_call() -> None:
    cloud = Cloud(HiddenConcurrency(40), 3, asked=(100, 100, 0))
    cloud.time.run(20.0)
    limits = [[lane.limit for lane in node.admission.snapshot()] for node in cloud.nodes]
    assert len(limits[2]) == 1
    assert max(limit or 0 for [limit] in limits) - min(limit or 0 for [limit] in limits) <= 4
    assert all(limit is not None and 34 <= limit <= 48 for [limit] in limits)
