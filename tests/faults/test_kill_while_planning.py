"""The service is killed with SIGKILL while a planner plans, tasks repair their answers and outputs are merged.

Each run is made once without a kill, which tells what it takes; then again with kills at seeded calls. Every call of a
run differs in what it asks, so the model's own log tells which were made twice, and the database which were recorded:
what was recorded is never asked again, and what is asked twice was in flight when the service died.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from app.domain.swarm import SWARM_TERMINAL
from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll

PARALLEL = 8
FILES = [{"name": f"{name}.txt", "content": f"Total revenue | $2{at} | $19\nThe auditor is {name} LLP."}
         for at, name in enumerate(("acme", "shoes", "sand"))]  # fmt: skip
GOAL = {"goal": "Compare their revenue and auditors, and validate each claim", "attachments": {"files": FILES}}
SCHEMA = {"type": "object", "properties": {"fact": {"type": "string"}}, "required": ["fact"]}
RUBRIC = "A fact is named"
FACTS = [{"id": f"t{at}", "prompt": f"Name fact {at}"} for at in range(12)]

RUNS: dict[str, dict[str, Any]] = {
    "supervisor": GOAL | {"planner": "supervisor"},
    "orchestrator": GOAL | {"planner": "orchestrator"},
    "repairs": {"tasks": FACTS, "output_schema": SCHEMA, "validate": RUBRIC},
    "merges": {
        "tasks": [{"id": f"t{at}", "prompt": f"Name fact {at}"} for at in range(60)],
        "aggregate": {"strategy": "hierarchical", "batch_size": 5},
    },
}
LEAST_CALLS = {"supervisor": 9, "orchestrator": 9, "repairs": 36, "merges": 60 + 12 + 3 + 1}
"""A plan, three readings, three checks, a comparison and a merge; three turns for the same; answer, repair and verdict
of twelve tasks; sixty facts in merges of five, of five again, and a final one."""

SCRIPT = [
    {"match": RUBRIC, "content": '{"score": 0.9, "critique": "Good."}', "times": None},
    {"match": "this is no JSON", "content": '{"fact": "repaired"}', "times": None},
    {"match": "Name fact", "content": "this is no JSON", "times": None},
]
"""For tasks with a schema: the first answer does not match, its repair does, and the judge likes it."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one run has come to.

    Attributes:
        asked: how often each call arrived at the model, by what it asked.
        recorded: answers in the database: journaled, or the output of a task.
        by_task: what of them each task has.
    """

    asked: Counter[str]
    recorded: int
    by_task: dict[str, int]


class Run:
    """One run of the service, and the part of the model's log that is its own."""

    def __init__(self, service: ServiceProcess, model: MockModelProcess, body: dict[str, Any]) -> None:
        self.service, self.model = service, model
        self._before = len(model.calls())
        with service.client() as client:
            answer = client.post("/v1/swarms", json=body | {"limits": {"max_parallel_agents": PARALLEL}})
        assert answer.status_code == 201, answer.text
        self.swarm_id: str = answer.json()["swarm_id"]

    def received(self) -> int:
        return sum(call["event"] == "received" for call in self.model.calls()[self._before :])

    def kill(self) -> Ledger:
        """Kill the service; return what it left behind once the model has noticed that its callers are gone."""
        self.service.kill()
        self.model.configure()  # answered after whatever had arrived before

        def quiet() -> bool:
            seen = Counter(call["event"] for call in self.model.calls())
            return seen["received"] == seen["answered"] + seen["dropped"]

        poll(quiet, what="the end of the calls of a dead process")
        return self.ledger()

    def ledger(self) -> Ledger:
        calls = [call for call in self.model.calls()[self._before :] if call["event"] == "received"]
        query = (
            "SELECT task_id, (output IS NOT NULL) + (SELECT count(*) FROM steps WHERE steps.swarm_id = tasks.swarm_id "
            "AND steps.ix = tasks.ix) FROM tasks WHERE swarm_id = ?"
        )
        with closing(sqlite3.connect(self.service.data_dir / "swarmd.db")) as connection:
            by_task = dict(connection.execute(query, [self.swarm_id]).fetchall())
        return Ledger(Counter(call["messages_sha256"] for call in calls), sum(by_task.values()), by_task)

    def end(self) -> dict[str, Any]:
        with self.service.client() as client:

            def ended() -> dict[str, Any] | None:
                row: dict[str, Any] = client.get(f"/v1/swarms/{self.swarm_id}").json()
                return row if row["status"] in SWARM_TERMINAL else None

            return poll(ended, what="the end of the run")

    def events(self) -> list[dict[str, Any]]:
        with self.service.client() as client:
            return list(events_of(client, self.swarm_id))


@pytest.mark.parametrize(("name", "seed", "kills"), [("supervisor", 11, 3), ("orchestrator", 12, 3), ("repairs", 13, 3),
                                                     ("merges", 14, 4)])  # fmt: skip
def test_no_recorded_answer_is_asked_again(tmp_path: Path, name: str, seed: int, kills: int) -> None:
    body = RUNS[name]
    with (
        MockModelProcess(tmp_path / "model", "--latency-ms", "40") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
    ):
        if name == "repairs":
            httpx2.post(f"{model.root_url}/mock/script", json=SCRIPT).raise_for_status()
        calm = Run(service, model, body)
        expected, needed = calm.end(), calm.ledger()
        assert expected["status"] == "completed", expected
        assert set(needed.asked.values()) == {1}, "two calls of a run ask the same: the log cannot tell them apart"
        assert needed.recorded == len(needed.asked) == LEAST_CALLS[name]

        run = Run(service, model, body)
        lost, graves = 0, []
        for at in sorted(Random(seed).sample(range(1, needed.recorded), kills)):
            poll(lambda at=at: run.received() >= at, every_s=0.002, what=f"call {at}")  # type: ignore[misc]
            grave = run.kill()
            graves.append(grave)
            lost_now = grave.asked.total() - grave.recorded - lost
            assert 0 <= lost_now <= PARALLEL, "more answers were lost than calls were in flight"
            lost += lost_now
            service.start()
        row, final = run.end(), run.ledger()
        told = run.events()

        assert (row["status"], row["counts"]) == (expected["status"], expected["counts"]), row
        assert row["aggregated"] == expected["aggregated"]
        assert final.by_task == needed.by_task
        assert set(final.asked) == set(needed.asked)
        # What was recorded is once in the log; each answer that was lost is in it once more.
        assert final.asked.total() == needed.recorded + lost
        assert sum(count - 1 for count in final.asked.values()) <= lost
        for grave in graves:
            assert all(count <= final.by_task[task_id] for task_id, count in grave.by_task.items())
        assert [event["type"] for event in told].count("swarm_completed") == 1
        completed = Counter(event["task_id"] for event in told if event["type"] == "agent_completed")
        assert set(completed.values()) == {1}
    report(1, f"{name}, {needed.recorded} calls, seed {seed}, {kills} kills: {lost} answers lost and asked again, "
              "0 recorded ones asked again, the same end as without a kill")  # fmt: skip
