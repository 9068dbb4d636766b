"""The TypeScript SDK where there is a WebSocket built in and no header can be sent with it: in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Complaints, OpenPage
from tests.support.accounts import bearer
from tests.support.cutting_proxy import CuttingProxy
from tests.support.keys import mint
from tests.support.sdks import TYPESCRIPT_SDK
from tests.support.service import MockModelProcess, ServiceProcess, events_of
from tests.support.streaming import check_order

pytestmark = pytest.mark.long

FETCH = TYPESCRIPT_SDK / "node_modules/openapi-fetch/dist/index.mjs"

RUN = """async ({ key, tasks }) => {
  const { createSwarmd, ok, ApiProblem } = await import("/page/index.js");
  const swarmd = createSwarmd({ baseUrl: location.origin, apiKey: key });
  const body = { tasks, limits: { max_parallel_agents: 8 }, retry: { base_delay_s: 0.1 } };
  let swarm_id;
  while (!swarm_id) {
    // A cut that meets this request: sent again under its key, it starts nothing twice.
    const header = { "Idempotency-Key": "from-a-page" };
    const asked = swarmd.POST("/v1/swarms", { body, params: { header } });
    swarm_id = await asked.then((made) => ok(made).swarm_id, () => null);
  }
  const frames = [];
  for await (const event of swarmd.streamSwarm(swarm_id)) frames.push(event);
  return { swarm_id, frames };
}"""

REFUSED = """async ({ key }) => {
  const { createSwarmd, ApiProblem } = await import("/page/index.js");
  try {
    await createSwarmd({ baseUrl: location.origin, apiKey: key }).streamSwarm("swm_unknown").next();
  } catch (error) {
    return [error instanceof ApiProblem, error.problem.status];
  }
}"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[ServiceProcess, str]]:
    with MockModelProcess(tmp_path / "model", "--latency-ms", "60") as model:
        service = ServiceProcess(tmp_path / "service", *model.as_provider())
        key = mint(service.data_dir, "default", "read,run")["key"]
        with service:
            yield service, key


def serve(page: Page, url: str) -> None:
    """The modules of the SDK, as a bundler or an import map has them, for a page of the service's own address.

    The page itself comes from there: Chromium lets none that a test makes up open sockets to this machine.
    """

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        path = FETCH if name == "openapi-fetch.js" else TYPESCRIPT_SDK / "lib" / name
        text = path.read_text(encoding="utf-8").replace('"openapi-fetch"', '"./openapi-fetch.js"')
        route.fulfill(body=text, content_type="text/javascript")

    page.route(f"{url}/page/**", answer)
    page.goto("/healthz")


def test_a_page_follows_a_run_through_cuts(
    guarded: tuple[ServiceProcess, str], open_page: OpenPage, complaints: Complaints
) -> None:
    if not FETCH.exists():
        pytest.skip("needs the packages of the TypeScript SDK: scripts/sdk --tools")
    service, key = guarded
    complaints.expect(re.escape("net::ERR_"))  # what a browser says of a connection that was cut
    complaints.expect("WebSocket connection to .* failed")
    complaints.expect("status of 40[14]")
    with CuttingProxy(service.url) as proxy:
        page = open_page(proxy.url)
        serve(page, proxy.url)
        proxy.wanted = 10
        tasks = [{"id": f"t{n}", "prompt": f"word {n}"} for n in range(60)]
        seen = page.evaluate(RUN, {"key": key, "tasks": tasks})
        assert proxy.cuts == 10
        assert page.evaluate(REFUSED, {"key": key}) == [True, 404]
        assert page.evaluate(REFUSED, {"key": "sk-wrong"}) == [True, 401]

    swarm_id = seen["swarm_id"]
    assert check_order(seen["frames"]).keys() == {swarm_id}
    with service.client() as client:
        client.headers.update(bearer(key))
        logged = [frame for frame in seen["frames"] if frame["type"] != "metrics_snapshot"]
        assert logged == list(events_of(client, swarm_id))
    assert logged[-1]["status"] == "completed"
