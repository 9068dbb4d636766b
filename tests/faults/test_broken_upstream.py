"""An upstream that answers every kind of nonsense once: each is a failed attempt of its kind, and the run completes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess

FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "error": ({"status": 500}, {"provider_unavailable"}),
    "overloaded": ({"status": 503, "retry_after_s": 0.1}, {"provider_unavailable"}),
    "rate limit": ({"status": 429, "retry_after_s": 0.1}, {"rate_limit"}),
    "garbage": ({"fault": "garbage"}, {"malformed_answer"}),
    "truncated": ({"fault": "truncate"}, {"malformed_answer"}),
    "no choices": ({"fault": "empty_choices"}, {"malformed_answer"}),
    "null content": ({"fault": "null_content"}, {"malformed_answer"}),
    "tool calls": ({"fault": "tool_garbage"}, {"malformed_answer"}),
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


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_failed_attempt_of_its_kind(result: dict[str, Any], name: str) -> None:
    task = result["tasks"][name]

    errors = {attempt["error"]["type"] for attempt in task["attempt_log"] if attempt["error"]}
    assert errors == FAULTS[name][1]
    assert [attempt["status"] for attempt in task["attempt_log"]] == ["failed"] * len(errors) + ["completed"]
    assert isinstance(task["output"], str)
