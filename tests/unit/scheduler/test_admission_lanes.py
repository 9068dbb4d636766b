"""Admission over limited lanes: shares by tokens, rates, refusals, outages; and what those concerned are told."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from app.ports.admission import CallOutcome, CallReport, LaneClosed
from app.scheduler.admission import UNGROUPED, Admission, Claimant, LaneNotice
from app.scheduler.lanes import LaneSettings
from tests.support.claiming import LANE, Runner, admission
from tests.support.virtual_time import VirtualTime

# --- lanes of one provider, tenants, tokens --------------------------------------------------------------------------


def test_lanes_of_one_provider_share_its_slots_and_take_turns() -> None:
    slots = admission(10)
    one, two = Runner(slots), Runner(slots)
    one.ask("p/a", more=1000)
    two.ask("p/b/c", more=20)
    assert (slots.in_use("p/a"), slots.in_use("p/b/c")) == (10, 0)

    for _ in range(20):
        one.end(lane="p/a")
        one.look()
        two.look()

    assert slots.in_use("p/a") + slots.in_use("p/b/c") == 10
    assert slots.in_use("p/b/c") >= 9


def shares(slots: Admission, runners: list[Runner], rounds: int) -> list[int]:
    """Let every runner end a call and look, round by round; return how many calls each started meanwhile."""
    before = [len(runner.started) for runner in runners]
    for step in range(rounds):
        runner = max(runners, key=lambda one: (one.running[LANE], -runners.index(one)))
        assert runner.running[LANE], step
        runner.end()
        for other in runners:
            other.look()
    return [len(runner.started) - count for runner, count in zip(runners, before, strict=True)]


def test_tenants_share_before_their_swarms_do() -> None:
    slots = admission(12)
    runners = [Runner(slots, tenant="many") for _ in range(5)] + [Runner(slots, tenant="few", priority=1)]
    for runner in runners:
        runner.ask(more=10_000)
    *many, few = shares(slots, runners, 1200)
    assert few == pytest.approx(600, abs=12)
    assert max(many) - min(many) <= 12


def test_swarms_share_by_tokens_and_what_was_expected_is_corrected() -> None:
    """Both expect 4,000 tokens a call; one uses them, the other 1,000."""
    slots = admission(10)
    large, small = Runner(slots, tokens=4_000), Runner(slots, tokens=4_000)
    used = {large: CallReport(CallOutcome.OK, 4_000), small: CallReport(CallOutcome.OK, 1_000)}
    for runner in used:
        runner.ask(more=100_000)
    for _ in range(400):
        for runner, report in used.items():
            runner.end(10, report=report)
            runner.look()
    assert len(small.started) / len(large.started) == pytest.approx(4.0, rel=0.1)


def test_a_late_swarm_does_not_wait_for_what_an_early_one_was_given_back() -> None:
    """The first burst counts 1,000 tokens a call, of which most are refused and the others use 80."""
    slots = admission(200)
    large, small = Runner(slots), Runner(slots)
    large.ask(more=10_000)
    large.end(160, report=CallReport(CallOutcome.RATE_LIMITED))
    used = CallReport(CallOutcome.OK, 80)
    for _ in range(20):
        large.end(10, report=used)
        large.look()
    small.ask(more=10)

    large.end(30, report=used)
    small.look()

    assert small.running[LANE] == 10


def test_what_is_not_known_counts_as_much_as_the_calls_of_others() -> None:
    slots = admission(10)
    known, unknown = Runner(slots, tokens=80), Runner(slots)
    used = CallReport(CallOutcome.OK, 80)
    known.ask(more=1_000)
    for _ in range(200):
        known.end(report=used)
        known.look()
    unknown.ask(more=1_000)
    before = len(known.started)
    for _ in range(20):
        known.end(report=used)
        known.look()
        unknown.look()
    assert len(unknown.started) >= 9
    assert len(known.started) - before <= 11


def test_idling_saves_nothing_up() -> None:
    slots = admission(10)
    busy, late = Runner(slots), Runner(slots)
    busy.ask(more=100_000)
    late.ask(more=1)
    for _ in range(1000):
        busy.end()
        busy.look()
        late.end()
        late.look()
    late.ask(more=100_000)

    shared = shares(slots, [busy, late], 200)

    assert shared == [pytest.approx(100, abs=10), pytest.approx(100, abs=10)]


# --- rates, refusals, outages ----------------------------------------------------------------------------------------


def test_a_rate_wakes_who_waits_by_one_timer() -> None:
    time = VirtualTime()
    slots = Admission(lambda _: LaneSettings(max_concurrency=100, requests_per_minute=60), time, time.call_later)
    runner = Runner(slots)
    runner.ask(more=100)
    assert (runner.running[LANE], time.pending()) == (1, 1)
    runner.look()
    assert time.pending() == 1

    for second in range(1, 11):
        time.run(float(second) + 0.01)
        runner.look()
        assert (len(runner.started), time.pending()) == (1 + second, 1)


def test_who_is_throttled_hears_why_once_a_second() -> None:
    time = VirtualTime()
    slots = Admission(lambda _: LaneSettings(max_concurrency=100, requests_per_minute=120), time, time.call_later)
    runner, idle = Runner(slots), Runner(slots)
    runner.ask(more=100)
    idle.ask(more=0)

    assert runner.claimant.take_notices() == [
        LaneNotice("swarm_throttled", {"lane": LANE, "limit": None, "wait_ms": 504, "reason": "rate_limit"})
    ]
    assert runner.woken == 1
    while time.now < 9.95:
        time.run(time.now + 0.1)
        runner.look()
    assert 8 <= len(runner.claimant.take_notices()) <= 10
    assert idle.claimant.take_notices() == []


def test_waiting_for_the_providers_own_slots_is_no_throttling() -> None:
    runner = Runner(admission(5))
    runner.ask(more=50)
    assert runner.claimant.take_notices() == []


def test_a_breaker_tells_everybody_concerned_and_lets_its_probes_pass() -> None:
    time = VirtualTime()
    slots = admission(20, time)
    runner, idle = Runner(slots), Runner(slots)
    runner.ask(more=20)
    runner.waiting[LANE] = 50
    excused = runner.end(20, report=CallReport(CallOutcome.FAILED, None, None, 0.0))
    assert excused == [False] * 5 + [True] * 15
    runner.look()

    kinds = [notice.data for notice in runner.claimant.take_notices()]
    assert kinds[0] == {"lane": LANE, "state": "open", "retry_in_ms": 10_000}
    assert {"lane": LANE, "limit": None, "wait_ms": 10_000, "reason": "breaker"} in kinds
    time.run(10.1)
    runner.look()
    assert runner.running[LANE] == 3
    assert runner.claimant.take_notices()[0].data["state"] == "half_open"
    runner.end(3, report=CallReport(CallOutcome.OK, None, None, time.now))
    time.run(11.2)
    runner.look()
    assert runner.claimant.take_notices()[0].data["state"] == "closed"
    assert runner.running[LANE] == 20
    assert idle.claimant.take_notices() == []
    (lane,) = slots.snapshot()
    assert (lane.provider, lane.opened_count, lane.failures, lane.in_flight, lane.waiting) == ("one", 1, 20, 20, 27)


@pytest.mark.anyio
async def test_a_single_call_does_not_wait_for_a_closed_lane_longer_than_it_would() -> None:
    time = VirtualTime()
    slots = admission(20, time)
    for _ in range(5):
        async with slots.slot(LANE) as slot:
            slot.report = CallReport(CallOutcome.FAILED)

    with pytest.raises(LaneClosed) as closed:
        async with slots.slot(LANE, max_wait_s=9.0):
            pytest.fail("the lane is closed")
    assert closed.value.retry_after_s == 10.0

    time.run(10.1)
    async with slots.slot(LANE, max_wait_s=9.0):
        assert slots.in_use(LANE) == 1
    assert (slots.in_use(LANE), slots.snapshot()[0].waiting) == (0, 0)


@pytest.mark.anyio
async def test_a_single_call_that_raises_tells_nothing_of_the_provider() -> None:
    slots = admission(20)
    for _ in range(20):
        with pytest.raises(ValueError, match="mine"):
            async with slots.slot(LANE):
                raise ValueError("mine")
    (lane,) = slots.snapshot()
    assert (lane.failures, lane.in_flight, lane.breaker.value) == (0, 0, "closed")


Provider = Callable[[float, int], tuple[float, CallOutcome]]
"""Given the time and the calls that run already: how long this one takes and how it ends."""


class Swarm:
    """Tasks that call a simulated provider until each succeeded; failed ones wait a second, as do refused ones."""

    def __init__(
        self,
        time: VirtualTime,
        slots: Admission,
        provider: Provider,
        tasks: int,
        running: list[int],
        retry_after_s: float | None = None,
    ) -> None:
        self.ended = 0
        self._retry_after_s = retry_after_s
        self.ended_at = 0.0
        self.counted = 0  # failures that count against a task
        self.refused = 0
        self._time, self._slots, self._provider = time, slots, provider
        self._ready, self._open, self._running = tasks, tasks, running
        self._claimant = Claimant(UNGROUPED, self._wake)
        self._woken = False
        self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._time.call_later(0.0, self._turn)

    def _turn(self) -> None:
        self._woken = False
        self._start()
        self._slots.demand(self._claimant, LANE, self._ready, 5)
        self._start()

    def _start(self) -> None:
        for count in self._claimant.take().values():
            self._ready -= count
            for _ in range(count):
                latency_s, outcome = self._provider(self._time.now, self._running[0])
                self._running[0] += 1
                self._time.call_later(latency_s, self._end(outcome, self._time.now))

    def _end(self, outcome: CallOutcome, sent_at: float) -> Callable[[], None]:
        def end() -> None:
            self._running[0] -= 1
            retry_after_s = self._retry_after_s if outcome is CallOutcome.RATE_LIMITED else None
            excused = self._slots.release(self._claimant, LANE, CallReport(outcome, None, retry_after_s, sent_at))
            if outcome is CallOutcome.OK:
                self.ended += 1
                self._open -= 1
                self.ended_at = self._time.now
                self._turn()
                return
            self.refused += outcome is CallOutcome.RATE_LIMITED
            self.counted += outcome is CallOutcome.FAILED and not excused
            self._time.call_later(1.0, again)

        def again() -> None:
            self._ready += 1
            self._turn()

        return end

    @property
    def done(self) -> bool:
        return self._open == 0


@pytest.mark.parametrize("limit", [40, None], ids=["hidden limit", "own limit"])
def test_ten_tasks_beside_ten_thousand_end_as_if_alone(limit: int | None) -> None:
    """Fault matrix, row 23: within 1.5 x the solo time + one call, also where the provider refuses."""
    longest_s = 0.3

    def ends_at(beside: int) -> float:
        rng = random.Random(1)

        def provider(_: float, running: int) -> tuple[float, CallOutcome]:
            if limit is not None and running >= limit:
                return 0.004, CallOutcome.RATE_LIMITED
            return rng.uniform(0.1, longest_s), CallOutcome.OK

        time, running = VirtualTime(), [0]
        slots = admission(50, time)
        large = Swarm(time, slots, provider, beside, running)
        time.run(5.0)
        small = Swarm(time, slots, provider, 10, running)
        time.run(120.0)
        assert small.done
        assert large.done
        return small.ended_at - 5.0

    assert ends_at(beside=10_000) <= 1.5 * ends_at(beside=0) + longest_s


def test_nothing_is_lost_while_a_provider_is_down_for_a_minute() -> None:
    """Fault matrix, row 11: the breaker opens, three probes at once, then everybody goes on."""
    rng = random.Random(1)
    time, running = VirtualTime(), [0]
    probes: list[int] = []

    def provider(now: float, running: int) -> tuple[float, CallOutcome]:
        if 10.0 <= now < 70.0:
            if now > 11.0:
                probes.append(running + 1)
            return rng.uniform(0.01, 0.3), CallOutcome.FAILED
        return rng.uniform(0.1, 0.3), CallOutcome.OK

    slots = admission(100, time)
    swarms = [Swarm(time, slots, provider, 5_000, running) for _ in range(3)]
    time.run(200.0)

    assert all(swarm.done for swarm in swarms)
    assert max(probes) <= 3
    # Calls from before the outage still succeed among the first failures; nothing counts once those are through.
    assert 5 <= sum(swarm.counted for swarm in swarms) <= 100
    # 500 calls a second: 30 s of work, the outage, and until the next probe at most its longest wait.
    assert max(swarm.ended_at for swarm in swarms) <= 30.0 + 60.0 + 40.0
    assert slots.snapshot()[0].breaker.value == "closed"
    assert time.pending() == 0


@pytest.mark.parametrize("retry_after_s", [None, 1.0])
def test_a_hidden_limit_is_used_by_tasks_that_wait_as_the_provider_asks(retry_after_s: float | None) -> None:
    """Row 23 through admission: goodput >= 95 % and 429s < 2 % while the limit halves and triples, nothing failed."""
    rng = random.Random(1)

    def limit(now: float) -> int:
        return 40 if now < 30.0 else 20 if now < 60.0 else 60

    def provider(now: float, running: int) -> tuple[float, CallOutcome]:
        if running >= limit(now):
            return 0.004, CallOutcome.RATE_LIMITED
        return rng.uniform(0.1, 0.3), CallOutcome.OK

    time, running = VirtualTime(), [0]
    slots = admission(200, time)
    swarms = [Swarm(time, slots, provider, 12_000, running, retry_after_s) for _ in range(2)]
    time.run(2.0)
    begun = sum(swarm.ended for swarm in swarms)
    refused = sum(swarm.refused for swarm in swarms)
    time.run(90.0)

    ended = sum(swarm.ended for swarm in swarms) - begun
    refused = sum(swarm.refused for swarm in swarms) - refused
    assert ended >= 0.95 * 5 * (28 * 40 + 30 * 20 + 30 * 60), ended
    assert refused < 0.02 * (ended + refused), refused
    assert sum(swarm.counted for swarm in swarms) == 0


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_provider_does_every_task_ends_and_no_slot_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    bad = rng.choice([0.05, 0.3, 0.6])

    def provider(_: float, running: int) -> tuple[float, CallOutcome]:
        outcomes = [CallOutcome.RATE_LIMITED, CallOutcome.FAILED, CallOutcome.NEUTRAL, CallOutcome.UNUSED]
        return rng.uniform(0.01, 2.0), rng.choice(outcomes) if rng.random() < bad else CallOutcome.OK

    settings = LaneSettings(
        max_concurrency=rng.choice([1, 7, 100]),
        requests_per_minute=rng.choice([None, 90, 3_000]),
        tokens_per_minute=rng.choice([None, 100_000]),
    )
    time, running = VirtualTime(), [0]
    slots = Admission(lambda _: settings, time, time.call_later)
    swarms = [Swarm(time, slots, provider, 60, running, rng.choice([None, 3.0])) for _ in range(4)]
    time.run(100_000.0)

    assert all(swarm.done for swarm in swarms)
    (lane,) = slots.snapshot()
    assert (lane.in_flight, lane.waiting, time.pending()) == (0, 0, 0)
