"""A run whose provider asks for a rest. A service of its own: what a provider takes is learned over all runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Shoot
from tests.support.console_runs import many, open_run, start
from tests.support.service import MockModelProcess, ServiceProcess
from tests.support.streaming import script

pytestmark = pytest.mark.long


def test_throttling_is_told_with_the_time_it_ends(
    service: ServiceProcess, model: MockModelProcess, page: Page, shoot: Shoot
) -> None:
    model.configure(latency_ms=1500)  # the refusals come first
    refusal = {"status": 429, "retry_after_s": 6, "latency_ms": 20}
    script(model, *[{"match": f"what t{at} is."} | refusal for at in range(10)])
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    swarm_id = start(service, many(30), limits={"max_parallel_agents": 20}, start_at=later)
    open_run(page, swarm_id)
    notice = page.locator(".run-notices")
    expect(notice).to_contain_text("Not begun yet")

    with service.client() as client:
        client.post(f"/v1/swarms/{swarm_id}/resume").raise_for_status()

    expect(notice).to_contain_text("Throttled")
    expect(notice).to_contain_text("Goes on at")
    shoot(page, "run-throttled-light", full=True)
    expect(notice).not_to_contain_text("Throttled", timeout=30_000)
    expect(page.locator(".run-head")).to_contain_text("completed", timeout=30_000)
