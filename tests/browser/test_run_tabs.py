"""The tabs of a run: its tasks as a table, its timeline, its messages, its result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Shoot, until
from tests.support.console_runs import NO_REST, ended, many, open_run, start, swarm_of, tens
from tests.support.service import MockModelProcess, ServiceProcess
from tests.support.streaming import script

pytestmark = pytest.mark.long

ROWS = ".tasks-row"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "100") as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), *model.as_provider()) as started:
        yield started


def ids(page: Page) -> list[str]:
    return page.locator(f"{ROWS} .c-task").all_inner_texts()


def test_failed_tasks_are_found_chosen_and_retried_together(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    script(model, *[{"match": f"what t{at} is.", "status": 400} for at in (3, 5, 8)])
    swarm_id = start(service, many(40), retry=NO_REST)
    ended(service, swarm_id)
    open_run(page, swarm_id, "?tab=tasks")

    page.get_by_role("group", name="State").get_by_role("button", name="failed 3").click()

    expect(page.locator(ROWS)).to_have_count(3)
    assert ids(page) == ["t3", "t5", "t8"]
    assert "state=failed" in page.url
    page.reload()
    expect(page.locator(ROWS)).to_have_count(3)  # the URL holds the selection
    page.get_by_label("Select t5").click()
    expect(page.get_by_role("button", name="Cancel 0")).to_be_disabled()
    page.get_by_role("button", name="Retry 1", exact=True).click()
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_label("Select all 2 tasks").click()
    page.get_by_role("button", name="Retry 2", exact=True).click()
    expect(page.locator(".run-head")).to_contain_text("completed")
    assert swarm_of(service, swarm_id)["counts"]["completed"] == 40


def test_open_tasks_are_cancelled_together_and_the_run_goes_on(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    model.configure(latency_ms=3000)
    try:
        swarm_id = start(service, many(30), limits={"max_parallel_agents": 5})
        open_run(page, swarm_id, "?tab=tasks&state=queued")
        expect(page.get_by_role("status").filter(has_text="25 tasks of 30")).to_be_visible()
        page.get_by_label("Select all 25 tasks").click()

        page.get_by_role("button", name="Cancel 25").click()

        expect(page.get_by_text("No task is like that now.")).to_be_visible()
        found = ended(service, swarm_id)
        assert (found["status"], found["counts"]["completed"], found["counts"]["cancelled"]) == ("partial", 5, 25)
    finally:
        model.configure(latency_ms=100)


def test_the_table_of_ten_thousand_is_used_by_keyboard(
    service: ServiceProcess, model: MockModelProcess, page: Page
) -> None:
    script(model, {"match": "the very first", "hang": True})
    tasks: list[dict[str, Any]] = [{"id": "first", "prompt": "the very first"}]
    tasks += [{"id": f"t{at}", "prompt": "x", "depends_on": ["first"]} for at in range(10_000)]
    swarm_id = start(service, tasks, limits={"max_parallel_agents": 1})
    with service.client() as client:
        client.post(f"/v1/swarms/{swarm_id}/cancel").raise_for_status()
    open_run(page, swarm_id, "?tab=tasks")
    table = page.get_by_role("grid", name="Tasks")
    assert table.get_attribute("aria-rowcount") == "10002"
    assert page.locator(ROWS).count() < 80

    table.focus()
    page.keyboard.press("End")
    expect(page.locator(ROWS).last).to_contain_text("t9999")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    expect(page.locator(f"{ROWS}.is-selected")).to_have_count(3)
    active = table.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active} .c-task").inner_text() == "t9996"
    page.keyboard.press("Control+a")
    expect(page.get_by_role("button", name="Retry 10,001", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="t9996")).to_contain_text("Depends on (0 of 1 completed)")
    page.keyboard.press("Escape")
    page.get_by_role("columnheader", name="Task").get_by_role("button").click()
    page.get_by_role("columnheader", name="Task").get_by_role("button").click()
    expect(page.locator(ROWS).first).to_contain_text("t9999")
    page.get_by_label("Search tasks").fill("t77")
    until(page, "document.querySelector('[role=grid]')?.getAttribute('aria-rowcount') === '112'")


def test_the_timeline_is_walked_by_keyboard(service: ServiceProcess, page: Page, shoot: Shoot) -> None:
    swarm_id = start(service, tens(3), limits={"max_parallel_agents": 5})
    ended(service, swarm_id)
    open_run(page, swarm_id, "?tab=timeline")
    expect(page.locator(".timeline-count")).to_have_text("5 tasks at once at most")
    expect(page.locator(".timeline-path")).to_contain_text("Critical path")
    shoot(page, "run-timeline-light")

    page.locator(".timeline-box").focus()
    for key in ("Home", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)

    told = page.locator(".timeline-told")
    expect(told).to_contain_text("waited")
    expect(page.locator("#live")).to_contain_text("ran")
    task_id = told.inner_text().split(" · ")[0]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=task_id, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="By task").click()
    expect(page.locator(".timeline-count")).to_have_text("34 tasks")
    assert "by=task" in page.url


def test_messages_come_as_they_are_sent(service: ServiceProcess, model: MockModelProcess, page: Page) -> None:
    model.configure(latency_ms=20_000)
    try:
        swarm_id = start(service, many(2))
        open_run(page, swarm_id, "?tab=messages")
        expect(page.get_by_text("No message yet")).to_be_visible()
        path = f"/v1/swarms/{swarm_id}/messages"
        with service.client() as client:
            client.post(path, json={"to": "t1", "body": "Look at page 7.", "sender": "me"}).raise_for_status()
            client.post(path, json={"topic": "news", "body": {"found": 3}}).raise_for_status()
            expect(page.locator(".message")).to_have_count(2, timeout=5_000)
            expect(page.locator(".message").last).to_contain_text("Look at page 7.")
            page.get_by_label("Topic").select_option("news")
            expect(page.locator(".message")).to_have_count(1)
            expect(page.locator(".message")).to_contain_text('"found": 3')
            client.post(f"/v1/swarms/{swarm_id}/cancel").raise_for_status()
    finally:
        model.configure(latency_ms=100)


def test_the_result_says_what_is_missing(service: ServiceProcess, model: MockModelProcess, page: Page) -> None:
    script(model, *[{"match": f"what t{at} is.", "status": 400} for at in (1, 2)])
    swarm_id = start(service, many(20), retry=NO_REST, aggregate={"strategy": "concat"})
    found = ended(service, swarm_id)
    open_run(page, swarm_id, "?tab=result")

    expect(page.get_by_role("group", name="Merged answer")).to_contain_text(found["aggregated"][:40])
    expect(page.locator(".run-notices")).to_contain_text("Partial: 18 of 20, 2 missing (2 failed)")
    expect(page.get_by_role("row").filter(has_text="t1")).to_contain_text("400")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.path().read_text() == found["aggregated"]
    page.get_by_role("link", name="2 missing").click()
    expect(page.locator(ROWS)).to_have_count(2)
    assert "tab=tasks" in page.url


def test_without_a_merge_the_result_is_what_the_last_task_said(service: ServiceProcess, page: Page) -> None:
    swarm_id = start(service, tens(1, each=3))
    ended(service, swarm_id)
    with service.client() as client:
        said = client.get(f"/v1/swarms/{swarm_id}/tasks/report").json()["output"]

    open_run(page, swarm_id, "?tab=result")

    expect(page.get_by_role("heading", name="Answer of report")).to_be_visible()
    expect(page.get_by_role("group", name="Output of report")).to_have_text(said)
