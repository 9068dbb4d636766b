"""The graph of a run: folded, live, and quick with a thousand tasks."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Shoot, until
from tests.support.service import MockModelProcess

pytestmark = pytest.mark.long

SCRAPERS = "10 \N{MULTIPLICATION SIGN} scraper"
READY = "document.querySelectorAll('.gnode.is-group .gtile[class*=is-]').length"


def start(api: httpx2.Client, tasks: list[dict[str, Any]], **fields: Any) -> str:
    body = {"model": "mock", "tasks": tasks, "retry": {"max_retries": 0}, **fields}
    return str(api.post("/v1/swarms", json=body).raise_for_status().json()["swarm_id"])


def tree(groups: int, each: int) -> list[dict[str, Any]]:
    """Scrapers in groups, an aggregator a group, reducers of ten, one synthesizer."""
    tasks: list[dict[str, Any]] = []
    for group in range(groups):
        scrapers = [f"scraper_{group}_{number}" for number in range(each)]
        tasks += [{"id": scraper, "type": "scraper", "prompt": "Read."} for scraper in scrapers]
        tasks.append({"id": f"aggregator_{group}", "type": "aggregator", "prompt": "Sum up.", "depends_on": scrapers})
    reducers = [f"reducer_{number}" for number in range(-(-groups // 10))]
    for number, reducer in enumerate(reducers):
        parts = [f"aggregator_{group}" for group in range(groups) if group // 10 == number]
        tasks.append({"id": reducer, "type": "reducer", "prompt": "Merge.", "depends_on": parts})
    tasks.append({"id": "synthesizer", "type": "synthesizer", "prompt": "Write.", "depends_on": reducers})
    return tasks


def node(page: Page, name: str) -> Locator:
    return page.locator(f'.gnode[aria-label^="{name}"]')


def test_a_synthesizer_waits_for_its_ten(page: Page, api: httpx2.Client, model: MockModelProcess, shoot: Shoot) -> None:
    model.configure(latency_ms=2000)
    ten = [f"scraper_{number}" for number in range(10)]
    tasks: list[dict[str, Any]] = [{"id": scraper, "prompt": f"Read {scraper}"} for scraper in ten]
    tasks.append({"id": "synthesizer", "prompt": "Write it up", "depends_on": ten})
    swarm_id = start(api, tasks, limits={"max_parallel_agents": 5}, start_at="2027-01-01T00:00:00Z")
    page.goto(f"/console/runs/{swarm_id}?tab=graph")
    expect(node(page, SCRAPERS)).to_have_count(1)

    api.post(f"/v1/swarms/{swarm_id}/resume").raise_for_status()

    synthesizer = node(page, "synthesizer")
    expect(synthesizer).to_have_class("gnode is-task is-waiting")
    synthesizer.click()
    details = page.get_by_role("complementary", name="Selected in the graph")
    expect(details).to_contain_text("Waits for 5 of 10")  # the first five have ended
    expect(synthesizer.locator(".gnode-figure")).to_have_text("5/10")
    shoot(page, "graph-waiting")
    expect(synthesizer).to_have_class("gnode is-task is-running")
    expect(node(page, SCRAPERS)).to_have_class("gnode is-group is-completed")
    expect(synthesizer).to_have_class("gnode is-task is-completed")
    expect(details).to_contain_text("10 dependencies, all ended")

    rows = {task["task_id"]: task for task in api.get(f"/v1/swarms/{swarm_id}/snapshot").json()["tasks"]}
    assert rows["synthesizer"]["started_at"] >= max(rows[scraper]["ended_at"] for scraper in ten)


def test_states_come_live_without_a_new_layout_and_nodes_unfold(
    page: Page, api: httpx2.Client, model: MockModelProcess, shoot: Shoot
) -> None:
    model.configure(latency_ms=300)
    model.script({"match": "scraper_0_3", "status": 400})
    tasks = tree(3, 10)
    tasks[3]["prompt"] = "Read scraper_0_3"
    swarm_id = start(api, tasks, limits={"max_parallel_agents": 12})
    page.goto(f"/console/runs/{swarm_id}?tab=graph")
    expect(page.locator(".gnode")).to_have_count(3 + 3 + 1 + 1)
    page.evaluate("window.before = [...document.querySelectorAll('.gnode')]")

    failing = node(page, SCRAPERS).first
    expect(failing.locator(".gnode-figure")).to_have_text("✕1 10/10")
    expect(node(page, "aggregator_1")).to_have_class("gnode is-task is-completed")
    assert page.evaluate("[...document.querySelectorAll('.gnode')].every((node, at) => node === before[at])")
    shoot(page, "graph-failed")

    failing.click(position={"x": 80, "y": 12})
    expect(page.locator(".gnode")).to_have_count(8 + 9)
    failed = node(page, "scraper_0_3")
    expect(failed).to_have_class("gnode is-task is-failed")
    failed.focus()
    expect(page.locator(".graph-error")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(node(page, "scraper_0_2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".gnode")).to_have_count(8)
    expect(node(page, SCRAPERS).first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".gnode")).to_have_count(17)
    node(page, "scraper_0_4").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?tab=graph&task=scraper_0_4")


@pytest.mark.alone
def test_a_graph_of_a_thousand_tasks_is_ready_within_a_second_and_a_half(
    page: Page, api: httpx2.Client, model: MockModelProcess, shoot: Shoot
) -> None:
    model.configure(latency_ms=200)
    tasks = tree(90, 10)
    assert len(tasks) == 1000
    swarm_id = start(api, tasks, limits={"max_parallel_agents": 20})
    page.goto(f"/console/runs/{swarm_id}")
    took_ms = []
    for _ in range(3):
        page.goto(f"/console/runs/{swarm_id}?tab=graph", wait_until="commit")
        until(page, f"{READY} >= 800 && performance.getEntriesByName('graph-ready').length")
        # From the start of the navigation to the paint that follows the last tile, of which the page itself tells.
        took_ms.append(page.evaluate("performance.getEntriesByName('graph-ready')[0].startTime"))

    nodes = page.locator(".gnode").count()
    shoot(page, "graph-1000")
    # The quickest of three: what else the machine does is not the page's.
    assert min(took_ms) < 1500, took_ms
    assert nodes <= 150


def test_more_than_two_thousand_nodes_are_drawn_only_when_asked(page: Page, api: httpx2.Client) -> None:
    tasks = [{"id": f"t{number}", "type": "row", "prompt": "x"} for number in range(2100)]
    swarm_id = start(api, tasks, start_at="2027-01-01T00:00:00Z")
    page.goto(f"/console/runs/{swarm_id}?tab=graph")
    expect(page.locator(".gnode")).to_have_count(1)
    expect(page.locator(".gnode")).to_have_class("gnode is-group is-paused")
    expect(page.locator(".graph-legend")).to_contain_text("2,100 paused")

    page.get_by_role("button", name="Show every task").click()
    expect(page.get_by_role("alert")).to_contain_text("2,100 nodes")
    page.get_by_role("button", name="Keep them folded").click()
    expect(page.locator(".gnode")).to_have_count(1)
    page.get_by_role("button", name="Show every task").click()
    page.get_by_role("button", name="Draw 2,100 nodes").click()
    until(page, "document.querySelectorAll('.gnode').length === 2100", deadline_s=20)
    page.get_by_role("button", name="Fold all").click()
    expect(page.locator(".gnode")).to_have_count(1)


def test_what_a_planner_adds_comes_with_what_it_waits_for(page: Page, api: httpx2.Client) -> None:
    goal = "1. Collect the sales figures. 2. Collect the costs. 3. Write a report on both."
    page.goto("/console")
    answer = api.post("/v1/swarms", json={"goal": goal, "model": "offline", "start_at": "2027-01-01T00:00:00Z"})
    swarm_id = answer.raise_for_status().json()["swarm_id"]
    page.goto(f"/console/runs/{swarm_id}?tab=graph")
    expect(page.locator(".graph-none")).to_be_visible()

    api.post(f"/v1/swarms/{swarm_id}/resume").raise_for_status()

    expect(page.locator(".gnode").first).to_be_visible()
    graph = api.get(f"/v1/swarms/{swarm_id}/graph").json()
    expect(page.locator(".gedge")).to_have_count(len(graph["edges"]))
