"""With keys: a form instead of data, sockets by ticket, a key that stays in the tab; and the screen that mints them."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.conftest import Complaints, OpenPage, Shoot
from tests.support.service import MockModelProcess, ServiceProcess

pytestmark = pytest.mark.long

REFUSED = r"status of 401"


@pytest.fixture
def key(service: ServiceProcess) -> str:
    """From now on the service asks for a key."""
    with service.client() as client:
        body = {"name": "console", "scopes": ["read", "run", "admin"]}
        return str(client.post("/v1/keys", json=body).raise_for_status().json()["key"])


def enter(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_a_key_is_asked_for_and_a_wrong_one_is_told(
    service: ServiceProcess, page: Page, key: str, complaints: Complaints, shoot: Shoot
) -> None:
    complaints.expect(REFUSED)
    page.goto("/console")
    expect(page.get_by_text("This service asks for a key.")).to_be_visible()
    shoot(page, "key-form")

    enter(page, "sk-swarmd-wrong")

    expect(page.locator(".wrong")).to_have_text("The service does not take this key.")
    expect(page.get_by_label("Key", exact=True)).to_have_attribute("aria-invalid", "true")
    shoot(page, "key-form-wrong")

    enter(page, key)

    expect(page.get_by_role("button", name="Run the demo swarm")).to_be_visible()
    assert key in page.evaluate("JSON.stringify({...sessionStorage})")
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []
    page.reload()
    expect(page.get_by_role("button", name="Run the demo swarm")).to_be_visible()

    page.get_by_role("button", name="Forget key").click()

    expect(page.get_by_text("This service asks for a key.")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_run_is_followed_with_a_ticket_and_the_key_is_in_no_url(
    service: ServiceProcess, model: MockModelProcess, page: Page, key: str, complaints: Complaints
) -> None:
    complaints.expect(REFUSED)
    model.configure(latency_ms=400)
    sockets: list[WebSocket] = []
    urls: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - a method of a list cannot be marked
    page.on("request", lambda request: urls.append(request.url))
    with service.client() as client:
        tasks = [{"prompt": f"Task {number}"} for number in range(8)]
        run = client.post(
            "/v1/swarms",
            json={"model": "mock", "tasks": tasks, "limits": {"max_parallel_agents": 2}},
            headers={"Authorization": f"Bearer {key}"},
        ).json()
    page.goto(f"/console/runs/{run['swarm_id']}")

    enter(page, key)

    expect(page.locator(".run-name .chip", has_text="live")).to_be_visible()
    expect(page.locator(".run-name")).to_contain_text("completed", timeout=30_000)
    [ticket] = parse_qs(urlsplit(sockets[0].url).query)["ticket"]
    assert ticket
    assert key not in json.dumps([*urls, *(socket.url for socket in sockets)])


def test_the_first_key_is_minted_used_rotated_and_revoked(
    service: ServiceProcess, page: Page, complaints: Complaints, shoot: Shoot
) -> None:
    complaints.expect("status of 422")
    page.goto("/console/keys")
    page.get_by_role("button", name="Mint a key").click()
    page.get_by_label("Name").fill("first")
    shoot(page, "key-mint")
    page.get_by_role("button", name="Mint the key").click()
    secret = page.locator("dialog pre").inner_text()
    page.get_by_role("button", name="I have kept it").click()

    # From here on the service asks for a key, and the tab has it.
    row = page.get_by_role("row", name=re.compile("first"))
    expect(row).to_contain_text("read, run, admin")
    page.get_by_role("button", name="Mint a key").click()
    page.get_by_label("Name").fill("second")
    page.get_by_label("Requests a minute").fill("0")
    page.get_by_role("button", name="Mint the key").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Requests a minute").fill("60")
    page.get_by_role("button", name="Mint the key").click()
    page.get_by_role("button", name="I have kept it").click()
    second = page.get_by_role("row", name=re.compile("second"))
    expect(second).to_contain_text("60")

    page.get_by_role("button", name="Rotate second").click()
    page.get_by_role("button", name="Make a new secret").click()
    rotated = page.locator("dialog pre").inner_text()
    page.get_by_role("button", name="I have kept it").click()
    with service.client() as client:
        works = {"Authorization": f"Bearer {rotated}"}
        assert client.get("/v1/swarms", headers=works).status_code == 200
        page.get_by_role("button", name="Revoke second").click()
        page.get_by_role("button", name="Revoke it").click()
        expect(second).to_contain_text("revoked")
        assert client.get("/v1/swarms", headers=works).status_code == 401
        assert client.get("/v1/keys", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    shoot(page, "keys")


def test_a_key_without_the_scope_is_told_what_it_may_not(
    service: ServiceProcess, open_page: OpenPage, key: str, complaints: Complaints
) -> None:
    complaints.expect(r"status of (401|403)")
    with service.client() as client:
        reader = client.post(
            "/v1/keys", json={"name": "reader", "scopes": ["read"]}, headers={"Authorization": f"Bearer {key}"}
        ).json()["key"]
    page = open_page(service.url)
    page.goto("/console/keys")

    enter(page, reader)

    expect(page.get_by_text("This key may not see the others")).to_be_visible()
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Runs").click()
    page.get_by_role("button", name="Run the demo swarm").click()
    expect(page.get_by_role("alert")).to_contain_text("run")


def test_what_is_not_there_has_a_way_back(service: ServiceProcess, page: Page, complaints: Complaints) -> None:
    complaints.expect("status of 404")
    page.goto("/console/no/such/place")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()

    page.goto("/console/runs/swm_01JZ6M5K8Q1V3X7Y9B2D4F6H8J")

    expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="All runs").click()
    expect(page.get_by_role("button", name="Run the demo swarm")).to_be_visible()
