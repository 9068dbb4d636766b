"""Merges by a model never exceed its context: a provider that refuses longer prompts, as real ones do, says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from app.providers.mock_model import MockModelConfig, listening
from tests.support.planning import run
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

CONTEXT_TOKENS = 32_768
OUTPUT_CHARS = 8_000 * 4
"""A rule of thumb: four characters a token."""


async def merged(
    folder: Path, scripts: list[dict[str, Any]], body: dict[str, Any], *, known: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run against a model of 32k tokens and return the run and the calls that arrived."""
    log = folder / "calls.jsonl"
    config = MockModelConfig(context_tokens=CONTEXT_TOKENS, call_log=str(log))
    async with listening(config) as mock, httpx2.AsyncClient() as tester:
        (await tester.post(f"{mock.root_url}/mock/script", json=scripts)).raise_for_status()
        provider: dict[str, Any] = {"base_url": mock.base_url, "models": ["m"]}
        if known:
            provider["context_windows"] = {"m": CONTEXT_TOKENS}
        async with in_process(folder / "data", providers={"p": provider}, default_model="m") as client:
            found = await run(client, body, wait_s=120)
    calls = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    assert [call for call in calls if call["event"] == "answered" and call["status"] != 200] == []
    return found, [call for call in calls if call["event"] == "received"]


@pytest.mark.parametrize("known", [True, False])
async def test_three_hundred_outputs_of_8000_tokens_are_merged_by_a_model_of_32k(tmp_path: Path, known: bool) -> None:
    words = ("Finding after finding. " * 2_000)[:OUTPUT_CHARS]
    scripts = [
        {"match": "## Inputs", "times": None, "content": "m" * 4_000},
        {"match": "Report it.", "times": None, "content": words},
    ]
    tasks = [{"id": f"t{at}", "prompt": "Report it."} for at in range(300)]
    found, calls = await merged(tmp_path, scripts, {"tasks": tasks, "aggregate": "hierarchical"}, known=known)

    assert (found["status"], found["aggregation"]["status"]) == ("completed", "completed")
    assert found["aggregated"] == "m" * 4_000
    assert found["aggregation"]["inputs"] == 300
    merges = [call for call in calls if str(call["task_id"]).startswith("~")]
    assert len(merges) >= 100  # at most 3 of 8,000 tokens fit into one call
    assert max(call["prompt_tokens"] + call["max_tokens"] for call in merges) <= CONTEXT_TOKENS


async def test_one_output_above_the_context_is_shortened_and_says_so(tmp_path: Path) -> None:
    scripts = [
        {"match": "[shortened", "times": None, "content": "Saw a part."},
        {"match": "Report all.", "times": None, "content": "x " * 150_000},
        {"match": "Report it.", "times": None, "content": "Little."},
    ]
    tasks = [{"id": "long", "prompt": "Report all."}, {"id": "short", "prompt": "Report it."}]
    found, calls = await merged(tmp_path, scripts, {"tasks": tasks, "aggregate": "synthesis"}, known=True)

    assert (found["status"], found["aggregation"]["status"]) == ("completed", "completed")
    assert found["aggregated"]
    assert max(call["prompt_tokens"] + call["max_tokens"] for call in calls) <= CONTEXT_TOKENS


async def test_outputs_in_scripts_of_many_bytes_fit_too(tmp_path: Path) -> None:
    scripts = [
        {"match": "## Inputs", "times": None, "content": "merged"},
        {"match": "Report it.", "times": None, "content": "\u6f22\u5b57" * 6_000},
    ]
    tasks = [{"id": f"t{at}", "prompt": "Report it."} for at in range(12)]
    found, _ = await merged(tmp_path, scripts, {"tasks": tasks, "aggregate": "hierarchical"}, known=True)

    assert (found["status"], found["aggregated"]) == ("completed", "merged")


async def test_merges_whose_outputs_stay_long_still_end(tmp_path: Path) -> None:
    """A model that answers every merge with as much as it was given would never come to one output."""
    words = "y " * (OUTPUT_CHARS // 2)
    scripts = [{"times": None, "content": words}]
    tasks = [{"id": f"t{at}", "prompt": "Report it."} for at in range(20)]
    found, calls = await merged(tmp_path, scripts, {"tasks": tasks, "aggregate": "hierarchical"}, known=True)

    assert found["ended_at"] is not None
    assert len(calls) <= 20 + 20


async def test_a_long_orchestration_stays_within_the_context_of_its_model(tmp_path: Path) -> None:
    """Ten turns of three tasks: 60,000 characters of prompts that it wrote itself, 960,000 of results."""

    def turn(at: int) -> list[dict[str, Any]]:
        hire = {"name": "create_subagent", "arguments": {"name": "scout", "system_prompt": "You scout."}}
        prompt = f"Scout place {at}. " + "Look well. " * 180
        assign = {"name": "assign_task", "arguments": {"agent": "scout", "prompt": prompt}}
        return [hire, assign, assign, assign]

    scripts: list[dict[str, Any]] = [{"when_tools": True, "tool_calls": turn(at)} for at in range(10)]
    scripts.append({"when_tools": True, "content": "Scouted."})
    scripts.append({"match": "You scout.", "times": None, "content": "z " * (OUTPUT_CHARS // 2)})
    body = {"goal": "Scout all places.", "planner": "orchestrator", "retry": {"max_retries": 0}}
    found, calls = await merged(tmp_path, scripts, body, known=True)

    assert (found["status"], found["aggregated"]) == ("completed", "Scouted."), found["error"]
    assert max(call["prompt_tokens"] + call["max_tokens"] for call in calls) <= CONTEXT_TOKENS
