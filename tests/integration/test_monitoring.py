"""What Prometheus and Grafana are told and ask for: every metric there is, every alert fires in its case."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support.databases import on_server
from tests.support.deployment import free_port, mint, needed, started
from tests.support.service import DEADLINE_S, ROOT, ServiceProcess, poll

DEPLOY = ROOT / "scripts" / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "swarmd.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
README = (DEPLOY / "README.md").read_text(encoding="utf-8")

ABSENT = {"swarmd_database_bytes"} if on_server() else set()
"""What a service on PostgreSQL leaves to that server's own monitoring."""


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, str]]:
    """A service that ran something, and a key that may read."""
    with ServiceProcess(tmp_path_factory.mktemp("used")) as service:
        key = mint(service, "read,run")
        headers = {"Authorization": f"Bearer {key}"}
        with httpx2.Client(base_url=service.url, headers=headers, timeout=DEADLINE_S) as client:
            body = {"tasks": [{"prompt": "x"}] * 5, "validate": "Is it short?"}
            assert client.post("/v1/swarms?wait=20", json=body).status_code == 201
        yield service, key


@pytest.fixture(scope="module")
def served(used: tuple[ServiceProcess, str]) -> str:
    service, key = used
    return httpx2.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {key}"}).text


def families(text: str) -> dict[str, str]:
    """By name as it is asked for: the type."""
    return dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:swarmd|http|process)_\w+\b", re.sub(r'"[^"]*"', "", expression)))


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    asides = [one["expr"] for one in DASHBOARD["annotations"]["list"] if "expr" in one]
    return [*panels, *asides, *(rule["expr"] for rule in RULES)]


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are(served: str) -> None:
    kinds = families(served)
    known = {f"{name}_bucket" if kind == "histogram" else name for name, kind in kinds.items()}

    assert {name for expression in expressions() for name in names_in(expression)} - known == ABSENT


def test_the_table_of_metrics_is_complete(served: str) -> None:
    rows = re.findall(r"^\| `(swarmd_\w+)` \| (\w+) \| ([^|]*)\|", README, re.MULTILINE)
    kinds = {name: kind for name, kind in families(served).items() if name.startswith("swarmd_")}

    # Those of a worker are at the worker's own address: tests/e2e/distributed.
    assert {name: kind for name, kind, _ in rows if not name.startswith("swarmd_worker_") and name not in ABSENT} == {
        name: kind for name, kind in kinds.items() if not name.endswith("_created")
    }
    for name, _, labels in rows:
        for sample in re.findall(rf"^{name}(?:_bucket)?{{(.*)}} ", served, re.MULTILINE):
            used = set(re.findall(r'(\w+)="', sample)) - {"le"}
            assert used == set(re.findall(r"`(\w+)`", labels)), name


def test_paths_that_there_are_none_of_make_no_label(used: tuple[ServiceProcess, str]) -> None:
    service, key = used
    with httpx2.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}) as client:
        for number in range(20):
            client.get(f"/nowhere/{number}")
            client.get(f"/v1/swarms/swm_{number}")
        text = client.get("/metrics").text

    handlers = set(re.findall(r'handler="([^"]*)"', text))
    assert "/v1/swarms/{swarm_id}" in handlers
    assert [handler for handler in handlers if re.search(r"\d", handler.replace("/v1/", "/"))] == []


def test_metrics_need_a_key_where_requests_do(used: tuple[ServiceProcess, str]) -> None:
    assert httpx2.get(f"{used[0].url}/metrics").status_code == 401


def test_prometheus_reads_the_service_and_every_question_has_an_answer(
    used: tuple[ServiceProcess, str], tmp_path: Path
) -> None:
    prometheus = needed("prometheus", "prometheus")
    service, key = used
    (tmp_path / "key").write_text(key)
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("swarmd:8000", service.url.removeprefix("http://")).replace("15s", "1s")
    text = text.replace("/run/secrets/metrics_key", str(tmp_path / "key"))
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", tmp_path)
    port = free_port()
    command = [prometheus, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (
        started([*command, f"--web.listen-address=127.0.0.1:{port}"], tmp_path),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as client,
    ):
        poll(lambda: answered(client, 'up{job="swarmd"} == 1'), what="the first scrape")
        poll(lambda: answered(client, "count_over_time(swarmd_info[1m]) > 2"), what="further scrapes")
        asked = [
            expression.replace("$__rate_interval", "1m").replace("$instance", ".*") for expression in expressions()
        ]
        replies = {one: client.get("/api/v1/query", params={"query": one}).json() for one in asked}
        assert {one: reply for one, reply in replies.items() if reply["status"] != "success"} == {}
        rules = client.get("/api/v1/rules").json()["data"]["groups"]

    assert {rule["name"]: rule["health"] for group in rules for rule in group["rules"]} == {
        rule["alert"]: "ok" for rule in RULES
    }
    assert [rule["name"] for group in rules for rule in group["rules"] if rule["state"] != "inactive"] == []
    silent = [panel["title"] for panel in DASHBOARD["panels"] if not any_answer(panel, replies)]
    assert silent == ["Failed attempts by error"]


def answered(client: httpx2.Client, question: str) -> bool:
    try:
        reply = client.get("/api/v1/query", params={"query": question})
    except httpx2.TransportError:
        return False
    return reply.status_code == 200 and bool(reply.json()["data"]["result"])


def any_answer(panel: dict[str, Any], replies: dict[str, Any]) -> bool:
    asked = [
        target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
        for target in panel.get("targets", ())
    ]
    return not asked or any(replies[one]["data"]["result"] for one in asked)


BASE = '{instance="a", job="swarmd"'
LANE = BASE + ', provider="p", model="m"}'
FIRING: dict[str, list[tuple[str, str]]] = {
    "SwarmdDown": [(f"up{BASE}}}", "0x90")],
    "SwarmdRestarts": [(f"process_start_time_seconds{BASE}}}", "1+1x90")],
    "SwarmdDiskNearlyFull": [(f"swarmd_data_free_bytes{BASE}}}", "5e8x90")],
    "SwarmdBreakerOpen": [(f"swarmd_breaker_state{LANE}", "2x90")],
    "SwarmdTasksFail": [
        (f'swarmd_tasks_ended_total{BASE}, status="completed"}}', "0+60x90"),
        (f'swarmd_tasks_ended_total{BASE}, status="failed"}}', "0+20x90"),
    ],
    "SwarmdStands": [(f'swarmd_tasks{BASE}, status="running"}}', "3x90"), (f"swarmd_lane_calls_total{LANE}", "7x90")],
    "SwarmdSlowStart": [
        (f'swarmd_queue_wait_seconds_bucket{BASE}, le="60"}}', "0+1x90"),
        (f'swarmd_queue_wait_seconds_bucket{BASE}, le="120"}}', "0+10x90"),
        (f'swarmd_queue_wait_seconds_bucket{BASE}, le="+Inf"}}', "0+10x90"),
    ],
    "SwarmdServerErrors": [
        (f'http_requests_total{BASE}, status="5xx", handler="/v1/swarms", method="POST"}}', "0+30x90")
    ],
    "SwarmdWebhooksFail": [
        (f'swarmd_webhook_attempts_total{BASE}, outcome="delivered"}}', "0+1x90"),
        (f'swarmd_webhook_attempts_total{BASE}, outcome="failed"}}', "0+3x90"),
    ],
    "SwarmdWebhooksDead": [(f'swarmd_webhook_attempts_total{BASE}, outcome="dead"}}', "0x70 1x20")],
    "SwarmdSpending": [(f"swarmd_cost_usd_total{LANE}", "0+1x90")],
}
HEALTHY = [
    (f"up{BASE}}}", "1x90"),
    (f"process_start_time_seconds{BASE}}}", "1x90"),
    (f"swarmd_data_free_bytes{BASE}}}", "5e10x90"),
    (f"swarmd_breaker_state{LANE}", "0x20 2 0x69"),
    (f'swarmd_tasks_ended_total{BASE}, status="completed"}}', "0+60x90"),
    (f'swarmd_tasks_ended_total{BASE}, status="failed"}}', "0+1x90"),
    (f'swarmd_tasks{BASE}, status="running"}}', "3x90"),
    (f"swarmd_lane_calls_total{LANE}", "0+60x90"),
    (f'swarmd_lane_calls_total{BASE}, provider="p", model="idle"}}', "5x90"),
    (f'swarmd_queue_wait_seconds_bucket{BASE}, le="60"}}', "0+10x90"),
    (f'swarmd_queue_wait_seconds_bucket{BASE}, le="+Inf"}}', "0+10x90"),
    (f'http_requests_total{BASE}, status="2xx", handler="/v1/swarms", method="POST"}}', "0+900x90"),
    (f'swarmd_webhook_attempts_total{BASE}, outcome="delivered"}}', "0+60x90"),
    (f'swarmd_webhook_attempts_total{BASE}, outcome="failed"}}', "0+5x90"),
    (f'swarmd_webhook_attempts_total{BASE}, outcome="dead"}}', "0x90"),
    (f"swarmd_cost_usd_total{LANE}", "0+0.01x90"),
]


def test_every_alert_has_a_case() -> None:
    assert set(FIRING) == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("name", [*FIRING, None])
def test_an_alert_fires_in_its_case_and_none_in_a_healthy_service(name: str | None, tmp_path: Path) -> None:
    promtool = needed("promtool", "prometheus")
    series = HEALTHY if name is None else FIRING[name]
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", tmp_path)
    checks = [
        {
            "expr": f'count by (alertname) (ALERTS{{alertstate="firing", alertname="{rule["alert"]}"}})',
            "eval_time": "80m",
        }
        | ({"exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1}]} if rule["alert"] == name else {})
        for rule in RULES
    ]
    test = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": at, "values": values} for at, values in series],
                "promql_expr_test": checks,
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))

    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
