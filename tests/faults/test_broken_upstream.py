"""Row 9: an upstream that answers every kind of nonsense: failed attempts of their kind, and the run completes.

Its hugest answers, many at once, cost no memory either.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, poll
from tests.support.streaming import Footprint, check_log

MAX_GROWTH_MIB = 100
DEADLINE_S = 60.0
NEVER = "1000000000"
"""Failures in a row that open the breaker: here every bad answer is to be read."""

FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "error": ({"status": 500}, {"provider_unavailable"}),
    "overloaded": ({"status": 503, "retry_after_s": 0.1}, {"provider_unavailable"}),
    "rate limit": ({"status": 429, "retry_after_s": 0.1}, {"rate_limit"}),
    "garbage": ({"fault": "garbage"}, {"malformed_answer"}),
    "truncated": ({"fault": "truncate"}, {"malformed_answer"}),
    "no choices": ({"fault": "empty_choices"}, {"malformed_answer"}),
    "null content": ({"fault": "null_content"}, {"malformed_answer"}),
    "tool calls": ({"fault": "tool_garbage"}, {"no_such_tool"}),
    "bad utf-8": ({"fault": "bad_utf8"}, {"malformed_answer"}),
    "lone surrogate": ({"fault": "surrogate"}, {"malformed_answer"}),
    "reset": ({"fault": "reset"}, {"provider_unavailable"}),
    "hang": ({"fault": "hang"}, {"timeout"}),
    "too large": ({"huge_body_mb": 50}, {"answer_too_large"}),
    "no json": ({"raw": "[" * 5000}, {"malformed_answer"}),
    "absurd usage": ({"content": "x", "usage": {"prompt_tokens": 2**62, "cost": 1e300}}, set()),
    "no usage": ({"fault": "no_usage"}, set()),
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run with a task for each fault; what each of them went through."""
    folder = tmp_path_factory.mktemp("faults")
    with (
        MockModelProcess(folder / "mock") as model,
        ServiceProcess(folder / "service", *model.as_provider()) as service,
        service.client() as client,
    ):
        scripts = [{"match": f'"id":"{name}"', **script} for name, (script, _) in FAULTS.items()]
        httpx2.post(f"{model.root_url}/mock/script", json=scripts).raise_for_status()
        body = {
            "tasks": [{"id": name, "timeout_s": 1 if name == "hang" else 20} for name in FAULTS],
            "retry": {"base_delay_s": 0.01},
        }
        found: dict[str, Any] = client.post("/v1/swarms", params={"wait": 60}, json=body, timeout=70).json()
        at = f"/v1/swarms/{found['swarm_id']}/tasks"
        found["tasks"] = {name: client.get(f"{at}/{name}").json() for name in FAULTS}
        found["output"] = service.output
        return found


def test_the_run_completes(result: dict[str, Any], tmp_path: Path) -> None:
    assert (result["status"], result["counts"]["completed"]) == ("completed", len(FAULTS)), result["error"]
    assert "Traceback" not in result["output"]
    kinds = sorted({error for _, errors in FAULTS.values() for error in errors})
    report(9, f"{len(FAULTS)} kinds of bad answers, each a failed attempt of its type ({', '.join(kinds)}), no crash")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_failed_attempt_of_its_kind(result: dict[str, Any], name: str) -> None:
    task = result["tasks"][name]

    errors = {attempt["error"]["type"] for attempt in task["attempt_log"] if attempt["error"]}
    assert errors == FAULTS[name][1]
    assert [attempt["status"] for attempt in task["attempt_log"]] == ["failed"] * len(errors) + ["completed"]
    assert isinstance(task["output"], str)


NONSENSE: dict[str, dict[str, Any]] = {
    "50 MB bodies": {"huge_body_mb": 50.0},
    "truncated JSON": {"truncate_rate": 1.0},
    "HTML with 200": {"garbage_rate": 1.0},
    "empty choices": {"empty_choices_rate": 1.0},
    "null content": {"null_content_rate": 1.0},
    "tool arguments that are no JSON": {"tool_garbage_rate": 1.0},
    "bad UTF-8": {"bad_utf8_rate": 1.0},
    "lone surrogates": {"surrogate_rate": 1.0},
}


@pytest.mark.parametrize("each", [10, pytest.param(200, marks=pytest.mark.long)], ids=["everyday", "figures"])
def test_bad_answers_by_the_hundred_cost_no_memory(tmp_path: Path, each: int) -> None:
    with (
        MockModelProcess(tmp_path / "mock") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider(), SWARMD_BREAKER_FAILURES=NEVER) as service,
        service.client() as client,
    ):
        before = Footprint.of(service.pid)
        most_mib = before.rss_mib
        calm = {option: 0.0 for options in NONSENSE.values() for option in options}
        for name, options in NONSENSE.items():
            httpx2.patch(f"{model.root_url}/mock/config", json=calm | options).raise_for_status()
            body = {
                "tasks": [{"id": f"t{n}", "timeout_s": 60} for n in range(each)],
                "limits": {"max_parallel_agents": 20},
                "retry": {"max_retries": 0},
            }
            at = f"/v1/swarms/{client.post('/v1/swarms', json=body).json()['swarm_id']}"
            give_up_at = time.monotonic() + DEADLINE_S
            while (found := client.get(at).json())["status"] == "running" and time.monotonic() < give_up_at:
                most_mib = max(most_mib, Footprint.of(service.pid).rss_mib)
            assert found["counts"]["failed"] == each, (name, found["counts"])
        httpx2.patch(f"{model.root_url}/mock/config", json=calm).raise_for_status()
        again = client.post("/v1/swarms", params={"wait": 30}, json={"tasks": [{}]}).json()
        poll(lambda: client.get("/readyz").status_code == 200)
        now = Footprint.of(service.pid)
        check_log(service)
    most_mib = max(most_mib, now.rss_mib)
    report(
        9,
        f"{len(NONSENSE)} x {each} bad answers, 20 at once, {each} of 50 MB among them: memory grew from "
        f"{before.rss_mib:.0f} to at most {most_mib:.0f} MiB; the next run {again['status']}",
    )
    assert again["status"] == "completed"
    assert most_mib - before.rss_mib <= MAX_GROWTH_MIB
