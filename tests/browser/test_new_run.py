"""A run from a goal, a table or files: forecast, uploads, and errors beside their fields."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Complaints, Shoot
from tests.support.console_runs import ended_here
from tests.support.service import ServiceProcess, poll

pytestmark = pytest.mark.long

CSV = "city,people\n" + "".join(f"c{number},{number}\n" for number in range(40))


def choose(page: Page, *files: tuple[str, str]) -> None:
    page.locator("input[type=file]").set_input_files(
        [FilePayload(name=name, mimeType="text/plain", buffer=text.encode()) for name, text in files]
    )
    expect(page.get_by_label("uploaded", exact=True)).to_have_count(len(files))


def started(service: ServiceProcess, page: Page) -> dict[str, Any]:
    """The run that the form started, when it has ended."""
    page.get_by_role("button", name="Start the run").click()
    return ended_here(service, page)


def test_a_goal_with_an_attachment(page: Page, service: ServiceProcess, shoot: Shoot) -> None:
    page.goto("/console/new")
    expect(page.get_by_role("button", name="Start the run")).to_be_disabled()
    page.get_by_label("Goal").fill("Compare SQLite and PostgreSQL for a small service.")
    choose(page, ("notes.md", "# Notes\n\nThree servers, one engineer."))
    page.get_by_label("Model").select_option("offline")
    page.get_by_label("Agents at once").fill("7")
    page.get_by_label("Budget ($)").fill("1.5")
    page.get_by_label("Name").fill("Databases")
    expect(page.locator(".figures")).to_contain_text("model calls")
    shoot(page, "new-run")

    swarm = started(service, page)

    assert (swarm["name"], swarm["status"], swarm["max_parallel_agents"]) == ("Databases", "completed", 7)
    assert swarm["budget"]["max_cost_usd"] == 1.5
    assert swarm["aggregation"]["strategy"] == "synthesis"


def test_a_table_is_uploaded_and_shared_out(page: Page, service: ServiceProcess, api: httpx2.Client) -> None:
    page.goto("/console/new")
    page.get_by_role("button", name="A table").click()
    choose(page, ("cities.csv", CSV))
    page.get_by_label("What to do with each chunk of rows").fill("Add up the people.")
    page.get_by_label("Chunks").fill("8")
    page.get_by_label("Model").select_option("offline")
    expect(page.locator(".figures")).to_contain_text("model calls8")

    swarm = started(service, page)

    assert (swarm["status"], swarm["counts"]["completed"]) == ("completed", 8)
    tasks = api.get(f"/v1/swarms/{swarm['swarm_id']}/tasks?limit=1").json()["items"]
    detail = api.get(f"/v1/swarms/{swarm['swarm_id']}/tasks/{tasks[0]['task_id']}").json()
    assert detail["input"]["data"]["rows"][0] == {"city": "c0", "people": 0}


def test_files_are_read_one_by_one(page: Page, service: ServiceProcess, api: httpx2.Client) -> None:
    page.goto("/console/new")
    page.get_by_role("button", name="Files").click()
    choose(page, ("a.md", "# A\n\nAlpha."), ("b.md", "# B\n\nBeta."), ("c.md", "# C\n\nGamma."))
    page.get_by_role("button", name="Remove b.md").click()
    page.get_by_label("Model").select_option("offline")

    swarm = started(service, page)

    assert (swarm["status"], swarm["counts"]["total"]) == ("completed", 2)
    poll(lambda: {file["name"] for file in api.get("/v1/files").json()["items"]} == {"a.md", "c.md"})


def test_errors_stand_beside_their_fields_before_and_after_the_start(
    page: Page, api: httpx2.Client, complaints: Complaints, shoot: Shoot
) -> None:
    complaints.expect("422")
    page.goto("/console/new")
    page.get_by_role("button", name="A table").click()
    choose(page, ("cities.csv", "a,b\n1,2\n1,2,3\n"))
    table = page.locator("input[type=file]")
    expect(table).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("line 3 has 3 cells, the first line 2")).to_be_visible()
    choose(page, ("cities.csv", CSV))
    expect(table).not_to_have_attribute("aria-invalid", "true")
    page.get_by_label("Agents at once").fill("5000")
    page.get_by_label("Budget ($)").fill("-1")
    expect(page.get_by_label("Budget ($)")).to_have_attribute("aria-invalid", "true")

    page.get_by_role("button", name="Start the run").click()

    expect(page.get_by_label("Agents at once")).to_be_focused()
    expect(page.get_by_text("less than or equal to 1000")).to_be_visible()
    expect(page.get_by_text("greater than 0")).to_be_visible()
    shoot(page, "new-run-wrong")
    assert api.get("/v1/swarms").json()["items"] == []
