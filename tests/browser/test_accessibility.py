"""Every screen in both themes and at both widths: nothing serious for axe-core, no sideways scroll, all by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE, OpenPage, Shoot
from tests.support.service import MockModelProcess, ServiceProcess, poll

pytestmark = pytest.mark.long

SERIOUS = {"serious", "critical"}
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
VIEWPORTS = pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
PALETTE = {
    "dark": {
        "--bg": "#0f1318",
        "--panel": "#171d24",
        "--text": "#e8edf3",
        "--running": "#3f8ef7",
        "--failed": "#ec515d",
    },
    "light": {"--bg": "#f4f6f8", "--panel": "#fff", "--text": "#17202a", "--running": "#0b6bd3", "--failed": "#a61b1b"},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A service with something on every screen: its URL, a run with every kind of end, the name of a saved graph."""
    folder = tmp_path_factory.mktemp("prepared")
    with ExitStack() as stack:
        model = stack.enter_context(MockModelProcess(folder / "model", "--latency-ms", "20"))
        service = stack.enter_context(ServiceProcess(folder / "service", *model.as_provider()))
        client = stack.enter_context(service.client())
        client.put("/v1/prices", json={"mock": {"input_per_mtok": 5, "output_per_mtok": 20}}).raise_for_status()
        model.script({"match": "breaks", "status": 400}, {"match": "stumbles", "status": 500})
        tasks: list[dict[str, Any]] = [
            {"id": f"read {at}", "type": "reader", "prompt": f"Read {at}"} for at in range(20)
        ]
        tasks += [
            {"id": "broken", "prompt": "This breaks"},
            {"id": "slow", "prompt": "This stumbles"},
            {"id": "after", "prompt": "After", "depends_on": ["broken"]},
            {"id": "all", "prompt": "All", "depends_on": [f"read {at}" for at in range(20)]},
        ]
        run = {"name": "prepared run", "model": "mock", "tasks": tasks, "budget": {"max_cost_usd": 1}}
        swarm_id = str(client.post("/v1/swarms", json=run).raise_for_status().json()["swarm_id"])
        client.put("/v1/graphs/saved", json={"name": "saved", "tasks": [*tasks[:4], *tasks[20:23]]}).raise_for_status()
        client.post(f"/v1/swarms/{swarm_id}/messages", json={"topic": "news", "body": "hello"})
        poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "partial", what="the end of the run")
        yield service.url, swarm_id, "saved"


def places(swarm_id: str, graph: str) -> dict[str, str]:
    run = f"/console/runs/{swarm_id}"
    tabs = ("graph", "timeline", "tasks", "messages", "result")
    return {
        "runs": "/console",
        "run": run,
        **{f"run-{tab}": f"{run}?tab={tab}" for tab in tabs},
        "run-task": f"{run}?tab=tasks&task=broken",
        "new": "/console/new",
        "graphs": "/console/graphs",
        "builder": f"/console/graphs/{graph}",
        "providers": "/console/providers",
        "keys": "/console/keys",
        "nowhere": "/console/nowhere",
    }


def settled(page: Page) -> None:
    """Wait until the screen has its data: no skeleton, no running request."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.get_by_role("heading").first).to_be_visible()


@THEMES
@VIEWPORTS
def test_axe_finds_nothing_serious_on_any_screen(
    prepared: tuple[str, str, str], open_page: OpenPage, shoot: Shoot, theme: str, viewport: dict[str, int]
) -> None:
    url, swarm_id, graph = prepared
    page = open_page(url, theme=theme, viewport=viewport)
    found: dict[str, list[str]] = {}
    for name, place in places(swarm_id, graph).items():
        page.goto(place)
        settled(page)
        shoot(page, f"{name}-{theme}-{viewport['width']}", full=True)
        violations = Axe().run(page).response["violations"]
        lines = [
            f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
            for one in violations
            if one["impact"] in SERIOUS
            for node in one["nodes"][:3]
        ]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            lines.append("the page scrolls sideways")
        if lines:
            found[name] = lines

    assert found == {}


@THEMES
def test_the_theme_is_the_systems_until_another_is_chosen(
    prepared: tuple[str, str, str], open_page: OpenPage, theme: str
) -> None:
    other = "light" if theme == "dark" else "dark"
    page = open_page(prepared[0], theme=theme)
    page.goto("/console")
    assert colours(page, theme) == PALETTE[theme]

    page.emulate_media(color_scheme=other)  # type: ignore[arg-type]
    expect(page.locator("html")).to_have_attribute("data-theme", other)
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.get_by_role("button", name=re.compile(f"{other} theme", re.IGNORECASE)).click()

    assert colours(page, other) == PALETTE[other]
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", other)
    page.get_by_role("button", name=re.compile(f"{theme} theme", re.IGNORECASE)).click()
    assert colours(page, theme) == PALETTE[theme]
    assert page.evaluate("localStorage.length") == 0  # back to the system's, which is followed again


def colours(page: Page, theme: str) -> dict[str, str]:
    script = "(names) => names.map((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim())"
    names = list(PALETTE[theme])
    return dict(zip(names, page.evaluate(script, names), strict=True))


def test_screens_menus_and_dialogs_by_keyboard(prepared: tuple[str, str, str], open_page: OpenPage) -> None:
    page = open_page(prepared[0])
    page.goto("/console")
    expect(page.get_by_role("link", name="prepared run")).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    page.get_by_role("link", name="Keys").focus()
    page.keyboard.press("Enter")
    opener = page.get_by_role("button", name="Mint a key")
    expect(opener).to_be_enabled()
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(20):  # focus does not leave the dialog, but for the browser's own bars
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))"
        )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()

    page.goto(f"/console/runs/{prepared[1]}")
    menu = page.get_by_role("button", name="Export")
    menu.focus()
    page.keyboard.press("Enter")
    items = page.get_by_role("menuitem")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(items.last).to_be_focused()
    page.keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(menu).to_be_focused()
