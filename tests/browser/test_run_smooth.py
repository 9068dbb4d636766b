"""The run screen under load: 300 agents and a thousand events a second, and five minutes of everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import until
from tests.support.console_runs import open_run, start
from tests.support.service import MockModelProcess, ServiceProcess

pytestmark = pytest.mark.long

MEASURED_S = 10
WINDOWS = 3
"""So often at most, as the machine may be busy with something else; what the page is too slow for, it always is."""
SOAK_S = 300
MOST_GROWTH_BYTES = 10_000_000

MEASURE = """() => {
    const frames = [], longTasks = [];
    const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration)));
    observer.observe({ type: "longtask" });
    let last = 0, stopped = false;
    const frame = (now) => {
        if (last) frames.push(now - last);
        last = now;
        if (!stopped) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    window.stopMeasuring = () => {
        stopped = true;
        observer.disconnect();
        return [frames, longTasks];
    };
}"""


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    flags = ("--reply", "done", "--latency-ms", "400", "--latency-jitter-ms", "200")
    with MockModelProcess(tmp_path_factory.mktemp("model"), *flags) as started:
        yield started


def last_seq(service: ServiceProcess, swarm_id: str) -> int:
    with service.client() as client:
        graph = client.get(f"/v1/swarms/{swarm_id}/snapshot", params={"outputs": False}).json()
    return int(graph["seq"])


@pytest.mark.alone
def test_three_hundred_cells_stay_smooth_at_a_thousand_events_a_second(
    service: ServiceProcess, model: MockModelProcess, page: Page, record_property: Callable[[str, object], None]
) -> None:
    tasks = [{"id": f"t{at}", "prompt": "x"} for at in range(20_000)]
    swarm_id = start(service, tasks, limits={"max_parallel_agents": 300})
    open_run(page, swarm_id)
    expect(page.locator("[data-slot]")).to_have_count(300)
    until(page, "document.querySelector('[data-counter=completed] dd').textContent !== '0'")
    found = [measured(service, swarm_id, page)]
    while len(found) < WINDOWS and not found[-1].holds:
        found.append(measured(service, swarm_id, page))

    record_property("frame_p95_ms", found[-1].frame_p95_ms)
    record_property("events_per_s", found[-1].events_per_s)
    print(found)
    assert found[-1].holds, found
    with service.client() as client:
        client.post(f"/v1/swarms/{swarm_id}/cancel").raise_for_status()


@dataclass(frozen=True)
class Window:
    events_per_s: int
    frames: int
    frame_p95_ms: float
    longest_task_ms: float

    @property
    def holds(self) -> bool:
        return self.events_per_s >= 900 and self.frame_p95_ms <= 33.4 and self.longest_task_ms <= 100


def measured(service: ServiceProcess, swarm_id: str, page: Page) -> Window:
    """What the page did for ten seconds."""
    before, began = last_seq(service, swarm_id), time.monotonic()
    page.evaluate(MEASURE)
    page.wait_for_timeout(MEASURED_S * 1000)
    frames, long_tasks = page.evaluate("stopMeasuring()")
    rate = (last_seq(service, swarm_id) - before) / (time.monotonic() - began)
    return Window(
        events_per_s=round(rate),
        frames=len(frames),
        frame_p95_ms=round(sorted(frames)[int(0.95 * len(frames))], 1),
        longest_task_ms=max(long_tasks, default=0),
    )


def heap_bytes(session: CDPSession) -> int:
    """Bytes of the page's script that are in use once the garbage is gone."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    return int(session.send("Runtime.getHeapUsage")["usedSize"])


def test_five_minutes_of_use_leave_nothing_behind(
    service: ServiceProcess, model: MockModelProcess, page: Page, record_property: Callable[[str, object], None]
) -> None:
    model.configure(latency_ms=600)
    tasks = [{"id": f"t{at}", "prompt": "x"} for at in range(20_000)]
    swarm_id = start(service, tasks, limits={"max_parallel_agents": 30})  # some 50 tasks a second, 100 events
    open_run(page, swarm_id)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")

    def round_of_tabs() -> None:
        """Through every tab and a task, as someone does who watches."""
        for tab in ("Tasks", "Timeline", "Messages", "Result", "Graph", "Overview"):
            page.get_by_role("navigation", name="Views of the run").get_by_role("link", name=tab).click()
            page.wait_for_timeout(1_500)
        page.locator("[data-slot]").first.click()
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Escape")
        page.wait_for_timeout(500)

    round_of_tabs()
    first = heap_bytes(session)
    began = time.monotonic()
    while time.monotonic() - began < SOAK_S:
        round_of_tabs()
    growth = heap_bytes(session) - first

    record_property("heap_growth_bytes", growth)
    with service.client() as client:
        found = client.get(f"/v1/swarms/{swarm_id}").json()
        client.post(f"/v1/swarms/{swarm_id}/cancel").raise_for_status()
    figures = f"{growth / 1e6:.1f} MB more than {first / 1e6:.1f} MB, {found['counts']['completed']} tasks completed"
    print(figures)
    assert found["status"] == "running", figures  # there was something to watch all along
    assert growth < MOST_GROWTH_BYTES, figures
