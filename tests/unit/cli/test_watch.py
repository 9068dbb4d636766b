"""Following a swarm: counts from the service, latencies and reasons from its log, no event read twice."""

from typing import Any

import httpx2
import orjson
import pytest

from app.cli.client import EVENTS_PER_PAGE, ServiceClient
from app.cli.watch import snapshot_of, watch


class Service:
    """Answers with one prepared swarm document a poll, and pages of a log."""

    def __init__(self, statuses: list[str], events: list[dict[str, Any]]) -> None:
        self.statuses = statuses
        self.events = events
        self.asked_after: list[int] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/events"):
            after, limit = (int(request.url.params[name]) for name in ("after", "limit"))
            self.asked_after.append(after)
            body: dict[str, Any] = {"items": self.events[after : after + limit]}
        else:
            status = self.statuses.pop(0)
            body = {"swarm_id": "swm_1", "name": "n", "status": status, "counts": {"total": 2}, "tokens": {}}
        return httpx2.Response(200, content=orjson.dumps(body))


def follow(service: Service, sleeps: list[float] | None = None) -> list[Any]:
    pauses: list[float] = [] if sleeps is None else sleeps
    with ServiceClient("http://x", transport=httpx2.MockTransport(service), sleep=pauses.append) as client:
        return list(watch(client, "swm_1", sleep=pauses.append, clock=lambda: 0.0))


def test_polls_until_a_final_status_at_most_four_times_a_second() -> None:
    sleeps: list[float] = []

    snapshots = follow(Service(["planning", "running", "paused", "aggregating", "partial"], []), sleeps)

    assert [each.status for each in snapshots] == ["planning", "running", "paused", "aggregating", "partial"]
    assert sleeps == [0.25] * 4


def test_the_log_is_read_from_where_it_was_left() -> None:
    events = [{"seq": n + 1, "type": "agent_spawned"} for n in range(EVENTS_PER_PAGE + 3)]
    service = Service(["running", "completed"], events)

    follow(service)

    assert service.asked_after == [0, EVENTS_PER_PAGE, EVENTS_PER_PAGE + 3]


def test_latencies_and_failures_come_from_the_log() -> None:
    events: list[dict[str, Any]] = [
        {"seq": n, "type": "agent_completed", "latency_ms": latency}
        for n, latency in enumerate([5.0, 100, 7, *[10] * 17], start=1)
    ]
    events += [
        {"seq": 20 + n, "type": "agent_failed", "task_id": f"t{n}", "error": f"boom\nno. {n}"} for n in range(1, 6)
    ]

    last = follow(Service(["completed"], events))[-1]

    assert last.p95_ms == 10.0
    assert last.failures == ("t3: boom no. 3", "t4: boom no. 4", "t5: boom no. 5")


def test_a_pause_says_why() -> None:
    events = [{"seq": 1, "type": "swarm_paused", "reason": "budget", "detail": "1 USD of 1 USD is spent"}]

    assert follow(Service(["completed"], events))[-1].failures == ("paused: 1 USD of 1 USD is spent",)


@pytest.mark.parametrize("document", [{"status": "running"}, {"status": "running", "counts": None, "tokens": None}])
def test_a_swarm_without_numbers_is_a_snapshot_of_zeros(document: dict[str, Any]) -> None:
    snapshot = snapshot_of(document)

    assert (snapshot.total, snapshot.percent, snapshot.cost_usd, snapshot.p95_ms) == (0, 0, 0.0, None)


def test_every_final_state_counts_as_ended() -> None:
    counts = {"completed": 5, "failed": 1, "cancelled": 1, "skipped": 1, "running": 2, "total": 10}

    snapshot = snapshot_of({"status": "running", "counts": counts, "tokens": {"in": 3, "out": 4}, "cost_usd": "0.5"})

    assert (snapshot.ended, snapshot.percent, snapshot.running, snapshot.cost_usd) == (8, 80, 2, 0.5)
