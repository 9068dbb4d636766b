"""Runs that the tests of the console look at."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.support.service import ServiceProcess, poll

NO_REST = {"max_retries": 0}
"""``retry`` of a run whose first failure of a task is its last."""


def many(count: int, prefix: str = "t") -> list[dict[str, Any]]:
    return [{"id": f"{prefix}{at}", "prompt": f"Say what {prefix}{at} is."} for at in range(count)]


def tens(groups: int, each: int = 10) -> list[dict[str, Any]]:
    """Readers in groups, an editor over each group, and one more over the editors."""
    tasks: list[dict[str, Any]] = []
    for group in range(groups):
        readers = [f"reader_{group}_{at}" for at in range(each)]
        tasks += [{"id": name, "role": "researcher", "prompt": f"Read source {name}."} for name in readers]
        tasks.append(
            {"id": f"editor_{group}", "role": "analyzer", "prompt": "Merge the notes.", "depends_on": readers}
            | {"allow_failed_dependencies": True}
        )
    editors = [f"editor_{group}" for group in range(groups)]
    return [*tasks, {"id": "report", "prompt": "Write the report.", "depends_on": editors}]


def start(service: ServiceProcess, tasks: list[dict[str, Any]], **body: Any) -> str:
    """Start a run with the model ``mock``; returns its id."""
    with service.client() as client:
        response = client.post("/v1/swarms", json={"model": "mock", "tasks": tasks, **body})
    assert response.status_code == 201, response.text
    return str(response.json()["swarm_id"])


def swarm_of(service: ServiceProcess, swarm_id: str) -> dict[str, Any]:
    with service.client() as client:
        found: dict[str, Any] = client.get(f"/v1/swarms/{swarm_id}").raise_for_status().json()
    return found


def ended(service: ServiceProcess, swarm_id: str, deadline_s: float = 60) -> dict[str, Any]:
    """The run once it has ended."""

    def over() -> dict[str, Any] | None:
        found = swarm_of(service, swarm_id)
        return found if found["ended_at"] is not None else None

    return poll(over, deadline_s=deadline_s, every_s=0.1, what="the end of the run")


def ended_here(service: ServiceProcess, page: Page) -> dict[str, Any]:
    """The run that the page goes to, once it has ended."""
    page.wait_for_url("**/console/runs/*")
    return ended(service, page.url.rpartition("/")[2])


def open_run(page: Page, swarm_id: str, query: str = "") -> None:
    """Go to a run and wait for its first figures; ``query`` such as ``?tab=tasks``."""
    page.goto(f"/console/runs/{swarm_id}{query}")
    page.wait_for_selector(".counters")
