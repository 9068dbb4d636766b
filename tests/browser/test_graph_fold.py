"""Folding and layout of graphs: nothing is lost, nothing lies upon another, and it is quick whatever the shape."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.support.service import ServiceProcess

FOLD = """async (rows) => {
    const { fold, structureOf } = await import("/console/assets/screens/graph_fold.js");
    const { layout } = await import("/console/assets/screens/graph_layout.js");
    const began = performance.now();
    const structure = structureOf(rows);
    const { nodes, edges } = fold(structure);
    const sizes = nodes.map(({ tasks }) => ({ width: 156, height: tasks.length > 1 ? 44 : 28 }));
    const { points } = layout(sizes, edges, { width: 1000, height: 500 });
    const tookMs = performance.now() - began;
    let overlaps = 0;
    points.forEach((a, i) => points.slice(0, i).forEach((b, j) => {
        const aside = Math.abs(a.x - b.x) >= 156;
        const above = a.y + sizes[i].height <= b.y + 1e-6 || b.y + sizes[j].height <= a.y + 1e-6;
        if (!aside && !above) overlaps += 1;
    }));
    const first = nodes.find(({ tasks }) => tasks.length > 1);
    const open = first ? fold(structure, { expanded: new Set([first.key]) }).nodes : nodes;
    return {
        groups: nodes.map(({ tasks, label }) => [label, tasks.map((i) => structure.ids[i])]),
        edges, backwards: edges.filter(([a, b]) => points[a].x >= points[b].x).length, overlaps, tookMs,
        unfolded: open.flatMap(({ tasks }) => tasks).length, more: open.length - nodes.length,
    };
}"""


def task(task_id: str, *depends_on: str, **fields: str) -> dict[str, Any]:
    return {"task_id": task_id, "status": "waiting", "depends_on": list(depends_on), **fields}


@pytest.fixture
def page(service: ServiceProcess, open_page: OpenPage) -> Page:
    page = open_page(service.url)
    page.goto("/console")
    return page


def test_tasks_alike_are_one_node(page: Page) -> None:
    pages = [f"page_{number}" for number in range(10)]
    rows = [task(one) for one in pages] + [task("other"), task("sum", *pages), task("end", "sum", "other")]

    found = page.evaluate(FOLD, rows)

    assert found["groups"] == [["page", pages], ["other", ["other"]], ["sum", ["sum"]], ["end", ["end"]]]
    assert sorted(found["edges"]) == [[0, 2], [1, 3], [2, 3]]
    assert found["more"] == 9


def test_any_graph_is_folded_whole_and_without_overlap(page: Page) -> None:
    chance = random.Random(8)
    for _ in range(25):
        count = chance.randrange(1, 700)
        near, links, kinds = chance.choice([3, 30, 700]), chance.choice([0, 1, 3]), chance.choice([1, 4, 700])
        rows = []
        for number in range(count):
            before = range(max(0, number - near), number)
            needs = {f"t{chance.choice(before)}" for _ in range(links) if before and chance.random() < 0.8}
            rows.append(task(f"t{number}", *needs, type=f"kind {chance.randrange(kinds)}"))

        found = page.evaluate(FOLD, rows)

        assert sorted(one for _, tasks in found["groups"] for one in tasks) == sorted(row["task_id"] for row in rows)
        assert len(found["groups"]) <= 150
        assert (found["overlaps"], found["backwards"], found["unfolded"]) == (0, 0, count)


@pytest.mark.long
def test_twenty_thousand_tasks_are_folded_within_seconds(page: Page) -> None:
    shapes = {
        "chain": [task(f"t{n}", *([f"t{n - 1}"] if n else [])) for n in range(20_000)],
        "wide": [task(f"t{n}") for n in range(20_000)],
        "layers": [task(f"t{n}", *([f"t{n - 200}", f"t{n - 199}"] if n >= 200 else [])) for n in range(20_000)],
    }
    for shape, rows in shapes.items():
        found = page.evaluate(FOLD, rows)

        assert len(found["groups"]) <= 150, shape
        assert (found["overlaps"], found["backwards"]) == (0, 0), shape
        assert found["tookMs"] < 5_000, shape
