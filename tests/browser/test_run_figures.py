"""What the run screen works out by itself: who has which cell, charts, lanes of the timeline, filters of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Complaints
from tests.support.service import ServiceProcess

ROWS = """(specs) => specs.map((spec, index) => ({
    task_id: `t${index}`, index, status: "queued", type: null, role: null, agent_id: `a${index}`, priority: 5,
    depends_on: [], attempts: 0, error: null, latency_ms: null, queue_ms: null, tokens_in: 0, tokens_out: 0,
    cost_usd: null, model: null, startedAt: null, endedAt: null, retryAt: null, steps: 0, ...spec }))"""

SLOTS = f"""async ({{ specs, size, steps }}) => {{
    const {{ Slots }} = await import("/console/assets/slots.js");
    const rows = ({ROWS})(specs);
    const slots = new Slots();
    slots.reset(rows, size);
    const shown = () => slots.rows.map((row) => row && `${{row.task_id}} ${{row.status}}`);
    const seen = [shown()];
    for (const step of steps) {{
        if (step.size) slots.resize(step.size, rows);
        else if (step.hold) slots.hold(rows);
        else slots.take(Object.assign(rows[step.row], step));
        seen.push(shown());
    }}
    return seen;
}}"""

CELLS = f"""async ({{ specs, size, throttled, p95, now }}) => {{
    const {{ CellGrid }} = await import("/console/assets/cell_grid.js");
    const {{ stateOf }} = await import("/console/assets/state.js");
    const {{ signal }} = await import("/console/assets/vendor/preact.js");
    const rows = ({ROWS})(specs);
    const run = {{
        swarm: signal({{ status: "running", max_parallel_agents: size }}), throttled: signal(throttled),
        metrics: signal({{ p95_ms: p95, ts: new Date(now).toISOString() }}), asOf: signal(Date.now()),
        tasks: new Map(rows.map((row) => [row.task_id, row])),
        shownState: (row) => stateOf(row.status === "queued" && throttled ? "throttled" : row.status),
    }};
    const box = document.createElement("div");
    const grid = new CellGrid(box, run, {{ onOpen() {{}}, onShow() {{}} }});
    grid.draw([]);
    grid.tick();
    return grid.cells.map((cell) => [cell.className, cell.textContent, cell.getAttribute("aria-label")]);
}}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture(scope="module")
def blank(browser: Browser, service: ServiceProcess) -> Iterator[Page]:
    """A page of the console, for its modules alone."""
    context = browser.new_context(base_url=service.url)
    page = context.new_page()
    found = Complaints()
    found.watch(page, service.url)
    page.goto("/console/nowhere")
    yield page
    context.close()
    assert found.unexpected == []


def walked(blank: Page, specs: list[dict[str, Any]], size: int, *steps: dict[str, Any]) -> list[list[str | None]]:
    found: list[list[str | None]] = blank.evaluate(SLOTS, {"specs": specs, "size": size, "steps": list(steps)})
    return found


def runs(row: int, at: int = 1) -> dict[str, Any]:
    return {"row": row, "status": "running", "startedAt": at}


def over(row: int, status: str = "completed", at: int = 2) -> dict[str, Any]:
    return {"row": row, "status": status, "endedAt": at}


def test_slots_show_what_is_to_come_then_what_runs_then_what_ran(blank: Page) -> None:
    steps = [runs(0), runs(1), over(0), runs(2), over(1), over(2)]
    seen = walked(blank, [{}, {}, {}], 2, *steps)

    assert seen[0] == ["t0 queued", "t1 queued"]
    assert seen[2] == ["t0 running", "t1 running"]
    assert seen[4] == ["t2 running", "t1 running"]
    assert seen[6] == ["t2 completed", "t1 completed"]


def test_a_failed_task_keeps_its_slot_longest(blank: Page) -> None:
    steps = [runs(0), runs(1), over(0, "failed"), over(1), runs(2), over(2), runs(3), runs(4)]
    seen = walked(blank, [{} for _ in range(5)], 2, *steps)

    assert seen[5] == ["t0 failed", "t2 running"]
    assert seen[7] == ["t0 failed", "t3 running"]
    assert seen[8] == ["t4 running", "t3 running"]  # nothing else is left to give


def test_a_run_that_ended_is_placed_as_it_went(blank: Page) -> None:
    def ran(start: int, end: int, status: str = "completed") -> dict[str, Any]:
        return {"status": status, "startedAt": start, "endedAt": end}

    specs = [ran(0, 10, "failed"), ran(0, 20), ran(20, 30), ran(30, 40), {"status": "skipped", "endedAt": 40}]
    [shown] = walked(blank, specs, 2)

    assert shown == ["t0 failed", "t3 completed"]


def test_slots_come_and_go_with_the_limit_but_not_from_under_a_task(blank: Page) -> None:
    steps = [{"size": 4}, runs(3), {"size": 2}, over(3), {"size": 2}]
    seen = walked(blank, [{} for _ in range(6)], 2, *steps)

    assert seen[1] == ["t0 queued", "t1 queued", "t2 queued", "t3 queued"]
    assert seen[3] == ["t0 queued", "t1 queued", "t2 queued", "t3 running"]
    assert seen[5] == ["t0 queued", "t1 queued"]


def test_where_a_run_is_held_back_what_waits_is_shown(blank: Page) -> None:
    seen = walked(blank, [{} for _ in range(4)], 2, runs(0), runs(1), over(0), {"hold": True})

    assert seen[4] == ["t2 queued", "t1 running"]


def test_a_cell_tells_its_state_by_more_than_colour(blank: Page) -> None:
    specs = [
        {"status": "waiting"},
        {},
        {"status": "running", "startedAt": 9_900, "attempts": 1},
        {"status": "running", "startedAt": 4_000, "attempts": 1},
        {"status": "retrying", "startedAt": 9_000, "attempts": 1, "retryAt": 11_000},
        {"status": "completed", "startedAt": 1, "endedAt": 901, "latency_ms": 900, "attempts": 1},
        {"status": "completed", "startedAt": 1, "endedAt": 1_201, "latency_ms": 1_200, "attempts": 1},
        {"status": "failed", "startedAt": 1, "endedAt": 2, "attempts": 4},
        {"status": "cancelled", "endedAt": 5},
    ]
    given = {"specs": specs, "size": 9, "throttled": None, "p95": 1_000, "now": 10_000}
    cells = blank.evaluate(CELLS, given)

    assert [cell[0] for cell in cells] == [
        "cell is-waiting",
        "cell is-queued",
        "cell is-running level-1",
        "cell is-running level-5 is-slow",
        "cell is-retrying",
        "cell is-completed",
        "cell is-completed is-slow",
        "cell is-failed",
        "cell is-cancelled",
    ]
    assert [cell[1] for cell in cells] == ["", "", "", "", "2", "", "", "✕", "\u2044"]
    assert cells[4][2] == "t4: retrying, attempt 2"
    assert cells[6][2] == "t6: completed, slower than p95"
    held = blank.evaluate(CELLS, given | {"throttled": {"lane": "l", "reason": "retry_after", "untilMs": 1}})
    assert held[1] == ["cell is-throttled", "‖", "t1: throttled"]


def test_latencies_fall_into_bars_whatever_their_size(blank: Page) -> None:
    ask = """async (values) => {
        const { histogram, percentile, niceCeil } = await import("/console/assets/figures.js");
        const bars = histogram(values);
        const sum = bars.counts.reduce((a, b) => a + b, 0);
        return { ...bars, sum, p95: percentile(values, 95), nice: niceCeil(0.021) };
    }"""
    spread = blank.evaluate(ask, [float(value) for value in range(1, 201)])
    straggler = blank.evaluate(ask, [*([100.0] * 999), 90_000.0])
    none = blank.evaluate(ask, [])

    assert (spread["sum"], spread["p95"], spread["over"]) == (200, 190, False)
    assert len(spread["counts"]) <= 41
    assert (straggler["sum"], straggler["over"]) == (1000, True)
    assert straggler["width"] <= 10  # one in a thousand does not squeeze the others into one bar
    assert none["counts"] == []
    assert spread["nice"] == pytest.approx(0.025)


def test_lanes_are_as_many_as_ran_at_once(blank: Page) -> None:
    ask = f"""async (specs) => {{
        const {{ barsOf, packed, loadOver }} = await import("/console/assets/lanes.js");
        const bars = barsOf(({ROWS})(specs), 40, 0);
        return {{ lanes: packed(bars).map((lane) => lane.map((bar) => bar.row.task_id)), load: loadOver(bars, 0, 40, 4),
            ready: bars.map((bar) => bar.ready) }};
    }}"""
    specs = [
        {"status": "completed", "startedAt": 0, "endedAt": 10, "queue_ms": 0},
        {"status": "completed", "startedAt": 0, "endedAt": 20, "queue_ms": 0},
        {"status": "completed", "startedAt": 10, "endedAt": 30, "queue_ms": 10},
        {"status": "running", "startedAt": 20, "queue_ms": 15},
        {"status": "queued"},
        {"status": "waiting"},
    ]
    found = blank.evaluate(ask, specs)

    assert found["lanes"] == [["t0", "t2"], ["t1", "t3"]]
    assert found["load"]["running"] == [2, 2, 2, 1, 0]
    assert found["load"]["waiting"] == [2, 2, 1, 1, 0]
    assert found["ready"] == [0, 0, 0, 5, 0]


def test_errors_are_grouped_without_what_differs_from_task_to_task(blank: Page) -> None:
    ask = f"""async (specs) => {{
        const {{ errorGroups }} = await import("/console/assets/figures.js");
        const {{ filtered }} = await import("/console/assets/task_filter.js");
        const rows = ({ROWS})(specs);
        const groups = errorGroups(rows);
        const ids = (query) => filtered(rows, query).map((row) => row.task_id);
        const first = ids({{ error: groups[0].message }}), missing = ids({{ state: "missing", sort: "-task" }});
        return {{ groups, first, missing, slowest: ids({{ sort: "-latency" }}), found: ids({{ q: "T1" }}) }};
    }}"""
    specs = [
        {"status": "skipped", "error": {"type": "dependency_failed", "message": "dependency 'a' is failed"}},
        {"status": "skipped", "error": {"type": "dependency_failed", "message": "dependency 'b' is failed"}},
        {"status": "retrying", "error": {"type": "timeout", "message": "no answer within 30 s"}},
        {"status": "completed", "latency_ms": 5, "error": {"type": "timeout", "message": "no answer within 30 s"}},
        {"status": "completed", "latency_ms": 9},
    ]
    found = blank.evaluate(ask, specs)

    assert [(group["message"], group["tasks"], group["retrying"]) for group in found["groups"]] == [
        ("dependency '…' is failed", 2, 0),
        ("no answer within 30 s", 1, 1),
    ]
    assert found["first"] == ["t0", "t1"]
    assert found["missing"] == ["t1", "t0"]
    assert found["slowest"][:2] == ["t4", "t3"]
    assert found["found"] == ["t1"]
