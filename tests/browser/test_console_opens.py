"""The console comes up: served with the headers it needs, free of errors, in both themes and at both widths."""

from __future__ import annotations

import re

import httpx2
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, OpenPage, Shoot
from tests.support.service import ServiceProcess


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_empty_state_comes_up(
    service: ServiceProcess, open_page: OpenPage, shoot: Shoot, theme: str, viewport: dict[str, int]
) -> None:
    page = open_page(service.url, theme=theme, viewport=viewport)

    page.goto("/console")

    expect(page.get_by_role("button", name="Run the demo swarm")).to_be_visible()
    assert page.locator("html").get_attribute("data-theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, f"runs-empty-{theme}-{viewport['width']}")


def test_nothing_but_its_own_files_is_served(service: ServiceProcess) -> None:
    with httpx2.Client(base_url=service.url) as client:
        page = client.get("/console/runs/swm_1")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert client.get("/console/assets/main.js").headers["content-type"].startswith("text/javascript")
        for name in ("pages.py", "__init__.py", "..%2Fmain.py", "%2e%2e/settings.py", "vendor", "x" * 300, "%00"):
            assert client.get(f"/console/assets/{name}").status_code == 404, name


def test_an_asset_that_is_known_is_not_sent_again(service: ServiceProcess) -> None:
    with httpx2.Client(base_url=service.url) as client:
        first = client.get("/console/assets/main.js")
        again = client.get("/console/assets/main.js", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_the_pages_files_are_asked_for_once(service: ServiceProcess, open_page: OpenPage) -> None:
    with httpx2.Client(base_url=service.url) as client:
        first = client.get("/console")
        assert client.get("/console", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        version = re.findall(r"/console/assets/(v-[0-9a-f]{12})/main.js", first.text)[0]
        kept = client.get(f"/console/assets/{version}/main.js").headers["cache-control"]
        other = client.get("/console/assets/v-000000000000/main.js").headers["cache-control"]
        assert client.get(f"/console/assets/{version}/pages.py").status_code == 404
    assert ("immutable" in kept, other) == (True, "no-cache")

    page = open_page(service.url)
    page.goto("/console/graphs")
    expect(page.get_by_role("button", name="New graph")).to_be_visible()
    page.goto("/console/graphs")
    expect(page.get_by_role("button", name="New graph")).to_be_visible()

    # What comes out of the browser's own store has no bytes on the wire.
    loaded = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/'))"
    assert page.evaluate(f"{loaded}.length") > 20
    assert page.evaluate(f"{loaded}.filter((entry) => entry.transferSize > 0).map((entry) => entry.name)") == []
