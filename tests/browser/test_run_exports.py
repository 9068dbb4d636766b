"""The export menu: every row of a run as a file, with a key or without."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, OpenPage
from tests.support.console_runs import ended, open_run, start, tens
from tests.support.keys import mint
from tests.support.service import MockModelProcess, ServiceProcess

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--reply", "done") as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), *model.as_provider()) as started:
        yield started


def exported(page: Page, title: str) -> Path:
    page.get_by_role("button", name="Export").click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("menuitem", name=title).click()
    assert download.value.failure() is None
    path = download.value.path()
    return path.rename(path.with_name(download.value.suggested_filename))


def rows_of(path: Path) -> list[dict[str, str]]:
    before = csv.field_size_limit(2**31 - 1)
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    finally:
        csv.field_size_limit(before)


def test_every_kind_comes_whole_in_both_formats(service: ServiceProcess, page: Page) -> None:
    swarm_id = start(service, tens(10))
    ended(service, swarm_id)
    open_run(page, swarm_id)

    tasks = exported(page, "Tasks as CSV")

    assert tasks.name == f"{swarm_id}-tasks.csv"
    assert len(tasks.read_text().splitlines()) == 112
    assert {row["status"] for row in rows_of(tasks)} == {"completed"}
    assert len(json.loads(exported(page, "Tasks as JSON").read_text())) == 111
    assert len(rows_of(exported(page, "Attempts as CSV"))) == 111
    with service.client() as client:
        seq = client.get(f"/v1/swarms/{swarm_id}/snapshot").json()["seq"]
    assert len(rows_of(exported(page, "Events as CSV"))) == seq
    assert [event["seq"] for event in json.loads(exported(page, "Events as JSON").read_text())] == [*range(1, seq + 1)]
    metrics = json.loads(exported(page, "Metrics as JSON").read_text())
    assert sum(row["completed"] for row in metrics) == 111
    assert len(json.loads(exported(page, "Attempts as JSON").read_text())) == 111
    assert len(rows_of(exported(page, "Metrics as CSV"))) == len(metrics)


def test_ten_thousand_tasks_are_ten_thousand_rows(service: ServiceProcess, page: Page) -> None:
    tasks = [{"id": f"t{at}", "prompt": "x"} for at in range(10_000)]
    swarm_id = start(service, tasks, limits={"max_parallel_agents": 500})
    ended(service, swarm_id, deadline_s=120)
    open_run(page, swarm_id)

    found = rows_of(exported(page, "Tasks as CSV"))

    assert len(found) == 10_000
    assert len({row["task_id"] for row in found}) == 10_000


def test_a_key_goes_along(tmp_path: Path, model: MockModelProcess, open_page: OpenPage, complaints: Complaints) -> None:
    complaints.expect("401")
    key = mint(tmp_path / "data", "acme", "read,run")["key"]
    with ServiceProcess(tmp_path, *model.as_provider()) as service, service.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        body = {"model": "mock", "tasks": tens(1)}
        swarm_id = client.post("/v1/swarms", params={"wait": 30}, json=body).raise_for_status().json()["swarm_id"]
        page = open_page(service.url)
        page.goto(f"/console/runs/{swarm_id}")
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator(".counters")).to_be_visible()

        assert len(rows_of(exported(page, "Tasks as CSV"))) == 12
        assert key not in page.url
