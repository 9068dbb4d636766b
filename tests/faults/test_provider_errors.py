"""Row 7: a provider that turns away a fifth of the calls, with 429 and Retry-After, 500 and 503.

At least 99 % of the tasks end completed; by the model server's own log no call comes sooner than the Retry-After before
it; no task gets more attempts than it may have, 429s apart.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.dags import check_order
from tests.support.figures import report
from tests.support.ledger import audit_of
from tests.support.service import MockModelProcess, ServiceProcess, events_of

SEED = 20_260_107
SHARE = 0.2
RETRY_AFTER_S = 1
MAX_RETRIES = 3
LOGGED_LATE_S, LOGGED_VERY_LATE_S = 0.02, 0.25
"""The log's line follows the answer, which the client may already have by then; of a busy machine now and then long."""


def refusals(rng: random.Random, tasks: list[str]) -> list[dict[str, Any]]:
    """What the model says to the first calls of each task, until one draws an answer."""
    scripts: list[dict[str, Any]] = []
    for task_id in tasks:
        while rng.random() < SHARE:
            status = rng.choice((429, 429, 500, 503))
            script: dict[str, Any] = {"match": f'"id":"{task_id}"', "status": status}
            scripts.append(script if status == 500 else script | {"retry_after_s": RETRY_AFTER_S})
    return scripts


def graph_of(rng: random.Random, size: int) -> dict[str, list[str]]:
    return {
        f"t{n}": [f"t{m}" for m in rng.sample(range(max(0, n - 100), n), k=min(n, rng.choice((0, 0, 1, 2))))]
        for n in range(size)
    }


@pytest.mark.parametrize("size", [150, pytest.param(1000, marks=pytest.mark.long)], ids=["everyday", "figures"])
def test_a_provider_that_turns_away_a_fifth_of_the_calls(tmp_path: Path, size: int) -> None:
    rng = random.Random(SEED)
    graph = graph_of(rng, size)
    scripts = refusals(rng, list(graph))
    with (
        MockModelProcess(tmp_path / "mock", "--latency-ms", "30", "--latency-jitter-ms", "20") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
        service.client() as client,
    ):
        httpx2.post(f"{model.root_url}/mock/script", json=scripts).raise_for_status()
        tasks = [
            {"id": task_id, "depends_on": names, "allow_failed_dependencies": True} for task_id, names in graph.items()
        ]
        body = {
            "tasks": tasks,
            "limits": {"max_parallel_agents": 100},
            "retry": {"max_retries": MAX_RETRIES, "base_delay_s": 0.2},
        }
        found = client.post("/v1/swarms", params={"wait": 300}, json=body, timeout=310).json()
        audit = audit_of(service, model, found["swarm_id"], graph)
        events = list(events_of(client, found["swarm_id"]))
        counts = found["counts"]
        failures = {task_id: failed_attempts(client, found["swarm_id"], task_id) for task_id in retried(events)}

    calls = audit.ledgers.calls
    answers = Counter(call["status"] for call in calls if call["event"] == "answered")
    beyond = waits_beyond(calls)
    soonest_s, waits = min(beyond, default=0.0), len(beyond)
    counted = {task_id: sum(kind != "rate_limit" for kind in kinds) for task_id, kinds in failures.items()}
    report(
        7,
        f"{size} tasks, seed {SEED}, {sum(answers.values())} calls, by status "
        f"{dict(sorted(answers.items()))}: {counts['completed'] / size:.1%} completed, {waits} waits for Retry-After, "
        f"the shortest {soonest_s * 1000:+.0f} ms beside it, at most {max(counted.values())} failed attempts a task "
        f"(429s apart) of {MAX_RETRIES + 1}",
    )
    assert counts["completed"] + counts["failed"] == size
    assert counts["completed"] >= 0.99 * size
    assert waits >= size / 20
    assert soonest_s > -LOGGED_VERY_LATE_S
    assert sum(one > -LOGGED_LATE_S for one in beyond) >= 0.9 * waits
    assert max(counted.values()) <= MAX_RETRIES + 1
    assert not audit.unrecorded
    assert not audit.unexplained
    assert not audit.replaced
    if counts["failed"] == 0:
        check_order(graph, events)


def retried(events: list[dict[str, Any]]) -> set[str]:
    return {event["task_id"] for event in events if event["type"] in {"agent_retrying", "agent_failed"}}


def failed_attempts(client: httpx2.Client, swarm_id: str, task_id: str) -> list[str]:
    log = client.get(f"/v1/swarms/{swarm_id}/tasks/{task_id}").json()["attempt_log"]
    return [attempt["error"]["type"] for attempt in log if attempt["error"]]


def waits_beyond(calls: list[dict[str, Any]]) -> list[float]:
    """How much later than asked each further call came (seconds; negative: sooner)."""
    asked: dict[str, tuple[float, int]] = {}
    task_of: dict[int, str] = {}
    beyond: list[float] = []
    for call in calls:
        if call["event"] == "received":
            task_of[call["n"]] = call["task_id"]
            if call["task_id"] in asked:
                at, wait_s = asked.pop(call["task_id"])
                beyond.append(call["t"] - at - wait_s)
        elif call["event"] == "answered" and "retry_after_s" in call:
            asked[task_of[call["n"]]] = (call["t"], call["retry_after_s"])
    return beyond
