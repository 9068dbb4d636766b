"""A run's events arrive each once and in order, however often the connection is lost."""

from typing import Any

import httpx2
import orjson
import pytest

from app.cli.event_stream import frames, parsed
from app.cli.failures import Failure, Refused
from tests.support.run_stream import RunService, Time, cut_off, sse, whole


def event(seq: int, kind: str = "task_queued", **more: Any) -> dict[str, Any]:
    return {"type": kind, "seq": seq, "ts": "2026-01-31T12:00:00.000Z", **more}


def figures(seq: int) -> dict[str, Any]:
    return event(seq, "metrics_snapshot")


def seqs(service: RunService, after: int = 0, time: Time | None = None, said: list[str] | None = None) -> list[int]:
    with service.client(time) as client:
        return [
            frame["seq"]
            for frame in frames(client, "swm_1", after, say=(said if said is not None else []).append)
            if frame["type"] != "metrics_snapshot"
        ]


def test_a_stream_that_is_cut_off_goes_on_behind_the_last_event() -> None:
    said: list[str] = []
    service = RunService(
        [cut_off(event(1), event(2), figures(2)), httpx2.ConnectError("refused"), whole(event(3), event(4))],
        ["completed"],
    )

    assert seqs(service, said=said) == [1, 2, 3, 4]
    assert service.asked_after == [0, 2, 2]
    assert said == [
        "lost the connection to http://x (connection reset); trying again for 60 s",
        "connected again, going on after event 2",
    ]


def test_an_event_that_comes_again_is_not_told_again() -> None:
    service = RunService([cut_off(event(1), event(2)), whole(event(2), event(3))], ["completed"])

    assert seqs(service) == [1, 2, 3]


def test_a_service_that_ends_the_stream_of_a_run_that_goes_on_is_asked_again() -> None:
    service = RunService([whole(event(1)), whole(event(2))], ["running", "completed"])

    assert seqs(service) == [1, 2]
    assert service.asked_after == [0, 1]


def test_a_service_that_is_busy_is_waited_for() -> None:
    time = Time()
    service = RunService([httpx2.Response(503), httpx2.Response(429), whole(event(1))], ["completed"])

    assert seqs(service, time=time) == [1]
    assert time.now == 0.25 + 0.5


def test_patience_begins_anew_with_every_event() -> None:
    time = Time()
    breaks = [cut_off(event(seq)) for seq in range(1, 401)]
    service = RunService([*breaks, whole()], ["completed"])

    assert len(seqs(service, time=time)) == 400
    assert time.now == 400 * 0.25


@pytest.mark.parametrize(
    ("answer", "told"), [(httpx2.ConnectError("refused"), r"no answer from http://x \(refused\)"), (None, "HTTP 503")]
)
def test_patience_ends(answer: Exception | None, told: str) -> None:
    time = Time()
    service = RunService([answer or httpx2.Response(503) for _ in range(100)])

    with pytest.raises(Failure, match=told):
        seqs(service, time=time)

    assert 50 < time.now <= 60


def test_a_refusal_ends_it_at_once() -> None:
    problem = orjson.dumps({"status": 404, "code": "not_found", "detail": "no swarm 'swm_1'"})

    with pytest.raises(Refused, match="no swarm") as refused:
        seqs(RunService([httpx2.Response(404, content=problem)]))

    assert refused.value.status == 404


def test_it_begins_where_it_is_told_to() -> None:
    service = RunService([whole(event(8))], ["completed"])

    assert (seqs(service, after=7), service.asked_after) == ([8], [7])


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_frames_are_found_in_chunks_of_any_size(size: int) -> None:
    # What Python takes for the end of a line, and a stream of events does not: LS, PS, NEL, VT, FF.
    sent = [event(1, task_id="a\u2028b\u2029c\x85d\x0be\x0cf"), figures(1), event(2, task_id="\r\n")]
    stream = sse(*sent)

    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]

    assert list(parsed(chunks)) == sent
