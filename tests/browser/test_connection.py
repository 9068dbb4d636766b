"""A service that is killed mid-run: the console says so at once, comes back by itself and ends equal to REST."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Shoot
from tests.support.service import MockModelProcess, ServiceProcess

pytestmark = pytest.mark.long

NOTICED_S = 2.0
LOST = r"net::ERR_(CONNECTION_\w+|EMPTY_RESPONSE|INCOMPLETE_\w+|CONTENT_LENGTH_MISMATCH)|WebSocket connection to"
"""What the browser itself says of a server that is not there."""


@pytest.fixture
def service(tmp_path: Path, model: MockModelProcess) -> Iterator[ServiceProcess]:
    """A service that comes back on the port that it had."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ServiceProcess(tmp_path / "service", *model.as_provider(), "--port", str(port)) as started:
        with started.client() as client:
            client.put("/v1/prices", json={"mock": {"input_per_mtok": 5, "output_per_mtok": 20}}).raise_for_status()
        yield started


def start(service: ServiceProcess) -> str:
    body = {
        "name": "long run",
        "model": "mock",
        "tasks": [{"id": f"t{number}", "prompt": f"Task {number}"} for number in range(40)],
        "limits": {"max_parallel_agents": 4},
    }
    with service.client() as client:
        return str(client.post("/v1/swarms", json=body).raise_for_status().json()["swarm_id"])


@pytest.mark.alone
def test_a_killed_service_is_noticed_and_followed_again(
    service: ServiceProcess, model: MockModelProcess, open_page: OpenPage, complaints_of_loss: None, shoot: Shoot
) -> None:
    model.configure(latency_ms=500)
    swarm_id = start(service)
    page = open_page(service.url)
    page.goto(f"/console/runs/{swarm_id}")
    expect(page.locator(".run-name .chip", has_text="live")).to_be_visible()
    expect(page.locator("[data-counter=completed] dd")).not_to_have_text("0")

    service.kill()
    killed_at = time.monotonic()

    expect(page.locator(".run-name .chip", has_text="reconnecting")).to_be_visible()
    noticed_s = time.monotonic() - killed_at
    expect(page.get_by_text(re.compile(r"as of \d\d:\d\d:\d\d"))).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="The connection is lost")).to_have_count(1)
    page.wait_for_timeout(700)  # so that a second attempt fails, too
    shoot(page, "run-reconnecting")
    shown = page.locator("[data-counter=completed] dd").inner_text()
    service.start()
    page.get_by_role("button", name="Try now").click()

    expect(page.locator(".run-name .chip", has_text="live")).to_be_visible()
    expect(page.locator(".run-name")).to_contain_text("completed", timeout=60_000)
    with service.client() as client:
        run = client.get(f"/v1/swarms/{swarm_id}").json()
    assert noticed_s < NOTICED_S
    assert int(shown) < run["counts"]["completed"] == 40
    expect(page.locator("[data-counter=completed] dd")).to_have_text("40")
    expect(page.locator("[data-counter=running] dd")).to_have_text("0")
    expect(page.locator("[data-counter=cost] dd")).to_have_text(f"${run['cost_usd']:.4f}")
    expect(page.locator(".cell.is-completed[aria-label]")).to_have_count(min(40, page.locator(".cells .cell").count()))


def test_without_a_service_there_is_a_word_and_a_way_back(
    service: ServiceProcess, open_page: OpenPage, complaints_of_loss: None
) -> None:
    page = open_page(service.url)
    page.goto("/console/providers")
    expect(page.get_by_role("heading", name="Providers", level=1)).to_be_visible()
    service.kill()

    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Keys").click()

    expect(page.get_by_role("alert")).to_contain_text(re.compile("does not answer|dynamically imported module"))
    service.start()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Everybody on this machine is let in without one")).to_be_visible()


@pytest.fixture
def complaints_of_loss(complaints: object) -> None:
    """Let the browser's own words about a lost server pass."""
    complaints.expect(LOST)  # type: ignore[attr-defined]


def test_a_service_that_stops_in_order_ends_no_run(
    service: ServiceProcess, model: MockModelProcess, open_page: OpenPage, complaints_of_loss: None
) -> None:
    model.configure(latency_ms=300)
    swarm_id = start(service)
    page = open_page(service.url)
    page.goto(f"/console/runs/{swarm_id}")
    expect(page.locator(".run-name .chip", has_text="live")).to_be_visible()

    assert service.terminate() == 0

    expect(page.locator(".run-name .chip", has_text="reconnecting")).to_be_visible()
    service.start()
    expect(page.locator(".run-name")).to_contain_text("completed", timeout=60_000)
