"""From the empty state to a hundred agents at work, with one click."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Shoot
from tests.support.service import MockModelProcess, ServiceProcess
from tests.support.streaming import script

CELLS = "[data-slot]"


def test_one_click_fills_a_hundred_cells_and_two_failures_show(
    service: ServiceProcess, model: MockModelProcess, page: Page, shoot: Shoot
) -> None:
    model.configure(latency_ms=1200, latency_jitter_ms=600)
    script(model, {"match": "zinc.txt", "status": 400}, {"match": "gold.txt", "status": 400})
    page.goto("/console")
    expect(page.get_by_text("No run yet")).to_be_visible()
    page.get_by_label("Model").select_option("mock")

    page.get_by_role("button", name="Run the demo swarm").click()

    expect(page.locator(CELLS)).to_have_count(100)
    expect(page.locator(f"{CELLS}.is-running").first).to_be_visible()
    expect(page.get_by_role("heading", name="Task graph")).to_be_visible()  # on the same screen as the agents
    shoot(page, "run-hundred-light", full=True)
    expect(page.locator(".run-head")).to_contain_text("partial", timeout=60_000)
    failed = page.locator(f"{CELLS}.is-failed")
    expect(failed).to_have_count(2)
    expect(failed).to_have_text(["✕", "✕"])
    expect(page.locator(f"{CELLS}.is-completed")).to_have_count(98)
    expect(page.locator(".run-notices")).to_contain_text("Partial: 109 of 111, 2 missing")
