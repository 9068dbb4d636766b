"""Row 8: connections that hang, drip one byte a second, or are reset before, in and after the answer.

Every attempt ends within its timeout and one second, its slot serves the next task, and after a thousand of them the
service holds no descriptor more than before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, poll
from tests.support.streaming import Footprint, check_log

TIMEOUT_S = 1.0
AT_ONCE = 100
READERS = 8
"""Descriptors of the store, whose readers come and go as there is work for them."""

NEVER = "1000000000"
"""Failures in a row that open the breaker: here every one of the broken connections is to be made."""

FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "hung": ({"hang_rate": 1.0}, {"timeout"}),
    "a byte a second": ({"slow_body": 1.0}, {"timeout"}),
    "reset before the answer": ({"reset_rate": 1.0, "reset_point": "before"}, {"provider_unavailable"}),
    "reset in the body": ({"reset_rate": 1.0, "reset_point": "body"}, {"provider_unavailable"}),
    "reset after the answer": ({"reset_rate": 1.0, "reset_point": "after"}, {"provider_unavailable"}),
}
"""With what each may end. A reset after the answer harms only the next call on the connection, if one is quick."""

GOOD = {"hang_rate": 0.0, "slow_body": 0.0, "reset_rate": 0.0}


@pytest.fixture
def model(tmp_path: Path) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path / "mock") as process:
        yield process


@pytest.fixture
def service(tmp_path: Path, model: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path / "service", *model.as_provider(), SWARMD_BREAKER_FAILURES=NEVER) as process:
        yield process
        check_log(process)


def configure(model: MockModelProcess, options: dict[str, Any]) -> None:
    httpx2.patch(f"{model.root_url}/mock/config", json=GOOD | options).raise_for_status()


def run(client: httpx2.Client, count: int) -> dict[str, Any]:
    """A run without retries: one attempt a task, ``AT_ONCE`` of them at once."""
    body = {
        "tasks": [{"id": f"t{n}", "timeout_s": TIMEOUT_S} for n in range(count)],
        "limits": {"max_parallel_agents": AT_ONCE},
        "retry": {"max_retries": 0},
    }
    found: dict[str, Any] = client.post("/v1/swarms", params={"wait": 120}, json=body, timeout=130).json()
    return found


def attempts_of(client: httpx2.Client, swarm_id: str) -> list[dict[str, Any]]:
    tasks = client.get(f"/v1/swarms/{swarm_id}/tasks", params={"limit": 1000}).json()["items"]
    return [dict(task) for task in tasks]


@pytest.mark.parametrize("each", [20, pytest.param(200, marks=pytest.mark.long)], ids=["everyday", "figures"])
def test_broken_connections_end_in_time_and_leave_nothing(
    service: ServiceProcess, model: MockModelProcess, each: int
) -> None:
    with service.client() as client:
        model.configure(latency_ms=500)  # so that all are open at once
        run(client, AT_ONCE)  # fills the pool of connections and whatever is made on first use
        model.configure(latency_ms=0)
        poll(lambda: in_flight(model) == 0)
        before = Footprint.of(service.pid)
        slowest_ms: dict[str, float] = {}
        for name, (options, errors) in FAULTS.items():
            configure(model, options)
            found = run(client, each)
            attempts = attempts_of(client, found["swarm_id"])
            assert len(attempts) == each
            assert {task["error"]["type"] for task in attempts if task["error"]} <= errors, (name, attempts[0])
            assert found["counts"]["failed"] == each or "after" in name, found["counts"]
            slowest_ms[name] = max(task["latency_ms"] for task in attempts)
        configure(model, {})
        after = run(client, 3 * AT_ONCE)
        poll(lambda: in_flight(model) == 0, what="the end of every call")
        poll(lambda: Footprint.of(service.pid).sockets <= before.sockets, what="letting go of the connections")
        now = Footprint.of(service.pid)

    report(
        8,
        f"{each * len(FAULTS)} broken connections, timeout {TIMEOUT_S:g} s: slowest end "
        + ", ".join(f"{name} {latency / 1000:.2f} s" for name, latency in slowest_ms.items())
        + f"; {before.sockets} sockets before, {now.sockets} "
        f"after (descriptors {before.descriptors}, {now.descriptors}); then {after['counts']['completed']} of "
        f"{3 * AT_ONCE} tasks completed in the freed slots",
    )
    assert max(slowest_ms.values()) <= (TIMEOUT_S + 1) * 1000
    assert after["counts"]["completed"] == 3 * AT_ONCE
    assert now.descriptors <= before.descriptors + READERS


def in_flight(model: MockModelProcess) -> int:
    return int(httpx2.get(f"{model.root_url}/mock/stats").json()["in_flight"])
