"""Records the examples of the OpenAPI document: sends the requests below to a service of its own and keeps the answers.

Run it after a change of what a request or an answer holds: ``.venv/bin/python scripts/lib/examples.py``. It writes
``app/api/examples.json``, by operation id; the tests hold every example against its schema.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
OUT = ROOT / "app" / "api" / "examples.json"

Body = Mapping[str, Any]
STEPS: list[tuple[str, str, str, Body | None]] = [
    ("get_health", "GET", "/healthz", None),
    ("get_readiness", "GET", "/readyz", None),
    ("create_agent", "POST", "/v1/agents/create", {
        "name": "analyst", "model": "offline", "system_prompt": "You are a careful analyst.",
        "tools": ["file_reader"], "swarm_config": {"max_parallel_agents": 20, "timeout_per_agent": 60},
    }),
    ("list_agents", "GET", "/v1/agents?limit=2", None),
    ("get_agent", "GET", "/v1/agents/analyst", None),
    ("update_agent", "PATCH", "/v1/agents/analyst", {"swarm_config": {"max_parallel_agents": 50}}),
    ("execute_task", "POST", "/v1/agents/execute", {
        "id": "headline", "type": "summary", "data": {"text": "Revenue rose by 7 % to 12.4 million."},
    }),
    ("execute_batch", "POST", "/v1/agents/batch-execute", {
        "orchestrator_id": "analyst",
        "tasks": [
            {"id": "north", "type": "extract", "data": {"text": "North earned 7 million."}},
            {"id": "south", "type": "extract", "data": {"text": "South earned 9 million."}},
        ],
    }),
    ("execute_barrier", "POST", "/v1/agents/barrier-execute", {
        "barrier_id": "phase_1", "tasks": [{"id": "check", "data": {"text": "North earned 7 million."}}],
    }),
    ("get_barrier_status", "GET", "/v1/agents/barrier-status/phase_1", None),
    ("spawn_agent", "POST", "/v1/agents/analyst/spawn", {
        "task_type": "research", "input_data": {"question": "Which region earned more?"}, "priority": 8,
    }),
    ("get_agent_results", "GET", "/v1/agents/analyst/results?timeout=20&limit=2", None),
    ("create_swarm", "POST", "/v1/swarms?wait=20", {
        "name": "report",
        "tasks": [
            {"id": "collect", "prompt": "List the figures.", "data": {"text": "North earned 7, South earned 9."}},
            {"id": "summary", "prompt": "Summarise them.", "depends_on": ["collect"]},
        ],
        "aggregate": "concat",
        "budget": {"max_cost_usd": 0.5},
        "metadata": {"quarter": "2026-Q3"},
    }),
    ("simulate_swarm", "POST", "/v1/swarms/simulate", {
        "tasks": [{"id": "collect"}, {"id": "summary", "depends_on": ["collect"]}],
    }),
    ("list_swarms", "GET", "/v1/swarms?limit=1&name=report", None),
    ("get_swarm", "GET", "/v1/swarms/{swarm}", None),
    ("list_tasks", "GET", "/v1/swarms/{swarm}/tasks?limit=1", None),
    ("get_task", "GET", "/v1/swarms/{swarm}/tasks/summary", None),
    ("get_swarm_results", "GET", "/v1/swarms/{swarm}/results", None),
    ("get_swarm_graph", "GET", "/v1/swarms/{swarm}/graph", None),
    ("get_swarm_snapshot", "GET", "/v1/swarms/{swarm}/snapshot", None),
    ("list_events", "GET", "/v1/swarms/{swarm}/events?limit=4", None),
    ("fork_swarm", "POST", "/v1/swarms/{swarm}/fork", {
        "name": "report, shorter", "tasks": [{"task_id": "summary", "prompt": "Summarise them in one sentence."}],
    }),
    ("get_swarm_usage", "GET", "/v1/swarms/{swarm}/usage", None),
    ("put_swarm_memory", "PUT", "/v1/swarms/{swarm}/memory/glossary", {
        "value": {"North": "all of it"}, "ttl_s": 86400,
    }),
    ("get_swarm_memory", "GET", "/v1/swarms/{swarm}/memory/glossary", None),
    ("list_swarm_memory", "GET", "/v1/swarms/{swarm}/memory?limit=1", None),
    ("clear_swarm_memory", "DELETE", "/v1/swarms/{swarm}/memory", None),
    ("put_agent_memory", "PUT", "/v1/agents/analyst/memory/tone", {"value": "matter of fact"}),
    ("get_agent_memory", "GET", "/v1/agents/analyst/memory/tone", None),
    ("list_agent_memory", "GET", "/v1/agents/analyst/memory?limit=1", None),
    ("clear_agent_memory", "DELETE", "/v1/agents/analyst/memory", None),
    ("clear_memory", "POST", "/v1/agents/clear-memory", {"orchestrator_id": "analyst"}),
    ("send_message", "POST", "/v1/swarms/{swarm}/messages", {"topic": "review", "body": {"verdict": "go on"}}),
    ("list_messages", "GET", "/v1/swarms/{swarm}/messages?limit=1", None),
    ("acknowledge_messages", "POST", "/v1/swarms/{swarm}/messages/ack", {
        "consumer": "desk", "topic": "review", "up_to": 1,
    }),
    ("list_artifacts", "GET", "/v1/swarms/{swarm}/artifacts?limit=1", None),
    ("create_stream_ticket", "POST", "/v1/stream-tickets", None),
    ("put_graph", "PUT", "/v1/graphs/quarterly-report", {
        "name": "Quarterly report",
        "tasks": [{"id": "collect", "prompt": "List the figures."}, {"id": "summary", "depends_on": ["collect"]}],
        "layout": {"collect": {"x": 0, "y": 0}},
    }),
    ("get_graph", "GET", "/v1/graphs/quarterly-report", None),
    ("list_graphs", "GET", "/v1/graphs?limit=1", None),
    ("validate_graph", "POST", "/v1/graphs/validate", {
        "tasks": [{"id": "a", "depends_on": ["b"]}, {"id": "b", "depends_on": ["a"]}],
    }),
    ("run_graph", "POST", "/v1/graphs/quarterly-report/runs?wait=20", {"inputs": {"collect": {"quarter": "2026-Q3"}}}),
    ("create_held", "POST", "/v1/swarms", {"name": "later", "tasks": [{"id": "a"}], "start_at": "in a day"}),
    ("update_swarm", "PATCH", "/v1/swarms/{held}", {"max_parallel_agents": 20, "budget": {"max_cost_usd": 1.5}}),
    ("pause_swarm", "POST", "/v1/swarms/{held}/pause", None),
    ("cancel_task", "POST", "/v1/swarms/{held}/tasks/a/cancel", None),
    ("cancel_swarm", "POST", "/v1/swarms/{held}/cancel", {"task_ids": ["a"]}),
    ("retry_task", "POST", "/v1/swarms/{held}/tasks/a/retry", None),
    ("create_held", "POST", "/v1/swarms", {"name": "later", "tasks": [{"id": "a"}], "start_at": "in a day"}),
    ("cancel_swarm", "POST", "/v1/swarms/{held}/cancel", {"task_ids": ["a"]}),
    ("retry_swarm", "POST", "/v1/swarms/{held}/retry", {"states": ["failed", "cancelled"]}),
    ("create_held", "POST", "/v1/swarms", {"name": "later", "tasks": [{"id": "a"}], "start_at": "in a day"}),
    ("resume_swarm", "POST", "/v1/swarms/{held}/resume", None),
    ("create_chat_completion", "POST", "/v1/chat/completions", {
        "model": "offline", "messages": [{"role": "user", "content": "Summarise: North earned 7, South earned 9."}],
    }),
    ("list_models", "GET", "/v1/models", None),
    ("get_model", "GET", "/v1/models/offline", None),
    ("update_prices", "PUT", "/v1/prices", {"gpt-4o-mini": {"input_per_mtok": 0.15, "output_per_mtok": 0.6}}),
    ("list_prices", "GET", "/v1/prices", None),
    ("update_roles", "PUT", "/v1/roles", {
        "auditor": {"system_prompt": "You check every figure.", "capability_tags": ["audit", "figures"]},
    }),
    ("list_roles", "GET", "/v1/roles", None),
    ("list_tools", "GET", "/v1/tools", None),
    ("list_providers", "GET", "/v1/providers", None),
    ("get_usage", "GET", "/v1/usage?group_by=day&limit=1", None),
    ("add_credits", "POST", "/v1/credits", {"tenant_id": "default", "amount_usd": "25.00", "reference": "pay_3PqX"}),
    ("get_credits", "GET", "/v1/credits?limit=1", None),
    ("create_key", "POST", "/v1/keys", {"name": "ci", "scopes": ["read", "run"], "max_requests_per_minute": 600}),
    ("get_key", "GET", "/v1/keys/{key}", None),
    ("update_key", "PATCH", "/v1/keys/{key}", {"max_cost_per_day_usd": 25.0}),
    ("rotate_key", "POST", "/v1/keys/{key}/rotate", {"grace_s": 3600}),
    ("list_keys", "GET", "/v1/keys?limit=1", None),
    ("list_audit", "GET", "/v1/audit?limit=1", None),
    ("get_webhook_secret", "GET", "/v1/webhooks/secret", None),
    ("rotate_webhook_secret", "POST", "/v1/webhooks/secret/rotate", None),
    ("list_webhook_deliveries", "GET", "/v1/webhooks/deliveries", None),
]  # fmt: skip
"""In this order: an answer's id is what later paths name."""

_SHORTEST = 2
_SECRET = re.compile(r"sk-swarmd-[0-9a-f]{6,}|whsec_[A-Za-z0-9+/=]+")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "app.cli"]
        data = ("--data-dir", folder)
        minted = subprocess.run(
            [*command, "keys", "create", "--scopes", "read,run,admin", "--json", *data],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        key = json.loads(minted.stdout)["key"]
        log = Path(folder) / "log"
        with log.open("w") as err:
            service = subprocess.Popen([*command, "serve", "--port", "0", *data], cwd=ROOT, stderr=err)
        try:
            while not (found := re.search(r"listening on (http://\S+)", log.read_text())):
                assert service.poll() is None, log.read_text()
                time.sleep(0.1)
            url = found[1]
            with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                examples = record(client)
        finally:
            service.terminate()
            service.wait()
    OUT.write_text(json.dumps(examples, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    print(f"{OUT.relative_to(ROOT)}: {len(examples)} operations")


def record(client: httpx2.Client) -> dict[str, Any]:
    """Return what was sent and answered, by operation id."""
    known: dict[str, str] = {}
    examples: dict[str, Any] = {}
    for name, method, path, body in STEPS:
        sent = dict(body) if body is not None else None
        if sent is not None and sent.get("start_at") == "in a day":
            sent["start_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
        response = client.request(method, path.format(**known), json=sent)
        assert response.is_success, f"{name}: {response.status_code} {response.text}"
        answer = response.json()
        if name == "create_swarm":
            known["swarm"] = answer["swarm_id"]
        if name == "create_held":
            known["held"] = answer["swarm_id"]
            continue
        if name == "create_key":
            known["key"] = answer["key_id"]
        examples[name] = {"status": response.status_code, "response": _shown(answer)}
        if sent is not None:
            examples[name]["request"] = sent
    return examples


def _shown(value: Any) -> Any:
    """Without secrets, and long lists as short as an example may be."""
    if isinstance(value, dict):
        items = list(value.items())
        is_table = len(items) > 30  # of prices, by model
        return {key: _shown(item) for key, item in (items[:_SHORTEST] if is_table else items)}
    if isinstance(value, list):
        return [_shown(item) for item in value[:_SHORTEST]] if value and isinstance(value[0], dict) else value
    return _SECRET.sub(lambda found: found[0][:16] + "…", value) if isinstance(value, str) else value


if __name__ == "__main__":
    main()
