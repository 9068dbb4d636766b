"""The graph builder: by mouse, by keyboard, and what it refuses."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Complaints, Shoot
from tests.support.console_runs import ended_here
from tests.support.service import ServiceProcess

pytestmark = pytest.mark.long


def open_new(page: Page, name: str = "report") -> Locator:
    """A new graph in the builder, opened from the list; returns its canvas."""
    page.goto("/console/graphs")
    page.get_by_role("button", name="New graph").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Open the builder").click()
    canvas = page.get_by_role("application")
    expect(canvas).to_be_visible()
    return canvas


def open_saved(page: Page, name: str = "report") -> Locator:
    page.goto(f"/console/graphs/{name}")
    canvas = page.get_by_role("application")
    expect(canvas).to_be_visible()
    return canvas


def put(api: httpx2.Client, name: str, *tasks: dict[str, Any], **fields: Any) -> None:
    api.put(f"/v1/graphs/{name}", json={"tasks": list(tasks), **fields}).raise_for_status()


def node(page: Page, name: str) -> Locator:
    return page.locator(f'.x6-node[data-cell-id="{name}"]')


def middle(of: Locator) -> tuple[float, float]:
    box = of.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: Locator, end: tuple[float, float]) -> None:
    page.mouse.move(*middle(start))
    page.mouse.down()
    page.mouse.move(end[0] - 30, end[1] - 5, steps=6)
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def connect(page: Page, source: str, target: str) -> None:
    start = node(page, source).locator('circle[port-group="out"]')
    drag(page, start, middle(node(page, target).locator('circle[port-group="in"]')))


def saved(api: httpx2.Client, name: str = "report") -> dict[str, list[str]]:
    """What each task of the saved graph waits for."""
    graph = api.get(f"/v1/graphs/{name}").raise_for_status().json()
    return {task["id"]: task.get("depends_on", []) for task in graph["tasks"]}


def test_two_tasks_are_dragged_connected_saved_loaded_again_and_run(
    page: Page, service: ServiceProcess, api: httpx2.Client, shoot: Shoot
) -> None:
    canvas = open_new(page)
    page.locator(".palette-item", has_text="researcher").drag_to(canvas, target_position={"x": 160, "y": 120})
    page.get_by_label("Prompt").fill("Find three facts about SQLite.")
    page.locator(".palette-item", has_text="writer").drag_to(canvas, target_position={"x": 520, "y": 200})
    page.get_by_label("Prompt").fill("Write them up.")
    connect(page, "researcher", "writer")
    expect(page.locator(".chips")).to_contain_text("researcher")
    expect(page.get_by_text("None: it can be run.")).to_be_visible()
    expect(page.locator(".figures")).to_contain_text("model calls2")
    shoot(page, "builder")

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("saved, revision 1")).to_be_visible()
    assert saved(api) == {"researcher": [], "writer": ["researcher"]}
    before = middle(node(page, "writer"))[0] - middle(node(page, "researcher"))[0]

    open_saved(page)
    assert middle(node(page, "writer"))[0] - middle(node(page, "researcher"))[0] == pytest.approx(before, abs=1)
    expect(page.locator(".x6-edge")).to_have_count(1)
    expect(page.get_by_text("None: it can be run.")).to_be_visible()
    page.get_by_role("button", name="Run graph").click()

    swarm = ended_here(service, page)
    assert (swarm["status"], swarm["counts"]["completed"]) == ("completed", 2)
    assert swarm["metadata"] == {"graph_id": "report", "graph_revision": 1}


def test_the_same_by_keyboard_alone(page: Page, service: ServiceProcess, api: httpx2.Client) -> None:
    canvas = open_new(page)
    canvas.focus()
    page.keyboard.press("a")
    page.keyboard.press("Enter")  # into the form
    page.keyboard.press("Control+a")
    page.keyboard.type("collect")
    page.keyboard.press("Tab")
    page.keyboard.type("Collect the figures.")
    page.keyboard.press("Escape")  # and back
    expect(canvas).to_be_focused()
    page.keyboard.press("a")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+ArrowLeft")
    expect(canvas).to_have_attribute("aria-label", "Canvas of the graph, 2 tasks. collect is selected.")
    page.keyboard.press("c")
    page.keyboard.press("n")
    page.keyboard.press("c")
    expect(page.locator(".x6-edge")).to_have_count(1)
    page.keyboard.press("a")
    page.keyboard.press("Delete")
    expect(page.locator(".x6-node")).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(page.locator(".x6-node")).to_have_count(3)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(".x6-node")).to_have_count(2)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("saved, revision 1")).to_be_visible()

    graph = api.get("/v1/graphs/report").json()
    assert [task["id"] for task in graph["tasks"]] == ["collect", "task"]
    assert graph["tasks"][0]["prompt"] == "Collect the figures."
    assert saved(api) == {"collect": [], "task": ["collect"]}
    apart = [b - a for a, b in zip(graph["layout"]["collect"], graph["layout"]["task"], strict=True)]
    assert apart == [200, 50]  # four times 50 to the right; a row below, less 10

    run = page.get_by_role("button", name="Run graph")
    expect(run).to_be_enabled()
    run.focus()
    page.keyboard.press("Enter")
    assert ended_here(service, page)["counts"]["completed"] == 2


def test_a_cycle_is_refused_with_an_alert_and_a_change_is_undone(page: Page, api: httpx2.Client, shoot: Shoot) -> None:
    put(api, "report", {"id": "a"}, {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]})
    canvas = open_saved(page)
    expect(page.locator(".x6-edge")).to_have_count(2)

    connect(page, "c", "a")
    expect(page.get_by_role("alert")).to_contain_text("That would be a cycle: a → b → c → a")
    expect(page.locator(".x6-edge")).to_have_count(2)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    shoot(page, "builder-cycle")

    connect(page, "a", "c")
    expect(page.locator(".x6-edge")).to_have_count(3)
    canvas.focus()
    page.keyboard.press("Control+z")
    expect(page.locator(".x6-edge")).to_have_count(2)
    page.get_by_role("button", name="Redo").click()
    expect(page.locator(".x6-edge")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("saved, revision 1")).to_be_visible()  # it is as it was saved


def test_a_cycle_that_is_typed_is_a_problem_with_its_tasks_marked(page: Page, api: httpx2.Client) -> None:
    put(api, "report", {"id": "a"}, {"id": "b", "depends_on": ["a"]})
    open_saved(page)

    page.get_by_role("button", name="JSON").click()
    pane = page.get_by_label("The graph as JSON")
    pane.fill('{"tasks": [{"id": "a", "depends_on": ["b"]}, {"id": "b", "depends_on": ["a"]}]}')

    problems = page.get_by_role("region", name="Problems")
    expect(problems).to_contain_text("cycle")
    expect(page.locator(".bnode-box.is-wrong")).to_have_count(2)
    expect(page.get_by_role("button", name="Run graph")).to_be_disabled()
    pane.fill('{"tasks": [')
    expect(page.locator("#graph-json-wrong")).to_contain_text("JSON")
    pane.fill('{"tasks": [{"id": "a", "priority": 11}, {"id": "b", "depends_on": ["nobody"]}]}')
    problems.get_by_role("button", name="a · priority").click()
    expect(page.get_by_role("textbox", name="Id")).to_have_value("a")
    expect(page.get_by_label("Priority")).to_have_attribute("aria-invalid", "true")


def test_what_somebody_else_saved_is_not_overwritten_unasked(
    page: Page, api: httpx2.Client, complaints: Complaints
) -> None:
    complaints.expect("412")
    put(api, "report", {"id": "a", "prompt": "mine"})
    open_saved(page)
    page.keyboard.press("Tab")
    page.get_by_role("application").focus()
    page.keyboard.press("a")
    put(api, "report", {"id": "a", "prompt": "theirs"})

    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("saved elsewhere")
    assert api.get("/v1/graphs/report").json()["tasks"][0]["prompt"] == "theirs"
    dialog.get_by_role("button", name="Overwrite it").click()
    expect(page.get_by_text("saved, revision 3")).to_be_visible()
    assert api.get("/v1/graphs/report").json()["tasks"][0]["prompt"] == "mine"


def test_what_the_builder_does_not_know_is_kept(page: Page, api: httpx2.Client) -> None:
    task = {"id": "a", "prompt": "x", "sources": ["s"], "output_schema": {"type": "object"}, "priority": "high"}
    put(api, "report", task, metadata={"team": "x"}, routing={"tiers": {}}, description="d")
    open_saved(page)
    page.get_by_label("Name").fill("Weekly")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("saved, revision 2")).to_be_visible()

    graph = api.get("/v1/graphs/report").json()
    assert graph["tasks"] == [task]
    assert (graph["name"], graph["metadata"], graph["routing"], graph["description"]) == (
        "Weekly",
        {"team": "x"},
        {"tiers": {}},
        "d",
    )


def test_what_is_not_saved_is_there_again_when_one_comes_back(page: Page, api: httpx2.Client) -> None:
    put(api, "report", {"id": "a", "prompt": "x"})
    canvas = open_saved(page)
    canvas.focus()
    page.keyboard.press("a")
    expect(page.locator(".x6-node")).to_have_count(2)

    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_text("report is not saved")).to_be_visible()
    page.get_by_role("link", name="Graphs").click()
    page.get_by_role("link", name="report", exact=True).click()

    expect(page.locator(".x6-node")).to_have_count(2)
    expect(page.get_by_text("not saved", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("saved, revision 1")).to_be_visible()
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", level=1).or_(page.get_by_role("heading", name="No run yet"))).to_be_visible()
    assert [task["id"] for task in api.get("/v1/graphs/report").json()["tasks"]] == ["a"]
