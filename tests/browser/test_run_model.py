"""``run.js`` holds one run as the service has it, from its picture and its events, and after a lost connection."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import until
from tests.support.service import MockModelProcess, ServiceProcess, poll

pytestmark = pytest.mark.long

FOLLOW = """async (id) => {
    const { createRun } = await import("/console/assets/run.js");
    window.run = createRun(id);
    window.statuses = [];
    run.swarm.subscribe((swarm) => statuses.push(swarm?.status));
}"""
HELD = """() => ({
    status: run.swarm.value.status,
    counts: run.counts.value,
    cost_usd: run.metrics.value?.cost_usd ?? null,
    tasks: [...run.tasks.values()].map((row) => [row.task_id, row.status, row.attempts, row.latency_ms, row.cost_usd]),
})"""


def start(service: ServiceProcess, tasks: int) -> str:
    body = {
        "model": "mock",
        "tasks": [{"id": f"t{number}", "prompt": f"Task {number}"} for number in range(tasks)]
        + [{"id": "end", "prompt": "All", "depends_on": ["t0", "t1"]}],
        "limits": {"max_parallel_agents": 10},
        "retry": {"base_delay_s": 0.05},
    }
    with service.client() as client:
        return str(client.post("/v1/swarms", json=body).raise_for_status().json()["swarm_id"])


def rest(service: ServiceProcess, swarm_id: str) -> dict[str, Any]:
    with service.client() as client:
        found = client.get(f"/v1/swarms/{swarm_id}/snapshot").json()
    fields = ("task_id", "status", "attempts", "latency_ms", "cost_usd")
    return {
        "status": found["swarm"]["status"],
        "counts": found["swarm"]["counts"],
        "cost_usd": found["swarm"]["cost_usd"],
        "tasks": [[task[field] for field in fields] for task in found["tasks"]],
    }


def test_a_followed_run_ends_as_the_service_has_it(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    model.configure(error_rate=0.2, latency_ms=60)
    page.goto("/console/nowhere")
    swarm_id = start(service, 40)

    page.evaluate(FOLLOW, swarm_id)
    until(page, "run.connection.value.name === 'ended' && run.metrics.value")

    assert page.evaluate(HELD) == rest(service, swarm_id)


def test_an_ended_run_has_its_last_figures(service: ServiceProcess, page: Page) -> None:
    page.goto("/console/nowhere")
    swarm_id = start(service, 4)
    with service.client() as client:
        client.get(f"/v1/swarms/{swarm_id}/results", params={"wait": 10})

    page.evaluate(FOLLOW, swarm_id)
    until(page, "run.connection.value.name === 'ended' && run.metrics.value")

    assert page.evaluate(HELD) == rest(service, swarm_id)


def test_a_run_that_goes_on_after_its_end_is_not_shown_as_ended(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    model.script({"match": "Task 0", "status": 400})
    page.goto("/console/nowhere")
    swarm_id = start(service, 3)
    with service.client() as client:
        poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "partial", what="its first end")
        model.configure(latency_ms=2_000)
        client.post(f"/v1/swarms/{swarm_id}/retry").raise_for_status()

    page.evaluate(FOLLOW, swarm_id)  # the first end is among the events that are heard again
    until(page, "run.connection.value.name === 'ended' && run.metrics.value")

    assert list(dict.fromkeys(page.evaluate("statuses"))) == [None, "running", "completed"]
    assert page.evaluate(HELD) == rest(service, swarm_id)
