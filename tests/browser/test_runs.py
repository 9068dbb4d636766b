"""The list of runs: as the service has them, page after page, and the first one in one click."""

from __future__ import annotations

import json
import subprocess

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Shoot
from tests.support.service import MockModelProcess, ServiceProcess, poll

pytestmark = pytest.mark.long

ROWS = "table.runs tbody tr"


def start(service: ServiceProcess, count: int, *, wait_s: int = 20, **fields: object) -> list[str]:
    """Start runs of one task, each when the one before it has ended."""
    with service.client() as client:
        return [
            str(
                client.post(
                    "/v1/swarms",
                    params={"wait": wait_s},
                    json={"name": f"run {number}", "tasks": [{"prompt": "a"}], **fields},
                )
                .raise_for_status()
                .json()["swarm_id"]
            )
            for number in range(count)
        ]


def test_the_list_is_that_of_the_service(service: ServiceProcess, model: MockModelProcess, page: Page) -> None:
    model.script({"match": "breaks", "status": 400})
    start(service, 1, tasks=[{"id": "good", "prompt": "a"}, {"id": "bad", "prompt": "breaks"}])
    start(service, 2)

    page.goto("/console")

    rows = page.locator(ROWS)
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("run 1")
    expect(rows.nth(2)).to_contain_text("partial")
    expect(rows.nth(2)).to_contain_text("1 / 2")
    expect(rows.nth(2).get_by_role("link", name="1 missing")).to_be_visible()
    with service.client() as client:
        for at, run in enumerate(client.get("/v1/swarms", params={"figures": "true"}).json()["items"]):
            label = rows.nth(at).get_by_role("img").get_attribute("aria-label")
            assert label is not None
            assert label.startswith(f"{run['counts']['completed']} of {run['counts']['total']} completed")
            expect(rows.nth(at)).to_contain_text(f"${run['cost_usd']:.4f}")
            expect(rows.nth(at)).to_contain_text(f"{round(run['p95_ms'])} ms")


def test_older_runs_come_when_asked_for_and_a_status_narrows_the_list(service: ServiceProcess, page: Page) -> None:
    start(service, 52, model="offline", wait_s=0)
    page.goto("/console")
    expect(page.locator(ROWS)).to_have_count(50)

    page.get_by_role("button", name="Older runs").click()

    expect(page.locator(ROWS)).to_have_count(52)
    expect(page.get_by_role("button", name="Older runs")).to_have_count(0)

    page.get_by_label("Which runs").select_option("failed")

    expect(page.get_by_text("No run is failed")).to_be_visible()
    assert page.url.endswith("?status=failed")
    page.get_by_role("main").get_by_role("link", name="All runs").click()
    expect(page.locator(ROWS)).to_have_count(50)


def test_a_run_that_is_started_elsewhere_appears_and_goes_on(service: ServiceProcess, page: Page) -> None:
    start(service, 1)
    page.goto("/console")
    expect(page.locator(ROWS)).to_have_count(1)

    with service.client() as client:
        client.post("/v1/swarms", json={"name": "another", "tasks": [{"prompt": "a"}]})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # looked at again: at once, not in a while

    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(ROWS).first).to_contain_text("completed")


def test_one_click_runs_the_demo_on_a_hundred_agents(
    service: ServiceProcess, model: MockModelProcess, page: Page, shoot: Shoot
) -> None:
    model.script({"match": "zinc.txt", "status": 400}, {"match": "gold.txt", "status": 400})
    page.goto("/console")
    page.get_by_label("Model").select_option("mock")

    page.get_by_role("button", name="Run the demo swarm").click()

    page.wait_for_url("**/console/runs/swm_*")
    expect(page.locator(".cells .cell")).to_have_count(100)
    path = f"/v1/swarms/{page.url.rpartition('/')[2]}"
    with service.client() as client:
        poll(lambda: client.get(path).json()["status"] == "partial", what="the end of the run")
        outputs = client.get(f"{path}/results").json()["outputs"]
    assert len(outputs) == 111
    assert [one["task_id"] for one in outputs if one["status"] == "failed"] == ["scraper_2_9", "scraper_7_8"]
    failed = page.locator(".cells .cell", has_text="✕")
    expect(failed).to_have_count(2)
    expect(page.locator(".cells .cell.is-completed")).to_have_count(98)
    expect(page.locator("[data-counter=failed] dd")).to_have_text("2")
    shoot(page, "demo-ended")


def test_the_command_beside_the_button_does_the_same(service: ServiceProcess, page: Page) -> None:
    page.goto("/console")

    command = page.locator("pre").inner_text()

    answer = json.loads(subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=30).stdout)
    assert answer["counts"]["total"] == 111
    expect(page.locator(ROWS)).to_have_count(1, timeout=15_000)
