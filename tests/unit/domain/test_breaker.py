"""The breaker: opens on failures in a row, never lets more than its probes through at once, and closes again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.breaker import Breaker, BreakerState

FAILURES, RECOVERY_S, PROBES = 5, 10.0, 3


def breaker() -> Breaker:
    return Breaker(FAILURES, RECOVERY_S, PROBES)


def opened(now: float = 0.0) -> Breaker:
    tripped = breaker()
    for _ in range(FAILURES):
        tripped.failed(now, now)
    return tripped


def test_it_opens_after_failures_in_a_row() -> None:
    tripped = breaker()
    for _ in range(FAILURES - 1):
        tripped.failed(1.0, 0.0)
    assert tripped.room(1.0) is None

    tripped.failed(2.0, 0.0)

    assert (tripped.state, tripped.room(11.9), tripped.retry_at) == (BreakerState.OPEN, 0, 12.0)
    assert tripped.opened_count == 1


def test_an_answer_between_failures_starts_the_count_anew() -> None:
    lively = breaker()
    for _ in range(10):
        for _ in range(FAILURES - 1):
            lively.failed(1.0, 0.0)
        lively.succeeded(1.0, 0.0)
    assert lively.state is BreakerState.CLOSED


def test_probes_are_counted_while_they_run() -> None:
    tripped = opened()
    assert tripped.room(10.0) == PROBES
    tripped.started(2)
    assert tripped.room(10.5) == 1
    tripped.started(1)
    assert tripped.room(1000.0) == 0

    tripped.ended(10.0)  # cancelled: another may try

    assert tripped.room(1000.0) == 1


def test_it_closes_when_as_many_probes_as_may_run_at_once_succeeded() -> None:
    tripped = opened()
    tripped.room(10.0)
    tripped.started(PROBES)
    for passed in range(PROBES):
        assert tripped.state is BreakerState.HALF_OPEN, passed
        tripped.succeeded(10.3, 10.1)
    assert tripped.room(10.3) is None


def test_a_failed_probe_doubles_the_wait_up_to_15_s_and_success_resets_it() -> None:
    tripped, now, waits = opened(), 0.0, []
    for _ in range(5):
        waits.append(tripped.retry_at - now)
        now = tripped.retry_at
        assert tripped.room(now) == PROBES
        tripped.started(1)
        tripped.failed(now, now)
    assert waits == [10.0, 15.0, 15.0, 15.0, 15.0]

    now = tripped.retry_at
    for _ in range(PROBES):
        tripped.room(now)
        tripped.started(1)
        tripped.succeeded(now, now)
    for _ in range(FAILURES):
        tripped.failed(now, now)
    assert tripped.retry_at - now == RECOVERY_S


def test_it_gives_up_on_a_provider_that_stays_away_until_one_call_succeeded() -> None:
    tripped, now = Breaker(FAILURES, RECOVERY_S, PROBES, patience_s=30.0), 0.0
    for _ in range(FAILURES):
        tripped.failed(now, now)
    while tripped.state is BreakerState.OPEN:
        now = tripped.retry_at
        tripped.room(now)
        tripped.started(1)
        tripped.failed(now, now)
    assert (now, tripped.room(now)) == (40.0, None)  # probes at 10, 25 and 40 s

    for _ in range(10 * FAILURES):
        tripped.failed(now, now)
    assert tripped.state is BreakerState.CLOSED

    tripped.succeeded(now, now)
    for _ in range(FAILURES):
        tripped.failed(now, now)
    assert tripped.opened_count == 4


def test_stragglers_of_an_outage_neither_close_nor_open_it() -> None:
    tripped = opened(now=5.0)
    tripped.room(15.0)
    tripped.started(1)
    for _ in range(FAILURES):
        tripped.succeeded(15.1, 4.0)
        tripped.failed(15.1, 4.0)
    assert (tripped.state, tripped.probing) == (BreakerState.HALF_OPEN, 1)

    for _ in range(PROBES):
        tripped.room(15.2)
        tripped.started(1)
        tripped.succeeded(15.2, 15.0)
    for _ in range(FAILURES):
        tripped.failed(16.0, 4.0)

    assert tripped.state is BreakerState.CLOSED


@given(st.lists(st.sampled_from(["start", "ok", "fail", "cancel", "wait"]), max_size=80))
def test_whatever_happens_probes_stay_within_their_number_and_it_never_gets_stuck(steps: list[str]) -> None:
    tripped, now, running = opened(), 0.0, []
    for step in steps:
        if step == "wait":
            now += 7.0
        elif step == "start":
            room = tripped.room(now)
            if room != 0:
                running.append((now, tripped.state, tripped.opened_count))
                tripped.started(1)
        elif running:
            sent_at, _, _ = running.pop(0)
            if step == "ok":
                tripped.succeeded(now, sent_at)
            elif step == "fail":
                tripped.failed(now, sent_at)
            else:
                tripped.ended(sent_at)
        probes = [call for call in running if call[1:] == (BreakerState.HALF_OPEN, tripped.opened_count)]
        assert tripped.state is BreakerState.CLOSED or len(probes) <= PROBES
    for sent_at, _, _ in running:
        tripped.ended(sent_at)
    room = tripped.room(now + 60.0)
    assert room is None or room > 0


def test_who_could_go_elsewhere_is_told_when_a_few_may_be_risked() -> None:
    tripped = opened()
    assert (tripped.trusted, tripped.probes_due(9.9), tripped.probes_due(10.0)) == (False, 0, PROBES)
    assert tripped.room(10.0) == PROBES
    tripped.started(2)
    assert (tripped.trusted, tripped.probes_due(10.0)) == (False, 1)
    for _ in range(2):
        tripped.succeeded(10.1, 10.0)
    tripped.started(1)
    tripped.succeeded(10.2, 10.1)
    assert (tripped.trusted, tripped.probes_due(99.0)) == (True, 0)


def test_a_breaker_that_gave_up_is_not_trusted_until_an_answer_came() -> None:
    tripped = Breaker(FAILURES, RECOVERY_S, PROBES, patience_s=10.0)
    for _ in range(FAILURES):
        tripped.failed(0.0, 0.0)
    tripped.room(10.0)
    tripped.started(1)
    tripped.failed(10.0, 10.0)
    assert (tripped.state, tripped.trusted, tripped.probes_due(20.0)) == (BreakerState.CLOSED, False, 0)
    assert tripped.probes_due(25.0) == PROBES
    tripped.failed(26.0, 25.0)
    assert tripped.probes_due(40.0) == 0

    tripped.succeeded(41.0, 40.0)

    assert tripped.trusted
