"""Votes over HTTP: who wins, when that is certain, and what becomes of the voters who are not needed any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.planning import (
    JUDGE,
    LOST,
    REFUSED,
    ballots,
    checked_events,
    ended,
    merged_in_order,
    run,
    start,
    tasks_of,
    until,
)
from tests.support.service import in_process

pytestmark = pytest.mark.anyio


# --- votes -----------------------------------------------------------------------------------------------------------

# Answers that decide come last, so that no vote ends before all are in.
CASES: dict[str, tuple[list[Any], Any, dict[str, Any]]] = {
    "most votes": (["a", "B", "b.", "c"], "fptp", {"value": "B", "status": "completed", "agreement": 0.5}),
    "most votes of few": (
        ["a", "b", "b", "c", "d"],
        "plurality",
        {"value": "b", "status": "completed", "agreement": 0.4},
    ),
    "a tie goes to the first voter": (
        ["y", "x", "x", "y"],
        "vote",
        {"value": "y", "status": "completed", "agreement": 0.5},
    ),
    "a tie without a winner": (
        ["y", "x", "x", "y"],
        {"strategy": "first-past-the-post", "tie": "none"},
        {"value": None, "status": "tied", "agreement": 0.5},
    ),
    "a majority": (["b", "a", "a"], "Majority Vote", {"value": "a", "status": "completed", "agreement": 2 / 3}),
    "half is no majority": (
        ["a", "a", "b", "c"],
        "majority",
        {"value": None, "status": "no_consensus", "agreement": 0.5},
    ),
    "a majority above a threshold": (
        ["a", "a", "a", "b"],
        {"strategy": "majority", "threshold": 0.8},
        {"value": None, "status": "no_consensus", "agreement": 0.75},
    ),
    "a consensus of two thirds": (
        ["b", "a", "a"],
        "consensus",
        {"value": "a", "status": "completed", "agreement": 2 / 3},
    ),
    "no consensus": (["a", "a", "b", "c"], "consensus", {"value": None, "status": "no_consensus", "agreement": 0.5}),
    "a consensus of less": (
        ["b", "c", "a", "a"],
        {"strategy": "supermajority", "threshold": 0.5},
        {"value": "a", "status": "completed", "agreement": 0.5},
    ),
    "a field of an object": (
        ['{"r": {"label": "no"}}', '{"r": {"label": "yes"}, "why": "1"}', '```json\n{"r": {"label": "Yes"}}\n```'],
        {"strategy": "majority", "field": "r.label"},
        {"value": "yes", "status": "completed", "agreement": 2 / 3},
    ),
    "nobody answers the field": (
        ["a", "b"],
        {"strategy": "majority", "field": "label"},
        {"value": None, "status": "empty", "agreement": None},
    ),
    "votes needed": (
        ["a", "b", "c"],
        {"strategy": "fptp", "votes_needed": 2},
        {"value": None, "status": "no_consensus", "agreement": 1 / 3},
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_vote(tmp_path: Path, case: str) -> None:
    answers, aggregate, expected = CASES[case]
    cast, tasks = ballots(*answers)
    found = await merged_in_order(tmp_path, cast, tasks, aggregate)

    assert found["status"] == "completed"
    assert found["aggregated"] == expected["value"], found["aggregation"]
    assert found["aggregation"]["status"] == expected["status"]
    assert found["aggregation"]["inputs"] == len(answers)
    assert found["aggregation"]["agreement"] == (
        None if expected["agreement"] is None else pytest.approx(expected["agreement"])
    )
    assert (found["aggregation"]["error"] is None) == (expected["value"] is not None)


async def test_the_weights_of_tasks_decide(tmp_path: Path) -> None:
    # 3 for no, 1 + 1.5 for yes: 3 / 5.5
    cast, tasks = ballots("yes", "yes", "no", weight=[1, 1.5, 3])
    found = await merged_in_order(tmp_path, cast, tasks, "weighted_voting")

    assert (found["status"], found["aggregated"]) == ("completed", "no")
    assert found["aggregation"]["agreement"] == pytest.approx(3 / 5.5)
    assert [(vote["value"], vote["weight"]) for vote in found["aggregation"]["votes"]] == [("no", 3), ("yes", 2.5)]


async def test_a_weighted_consensus_needs_its_share_of_the_weight(tmp_path: Path) -> None:
    cast, tasks = ballots("yes", "no", weight=[7, 4])  # 7 / 11 is less than 2 / 3
    found = await merged_in_order(tmp_path, cast, tasks, "weighted-consensus")

    assert (found["aggregated"], found["aggregation"]["status"]) == (None, "no_consensus")
    assert found["aggregation"]["agreement"] == pytest.approx(7 / 11)


async def test_votes_that_all_weigh_nothing_elect_nobody(tmp_path: Path) -> None:
    cast, tasks = ballots("yes", "no", weight=[0, 0])
    found = await merged_in_order(tmp_path, cast, tasks, "weighted_voting")

    assert (found["aggregated"], found["aggregation"]["status"]) == (None, "no_consensus")


async def test_the_confidence_that_outputs_state_decides(tmp_path: Path) -> None:
    # yes: 0.2 + 0.3; no: 0.9
    answers = [{"v": word, "confidence": sure} for word, sure in (("yes", 0.2), ("no", 0.9), ("yes", 0.3))]
    cast, tasks = ballots(*answers)
    aggregate = {"strategy": "weighted_voting", "weights": "confidence", "field": "v"}
    found = await merged_in_order(tmp_path, cast, tasks, aggregate)

    assert found["aggregated"] == "no"
    assert found["aggregation"]["agreement"] == pytest.approx(0.9 / 1.4)


async def test_the_scores_of_a_validator_decide(tmp_path: Path) -> None:
    # no: 0.9; yes: 0.4 + 0.4
    cast, tasks = ballots("yes", "no", "yes")
    cast.on(JUDGE, lambda asked: {"score": 0.9 if '"no"' in asked.prompt else 0.4})
    found = await merged_in_order(
        tmp_path,
        cast,
        tasks,
        {"strategy": "weighted_voting", "weights": "score"},
        validate={"rubric": "Right?", "threshold": 0.1},
    )

    assert (found["status"], found["aggregated"]) == ("completed", "no")
    assert found["aggregation"]["agreement"] == pytest.approx(0.9 / 1.7)
    assert [task["score"] for task in found["results"]["outputs"]] == [0.4, 0.9, 0.4]


async def test_a_decided_vote_cancels_the_rest_and_asks_nobody_else(tmp_path: Path) -> None:
    cast, tasks = ballots(*["yes"] * 3, *["no"] * 2)
    cast.hold("v3")
    async with in_process(tmp_path, provider=cast) as client:
        # One after the other: v0, v1 and v3 first, so that v3 runs and v4 waits when the third yes decides.
        body = {"tasks": tasks, "aggregate": "majority", "limits": {"max_parallel_agents": 2}}
        for task, priority in zip(tasks, (9, 8, 7, 10, 1), strict=True):
            task["priority"] = priority
        found = await run(client, body)
        asked = [call.task_id for call in cast.asked]
        tasks_then = await tasks_of(client, found["swarm_id"])
        log = await checked_events(client, found["swarm_id"])

    assert (found["status"], found["aggregated"]) == ("completed", "yes")
    assert found["counts"]["completed"] == 3
    assert found["counts"]["cancelled"] == 2
    assert sorted(filter(None, asked)) == ["v0", "v1", "v2", "v3"]
    assert [call.task_id for call in cast.cancelled] == ["v3"]
    assert {task_id: task["status"] for task_id, task in tasks_then.items()} == {
        "v0": "completed",
        "v1": "completed",
        "v2": "completed",
        "v3": "cancelled",
        "v4": "cancelled",
    }
    assert tasks_then["v4"]["error"]["type"] == "vote_decided"
    assert found["aggregation"]["status"] == "completed"
    assert [(event["type"], event["task_id"]) for event in log if event["task_id"] in {"v3", "v4"}][-2:] == [
        ("agent_failed", "v3"),
        ("task_cancelled", "v4"),
    ]


async def test_a_decided_vote_gives_back_what_it_had_reserved(tmp_path: Path) -> None:
    cast, tasks = ballots("a", "a", "b")
    cast.hold("v2")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"tasks": tasks, "aggregate": "majority", "budget": {"max_tokens": 1_000_000}})

    assert (found["status"], found["aggregated"]) == ("completed", "a")
    assert found["tokens"] == {"in": 20, "out": 4, "cached": 0}
    assert found["budget"]["unsettled_usd"] == 0


async def test_a_vote_that_is_decided_while_the_run_is_paused_ends_it(tmp_path: Path) -> None:
    cast, tasks = ballots("yes", "yes", "yes", "no", "no")
    cast.hold("v0", "v1", "v2")
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": tasks, "aggregate": "majority", "limits": {"max_parallel_agents": 3}}
        swarm_id = await start(client, body)
        for name in ("v0", "v1", "v2"):
            await cast.until_asked(name)
        await client.post(f"/v1/swarms/{swarm_id}/pause")
        await until(client, swarm_id, lambda swarm: swarm["status"] == "paused")
        cast.release("v0", "v1", "v2")
        found = await ended(client, swarm_id)

    assert (found["status"], found["aggregated"], found["counts"]["cancelled"]) == ("completed", "yes", 2)
    assert len(cast.asked) == 3


async def test_a_decided_vote_with_a_failure_can_be_retried(tmp_path: Path) -> None:
    """yes x 3 of 5 with one failure is partial; once the failed and the cancelled have voted it is complete."""
    cast, tasks = ballots(REFUSED, "yes", "yes", "yes", "no")
    cast.on("v0", REFUSED, "no")
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": tasks, "aggregate": "majority", "limits": {"max_parallel_agents": 1}}
        found = await run(client, body)
        every = {"states": ["failed", "cancelled"]}
        answer = await client.post(f"/v1/swarms/{found['swarm_id']}/retry", json=every)
        assert answer.status_code == 202, answer.text
        again = await until(client, found["swarm_id"], lambda swarm: swarm["ended_at"] is not None)

    assert (found["status"], found["aggregated"]) == ("partial", "yes")
    assert (again["status"], again["aggregated"]) == ("completed", "yes")


async def test_a_failed_voter_counts_nowhere(tmp_path: Path) -> None:
    cast, tasks = ballots("b", LOST, "a", "a")  # 2 of the 3 cast
    found = await merged_in_order(tmp_path, cast, tasks, "consensus")

    assert (found["status"], found["aggregated"]) == ("partial", "a")
    assert found["aggregation"]["missing"] == ["v1"]
