"""The overview of a run: cells, counters, scale, what stops a run and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Shoot, until
from tests.support.console_runs import NO_REST, ended, many, open_run, start, swarm_of, tens
from tests.support.service import MockModelProcess, ServiceProcess
from tests.support.streaming import script

pytestmark = pytest.mark.long

CELLS = "[data-slot]"

WATCH_COST = """() => {
    window.costs = [];
    const of = () => Number(document.querySelector("[data-counter=cost] dd")?.textContent.replace(/[$,]/g, ""));
    const note = () => { const cost = of(); if (!Number.isNaN(cost) && costs.at(-1) !== cost) costs.push(cost); };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


FIRST_LINE = """[...document.querySelectorAll("[data-slot]")].filter(
    (cell, at, all) => cell.offsetTop === all[0].offsetTop).length"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "300") as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), *model.as_provider()) as started:
        with started.client() as client:
            price = {"input_per_mtok": 10, "output_per_mtok": 40}
            client.put("/v1/prices", json={"mock": price}).raise_for_status()
        yield started


@pytest.fixture(autouse=True)
def as_it_was(model: MockModelProcess) -> Iterator[None]:
    """What a test asked of the model's server ends with it."""
    yield
    model.configure(latency_ms=300, latency_jitter_ms=0, error_rate=0, rate_limit=0)


def counter(page: Page, name: str) -> Any:
    return page.locator(f"[data-counter={name}] dd")


def test_the_cost_never_falls_and_is_that_of_rest_at_the_end(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    model.configure(latency_jitter_ms=250, error_rate=0.1)
    swarm_id = start(service, tens(10), limits={"max_parallel_agents": 20}, retry={"base_delay_s": 0.1})
    open_run(page, swarm_id)
    page.evaluate(WATCH_COST)

    found = ended(service, swarm_id)

    until(page, "document.querySelector('.run-head').textContent.includes('completed')")
    expect(counter(page, "cost")).to_have_text(f"${found['cost_usd']:.4f}")
    costs = page.evaluate("costs")
    assert len(costs) >= 3
    assert costs == sorted(costs)
    expect(counter(page, "completed")).to_have_text("111")
    expect(page.locator(".models tbody tr")).to_contain_text(["mock"])


@pytest.mark.alone
def test_more_agents_work_within_two_seconds_of_the_click(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    model.configure(latency_ms=4000)
    swarm_id = start(service, many(300), limits={"max_parallel_agents": 10})
    open_run(page, swarm_id)
    expect(counter(page, "running")).to_have_text("10")
    expect(page.locator(CELLS)).to_have_count(10)

    page.get_by_role("group", name="Agents at the same time").get_by_role("button", name="100", exact=True).click()

    until(page, "Number(document.querySelector('[data-counter=running] dd').textContent) > 10", deadline_s=2)
    expect(page.locator(CELLS)).to_have_count(100)
    expect(counter(page, "running")).to_have_text("100")
    assert swarm_of(service, swarm_id)["max_parallel_agents"] == 100
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(page.locator(".run-head")).to_contain_text("cancelled")
    expect(page.locator(".run-notices")).to_contain_text("300 missing")


def test_a_failed_cell_leads_to_its_task_which_is_run_again(
    service: ServiceProcess, model: MockModelProcess, page: Page, shoot: Shoot
) -> None:
    script(model, {"match": "what t7 is", "status": 400})
    swarm_id = start(service, many(12), retry=NO_REST)
    ended(service, swarm_id)
    open_run(page, swarm_id)
    cell = page.locator(f"{CELLS}.is-failed")
    expect(cell).to_have_text("✕")
    expect(page.locator(".run-notices")).to_contain_text("Partial: 11 of 12, 1 missing")
    shoot(page, "run-partial-light")

    cell.click()

    drawer = page.get_by_role("dialog", name="t7")
    expect(drawer).to_contain_text("Say what t7 is.")
    expect(drawer).to_contain_text("Attempts (1)")
    expect(drawer.locator(".drawer-error").first).to_contain_text("400")
    shoot(page, "task-drawer-light")
    drawer.get_by_role("button", name="Retry").click()
    expect(page.locator(f"{CELLS}.is-completed")).to_have_count(12)
    expect(drawer).to_contain_text("Attempts (2)")
    expect(page.locator(".run-head")).to_contain_text("completed")
    expect(page.locator(".run-notices")).not_to_contain_text("missing")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    assert swarm_of(service, swarm_id)["status"] == "completed"


def test_the_cells_are_walked_by_keyboard(service: ServiceProcess, page: Page) -> None:
    swarm_id = start(service, many(60), limits={"max_parallel_agents": 60})
    ended(service, swarm_id)
    open_run(page, swarm_id)
    expect(page.locator(CELLS)).to_have_count(60)
    assert page.locator(f"{CELLS}[tabindex='0']").count() == 1
    assert page.locator(CELLS).nth(3).get_attribute("aria-label") == "t3: completed"
    columns = page.evaluate(FIRST_LINE)

    page.locator(CELLS).first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)

    assert page.evaluate("document.activeElement.dataset.slot") == str(columns + 1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=f"t{columns + 1}", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.slot") == str(columns + 1)


def test_a_run_that_its_budget_paused_goes_on_once_it_is_raised(
    service: ServiceProcess, page: Page, complaints: Complaints, shoot: Shoot
) -> None:
    complaints.expect("422")
    tasks = [task | {"max_output_tokens": 20} for task in many(40)]
    limits = {"max_parallel_agents": 5}
    swarm_id = start(service, tasks, limits=limits, budget={"max_cost_usd": 0.005}, retry=NO_REST)
    open_run(page, swarm_id)
    notice = page.locator(".run-notices")
    expect(notice).to_contain_text("Paused by its budget", timeout=30_000)
    expect(page.get_by_role("meter", name="Budget")).to_be_visible()
    shoot(page, "run-budget-light")

    notice.get_by_role("button", name="Raise the budget").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("At most, in dollars").fill("0")
    dialog.get_by_role("button", name="Set the budget").click()
    expect(dialog.locator(".wrong")).to_be_visible()  # refused by name: nothing was changed
    dialog.get_by_label("At most, in dollars").fill("50")
    dialog.get_by_role("button", name="Set the budget").click()

    expect(page.locator(".run-head")).to_contain_text("completed", timeout=30_000)
    assert swarm_of(service, swarm_id)["counts"]["completed"] == 40


def test_a_run_is_paused_and_resumed(service: ServiceProcess, page: Page) -> None:
    swarm_id = start(service, many(60), limits={"max_parallel_agents": 5})
    open_run(page, swarm_id)

    page.get_by_role("button", name="Pause").click()

    expect(page.locator(".run-notices")).to_contain_text("Paused")
    expect(page.locator(f"{CELLS}.is-paused")).not_to_have_count(0)
    page.locator(".run-head").get_by_role("button", name="Resume").click()
    expect(page.locator(".run-notices")).not_to_contain_text("Paused")
    expect(page.locator(".run-head")).to_contain_text("completed", timeout=30_000)


def test_errors_are_grouped_and_lead_to_their_tasks(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    script(model, *[{"match": f"what t{at} is", "status": 400} for at in (1, 2, 3)])
    tasks = [*many(5), {"id": "after", "prompt": "Then", "depends_on": ["t1"]}]
    swarm_id = start(service, tasks, retry=NO_REST)
    ended(service, swarm_id)
    open_run(page, swarm_id)
    groups = page.locator(".errors li")
    expect(groups).to_have_count(2)
    expect(groups.nth(0)).to_contain_text("3")
    expect(groups.nth(1)).to_contain_text("dependency '…' is failed")

    groups.nth(0).get_by_role("link").click()

    rows = page.locator(".tasks-row")
    expect(rows).to_have_count(3)
    assert [text.split("\n")[0] for text in page.locator(".tasks-row .c-task").all_inner_texts()] == ["t1", "t2", "t3"]
    page.get_by_role("button", name="Show all").click()
    expect(rows).to_have_count(6)
