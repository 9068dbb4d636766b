"""The service is killed with SIGKILL while sub-agents call tools: no run of a tool that was recorded is repeated.

The tool is a ledger, a file that outlives the process: it tells which runs began and which ended. The database tells
which were recorded, the model's own log which calls were made. What is in the ledger twice was under way, or had just
ended, when the service died; it has the same run key both times, by which a tool can tell.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from app.domain.swarm import SWARM_TERMINAL
from tests.support.figures import report
from tests.support.ledger_service import TOOL, LedgerService
from tests.support.service import MockModelProcess, events_of, poll

AGENTS, ROUNDS, AT_ONCE = 10, 3, 2
RUNS = AGENTS * ROUNDS * AT_ONCE
TASKS = [{"id": f"t{at}", "prompt": f"Note {at}.", "tools": [TOOL], "max_steps": ROUNDS + 1} for at in range(AGENTS)]
SCRIPT = [
    {"when_tools": True, "tool_calls": [{"name": TOOL, "arguments": {"n": n}} for n in range(AT_ONCE)], "times": None},
    {"when_tools": False, "content": "All is noted.", "times": None},
]


def journaled(service: LedgerService, swarm_id: str) -> tuple[set[str], int]:
    """The run keys whose results are recorded, and how many answers of the model are."""
    keys, answers = set(), 0
    with closing(sqlite3.connect(service.data_dir / "swarmd.db")) as connection:
        for index, step, record in connection.execute(
            "SELECT ix, step, record FROM steps WHERE swarm_id = ?", [swarm_id]
        ):
            found = json.loads(record)
            answers += found["kind"] == "calls"
            keys |= {f"{swarm_id}/{index}/{step}/{call_id}" for call_id in found.get("results", ())}
        [(outputs,)] = connection.execute(
            "SELECT count(*) FROM tasks WHERE swarm_id = ? AND output IS NOT NULL", [swarm_id]
        ).fetchall()
    return keys, answers + outputs


def asked(model: MockModelProcess) -> Counter[str]:
    return Counter(call["messages_sha256"] for call in model.calls() if call["event"] == "received")


def quiet(model: MockModelProcess) -> bool:
    """Whether the model has noticed that its callers are gone."""
    seen = Counter(call["event"] for call in model.calls())
    return seen["received"] == seen["answered"] + seen["dropped"]


@pytest.mark.parametrize(("seed", "kills"), [(21, 3), pytest.param(22, 5, marks=pytest.mark.long)])
def test_no_recorded_run_of_a_tool_is_repeated(tmp_path: Path, seed: int, kills: int) -> None:
    with (
        MockModelProcess(tmp_path / "model", "--latency-ms", "30") as model,
        LedgerService(tmp_path / "service", *model.as_provider()) as service,
    ):
        httpx2.post(f"{model.root_url}/mock/script", json=SCRIPT).raise_for_status()
        with service.client() as client:
            answer = client.post("/v1/swarms", json={"tasks": TASKS, "limits": {"max_parallel_agents": 4}})
        assert answer.status_code == 201, answer.text
        swarm_id = answer.json()["swarm_id"]

        graves: list[tuple[int, set[str]]] = []  # how long the ledger was, and what was recorded
        before, under_way, lost = 0, 0, 0
        for at in sorted(Random(seed).sample(range(1, RUNS - 4), kills)):

            def within_a_run(at: int = at) -> bool:
                begun = Counter(what for what, _ in service.noted())
                return begun["begun"] >= at and begun["begun"] > begun["ended"]

            poll(within_a_run, every_s=0.002, what=f"run {at} of a tool")
            service.kill()
            model.configure()  # answered after whatever had arrived before
            poll(lambda: quiet(model), what="the end of the calls of a dead process")
            recorded, answers = journaled(service, swarm_id)
            noted = service.noted()
            graves.append((len(noted), recorded))
            under_way += len({key for what, key in noted[before:] if what == "begun"} - recorded)
            before = len(noted)
            lost = asked(model).total() - answers
            service.start()

        with service.client() as client:

            def ended() -> dict[str, Any] | None:
                row: dict[str, Any] = client.get(f"/v1/swarms/{swarm_id}").json()
                return row if row["status"] in SWARM_TERMINAL else None

            row = poll(ended, what="the end of the run")
            told = list(events_of(client, swarm_id))
        final, answers = journaled(service, swarm_id)
        noted = service.noted()

        assert (row["status"], row["counts"]["completed"]) == ("completed", AGENTS), row
        assert under_way > 0, "no kill landed between a call and its results"
        for length, recorded in graves:
            again = {key for what, key in noted[length:] if what == "begun"} & recorded
            assert not again, f"recorded runs were repeated: {sorted(again)}"
        assert len(final) == RUNS
        begun = Counter(key for what, key in noted if what == "begun")
        assert set(begun) == final, "a run has another key the second time"
        assert final <= {key for what, key in noted if what == "ended"}
        assert begun.total() - RUNS <= under_way
        assert answers == AGENTS * (ROUNDS + 1)
        calls = asked(model)
        assert calls.total() - answers == lost, "after the last start a recorded answer was asked for again"
        assert row["steps"] >= answers
        steps = Counter(event["kind"] for event in told if event["type"] == "agent_step")
        assert steps == {"calls": AGENTS * ROUNDS, "results": AGENTS * ROUNDS}
        assert [event["type"] for event in told].count("swarm_completed") == 1
    report(1, f"tools, {RUNS} runs, seed {seed}, {kills} kills: {begun.total() - RUNS} of {under_way} runs under way "
              f"made again, 0 recorded ones, {lost} answers lost and asked again")  # fmt: skip
