"""``scripts/screenshots``: pictures of the console, of a service and a model's server that are started for them.

What is shown is what happens: runs of a thousand and of a hundred tasks against the mock model, which takes its time
and fails now and then.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.service import MockModelProcess, ServiceProcess, poll

SIZE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
QUALITY = 82
DEADLINE_MS = 60_000


def main() -> int:
    """Take all pictures into the folder that the command names."""
    folder = Path(sys.argv[1])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("scripts/screenshots needs Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    expect.set_options(timeout=DEADLINE_MS)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swarmd-screenshots-")))
        model = stack.enter_context(
            MockModelProcess(scratch, "--latency-ms", "1900", "--latency-jitter-ms", "1500", "--error-rate", "0.03")
        )
        service = stack.enter_context(ServiceProcess(scratch, *model.as_provider()))
        client = stack.enter_context(service.client())
        client.put("/v1/prices", json={"mock": {"input_per_mtok": 0.6, "output_per_mtok": 2.5}}).raise_for_status()
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium, args=flags)
        stack.callback(browser.close)
        take_all(client, browser, service.url, folder)
    return 0


def take_all(client: httpx2.Client, browser: Browser, url: str, folder: Path) -> None:
    small = start(client, research(10), "market-research", 100)
    with opened(browser, url, "dark") as page:
        page.goto(f"/console/runs/{small}?tab=graph")
        when_completed(client, small, 60)
        shoot(page, folder / "graph-dark.webp")
    large = start(client, research(90), "market-research-wide", 300)
    with opened(browser, url, "dark") as page:
        page.goto(f"/console/runs/{large}")
        when_completed(client, large, 450)
        shoot(page, folder / "run-dark.webp")
    with opened(browser, url, "dark", PHONE) as page:
        page.goto(f"/console/runs/{small}")
        shoot(page, folder / "phone-dark.webp")
    graph = {"name": "market research", "model": "mock", "tasks": research(1, readers=6)}
    client.put("/v1/graphs/market-research", json=graph).raise_for_status()
    with opened(browser, url, "light") as page:
        page.goto("/console/graphs/market-research")
        expect(page.get_by_text("None: it can be run.")).to_be_visible()
        shoot(page, folder / "builder-light.webp")
    client.post(f"/v1/swarms/{large}/cancel")


def research(groups: int, readers: int = 10) -> list[dict[str, Any]]:
    """Return some readers a group, an aggregator each, a reducer for every ten of those, and one synthesizer."""
    tasks: list[dict[str, Any]] = []

    def add(name: str, kind: str, prompt: str, depends_on: list[str]) -> str:
        task = {"id": name, "type": kind, "prompt": prompt, "depends_on": depends_on}
        tasks.append({**task, "allow_failed_dependencies": True})
        return name

    sources = [
        [
            add(f"scraper_{group}_{at}", "scraper", f"Note the claims of source {group}-{at}.", [])
            for at in range(readers)
        ]
        for group in range(groups)
    ]
    merged = [add(f"aggregator_{at}", "aggregator", "Merge the claims.", names) for at, names in enumerate(sources)]
    if len(merged) > 10:
        tens = [merged[at : at + 10] for at in range(0, len(merged), 10)]
        merged = [add(f"reducer_{at}", "reducer", "Sum up.", names) for at, names in enumerate(tens)]
    add("synthesizer", "synthesizer", "Write the report.", merged)
    return tasks


def start(client: httpx2.Client, tasks: list[dict[str, Any]], name: str, agents: int) -> str:
    body = {
        "name": name,
        "model": "mock",
        "tasks": tasks,
        "limits": {"max_parallel_agents": agents},
        "retry": {"max_retries": 2, "base_delay_s": 0.5},
        "budget": {"max_cost_usd": 5},
    }
    return str(client.post("/v1/swarms", json=body).raise_for_status().json()["swarm_id"])


def when_completed(client: httpx2.Client, swarm_id: str, count: int) -> None:
    """Wait until so many tasks of a run have completed."""
    path = f"/v1/swarms/{swarm_id}"
    poll(
        lambda: client.get(path).json()["counts"]["completed"] >= count,
        deadline_s=120,
        every_s=0.1,
        what=f"{count} tasks",
    )


@contextmanager
def opened(browser: Browser, url: str, theme: str, size: dict[str, int] | None = None) -> Iterator[Page]:
    """Open a page with a storage of its own."""
    context = browser.new_context(
        base_url=url,
        color_scheme="dark" if theme == "dark" else "light",
        viewport=size or SIZE,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.set_default_timeout(DEADLINE_MS)
    yield page
    context.close()


def shoot(page: Page, path: Path) -> None:
    """Save a picture of what is drawn once the last skeleton is gone."""
    expect(page.locator(".skeleton")).to_have_count(0)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path.write_bytes(base64.b64decode(shot["data"]))
    print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main())
