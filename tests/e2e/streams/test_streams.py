"""What the frames of a stream are, sentence by sentence of section 4 of the contract."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll
from tests.support.streaming import (
    ABOUT_AGENTS,
    ABOUT_TASKS,
    DIAMOND,
    Frame,
    Watched,
    check_order,
    open_stream,
    run,
    script,
    seen,
    start,
    watch,
)

COUNTS = {"waiting", "queued", "running", "retrying", "completed", "failed", "cancelled", "skipped", "total"}


# --- the frames ------------------------------------------------------------------------------------------------------


def test_one_json_object_per_text_frame(client: httpx2.Client, service: ServiceProcess) -> None:
    """Plain clients get one JSON object per text frame."""
    with open_stream(service.url, f"/swarms/{start(client, DIAMOND)}/stream") as socket:
        for _ in range(10):
            text = socket.recv(10)
            assert isinstance(text, str)
            assert isinstance(json.loads(text), dict)


def test_every_frame_has_the_common_fields(diamond: Watched) -> None:
    """Each with `type`, `seq`, `ts`, `swarm_id`, `task_id`, and, where one is meant, `agent_id` and `attempt`."""
    for frame in diamond.frames:
        assert {"type", "seq", "ts", "swarm_id", "task_id"} <= frame.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", frame["ts"])
        assert frame["swarm_id"].startswith("swm_")
        if frame["type"] in ABOUT_TASKS | ABOUT_AGENTS:
            assert frame["task_id"] in {"a", "b", "c", "d"}
            assert frame["agent_id"].startswith("agt_")
        else:
            assert frame["task_id"] is None
        if frame["type"] in ABOUT_AGENTS:
            assert frame["attempt"] == 1
        assert "cursor" not in frame


def test_a_task_keeps_its_agent(client: httpx2.Client, diamond: Watched) -> None:
    agents: dict[str, set[str]] = {}
    for frame in diamond.of_type(*ABOUT_TASKS, *ABOUT_AGENTS):
        agents.setdefault(frame["task_id"], set()).add(frame["agent_id"])
    assert [len(ids) for ids in agents.values()] == [1, 1, 1, 1]
    for task_id, ids in agents.items():
        assert client.get(f"/v1/agents/{ids.pop()}").json()["task_id"] == task_id


def test_agent_completed_carries_its_figures(client: httpx2.Client, diamond: Watched) -> None:
    """`agent_completed` (`latency_ms` number, `queue_ms`, `tokens_in`, `tokens_out`, `tokens_cached`, `cost_usd`,
    `model`)."""
    for frame in diamond.of_type("agent_completed"):
        task = client.get(f"/v1/swarms/{frame['swarm_id']}/tasks/{frame['task_id']}").json()
        assert isinstance(frame["latency_ms"], int | float)
        assert frame["latency_ms"] >= 40
        assert frame["latency_ms"] == task["latency_ms"]
        assert frame["queue_ms"] == task["queue_ms"]
        assert (frame["tokens_in"], frame["tokens_out"]) == (
            task["usage"]["prompt_tokens"],
            task["usage"]["completion_tokens"],
        )
        assert frame["tokens_in"] > 0
        assert frame["tokens_cached"] == task["usage"]["cached_tokens"]
        assert frame["cost_usd"] == task["cost_usd"]
        assert frame["model"] == task["model"]


def test_the_log_is_the_stream(client: httpx2.Client, diamond: Watched) -> None:
    """`GET …/events`: the event log in `seq` order from 1; `metrics_snapshot` is not in the log."""
    assert list(events_of(client, diamond.frames[0]["swarm_id"])) == diamond.logged
    assert diamond.snapshots
    assert [frame["seq"] for frame in diamond.logged] == list(range(1, len(diamond.logged) + 1))


def test_started_and_completed_frame_a_run(diamond: Watched) -> None:
    """`swarm_started` … `swarm_completed` frame a run; the latter carries the final `status`."""
    assert diamond.logged[0]["type"] == "swarm_started"
    assert diamond.logged[-1]["type"] == "swarm_completed"
    assert diamond.logged[-1]["status"] == "completed"
    assert (diamond.code, diamond.reason) == (1000, "")


def test_spawned_comes_once_and_after_the_dependencies(diamond: Watched) -> None:
    """`agent_spawned` comes once per sub-agent, when its first attempt starts (so after its dependencies completed)."""
    place = {(frame["type"], frame["task_id"]): index for index, frame in enumerate(diamond.logged)}
    assert len(diamond.of_type("agent_spawned")) == len(diamond.of_type("agent_completed")) == 4
    for task in DIAMOND:
        for name in task.get("depends_on", []):
            assert place["agent_completed", name] < place["agent_spawned", task["id"]]
            assert place["agent_completed", name] < place["task_queued", task["id"]]
    waiting = [frame["task_id"] for frame in diamond.of_type("task_waiting")]
    assert waiting == ["b", "c", "d"]


def test_a_retry_gives_only_agent_retrying(
    client: httpx2.Client, service: ServiceProcess, model: MockModelProcess
) -> None:
    """Retries give only `agent_retrying` (`retry_in_ms`, `error`); then exactly one `agent_completed` or
    `agent_failed`."""
    script(
        model,
        {"match": "flaky-once", "status": 500, "times": 1},
        {"match": "always-broken", "status": 500, "times": None},
    )
    tasks: list[Frame] = [{"id": "flaky", "prompt": "flaky-once"}, {"id": "broken", "prompt": "always-broken"}]
    watched = run(client, service.url, tasks, retry={"max_retries": 2, "base_delay_s": 0.05})

    def of(task_id: str) -> list[tuple[str, int]]:
        return [
            (frame["type"], frame["attempt"])
            for frame in watched.logged
            if frame["task_id"] == task_id and frame["type"] in ABOUT_AGENTS
        ]

    assert of("flaky") == [("agent_spawned", 1), ("agent_retrying", 1), ("agent_completed", 2)]
    assert of("broken") == [("agent_spawned", 1), ("agent_retrying", 1), ("agent_retrying", 2), ("agent_failed", 3)]
    for frame in watched.of_type("agent_retrying"):
        assert frame["retry_in_ms"] >= 25
        assert isinstance(frame["error"], str)
    [failed] = watched.of_type("agent_failed")
    assert isinstance(failed["error"], str)
    assert "500" in failed["error"]
    assert watched.logged[-1]["status"] == "partial"


@pytest.mark.parametrize(
    ("fields", "status"), [({}, "failed"), ({"on_task_failure": "fail_fast"}, "failed")], ids=["counts", "fail_fast"]
)
def test_a_failed_run_says_so(
    client: httpx2.Client, service: ServiceProcess, model: MockModelProcess, fields: dict[str, Any], status: str
) -> None:
    """The latter carries the final `status`, failed or cancelled included."""
    script(model, {"match": "fatal-word", "status": 400, "times": 1})
    tasks: list[Frame] = [{"id": "a", "prompt": "fatal-word"}, {"id": "b", "prompt": "next", "depends_on": ["a"]}]
    watched = run(client, service.url, tasks, **fields)

    assert watched.logged[-1]["type"] == "swarm_completed"
    assert watched.logged[-1]["status"] == status
    assert [frame["task_id"] for frame in watched.of_type("agent_failed")] == ["a"]
    assert [frame["task_id"] for frame in watched.of_type("task_skipped", "task_cancelled")] == ["b"]
    assert [frame["task_id"] for frame in watched.of_type("agent_spawned")] == ["a"]


def test_a_cancelled_sub_agent_failed(client: httpx2.Client, service: ServiceProcess, model: MockModelProcess) -> None:
    """A cancelled one: `agent_failed` with error "cancelled"."""
    script(model, {"match": "endless-word", "hang": True, "times": 2})
    tasks: list[Frame] = [
        {"id": "a", "prompt": "endless-word"},
        {"id": "b", "prompt": "endless-word"},
        {"id": "c", "prompt": "later", "depends_on": ["a"]},
    ]
    swarm_id = start(client, tasks)
    spawned = seen("agent_spawned", 2)
    head = watch(service.url, f"/swarms/{swarm_id}/stream", until=spawned)
    client.post(f"/v1/swarms/{swarm_id}/cancel")
    tail = watch(service.url, f"/swarms/{swarm_id}/stream?after={head.logged[-1]['seq']}")

    check_order(tail.frames, after=check_order(head.frames))
    assert sorted(frame["task_id"] for frame in tail.of_type("agent_failed")) == ["a", "b"]
    assert {frame["error"] for frame in tail.of_type("agent_failed")} == {"cancelled"}
    assert [frame["task_id"] for frame in tail.of_type("task_cancelled")] == ["c"]
    assert tail.logged[-1]["status"] == "cancelled"
    assert tail.code == 1000


def test_scaling_and_merging_are_events(client: httpx2.Client, service: ServiceProcess) -> None:
    """`swarm_scaled`, `aggregate_completed`."""
    tasks = [{"id": f"t{index}", "prompt": f"word {index}"} for index in range(30)]
    swarm_id = start(client, tasks, aggregate="concat", limits={"max_parallel_agents": 1})
    assert client.patch(f"/v1/swarms/{swarm_id}", json={"max_parallel_agents": 30}).status_code == 200
    watched = watch(service.url, f"/swarms/{swarm_id}/stream")

    [scaled] = watched.of_type("swarm_scaled")
    assert (scaled["before"], scaled["max_parallel_agents"]) == (1, 30)
    [merged] = watched.of_type("aggregate_completed")
    assert (merged["strategy"], merged["inputs"]) == ("concat", 30)


# --- snapshots -------------------------------------------------------------------------------------------------------


def check_snapshot(snapshot: Frame, logged: list[Frame]) -> None:
    """The counts are those that the events up to its `seq` add up to."""
    upto = [frame for frame in logged if frame["seq"] <= snapshot["seq"]]
    total = upto[0]["total"]
    state: dict[str, str] = {}
    states = {
        "task_waiting": "waiting",
        "task_queued": "queued",
        "agent_spawned": "running",
        "agent_completed": "completed",
        "agent_failed": "failed",
    }
    for frame in upto:
        if frame["type"] in states:
            state[frame["task_id"]] = states[frame["type"]]
    expected = Counter(state.values())
    assert snapshot["counts"] == dict.fromkeys(COUNTS, 0) | dict(expected) | {"total": total}
    assert snapshot["active_agents"] == expected["running"]


def test_snapshots_come_every_second_and_once_at_the_end(
    client: httpx2.Client, service: ServiceProcess, model: MockModelProcess
) -> None:
    """`metrics_snapshot` (every second and once at the end; authoritative counts, percentiles, cost, rates); its `seq`
    repeats the last logged event it includes."""
    script(model, {"match": "slow-word", "latency_ms": 700, "times": 6})
    tasks: list[dict[str, Any]] = [{"id": "s0", "prompt": "slow-word 0"}]
    tasks += [{"id": f"s{n}", "prompt": f"slow-word {n}", "depends_on": [f"s{n - 1}"]} for n in range(1, 5)]
    began = time.monotonic()
    watched = run(client, service.url, tasks)
    seconds = time.monotonic() - began

    assert seconds / 2 - 1 <= len(watched.snapshots) - 1 <= seconds + 1  # a busy machine may be late
    moments = [frame["elapsed_s"] for frame in watched.snapshots[:-1]]
    assert min(later - earlier for earlier, later in pairwise(moments)) < 1.3
    for snapshot in watched.snapshots:
        check_snapshot(snapshot, watched.logged)
    # "Its seq repeats the last logged event it includes": the one that stands before it in the stream.
    last = 0
    for frame in watched.frames:
        if frame["type"] == "metrics_snapshot":
            assert frame["seq"] == last
        last = frame["seq"]
    assert [frame["type"] for frame in watched.frames[-2:]] == ["metrics_snapshot", "swarm_completed"]


def test_the_last_snapshot_agrees_with_the_rest(client: httpx2.Client, diamond: Watched) -> None:
    """Fields: `counts` (as in Swarm), `active_agents`, `success_rate`, `avg_latency_ms`, `p50_ms`, `p95_ms`, `p99_ms`,
    `tokens`, `cost_usd`, `steps`, `tasks_per_s`, `elapsed_s`."""
    final = diamond.snapshots[-1]
    swarm = client.get(f"/v1/swarms/{final['swarm_id']}").json()
    summary = client.get(f"/v1/swarms/{final['swarm_id']}/results").json()["summary"]

    for name in ("counts", "tokens", "cost_usd", "steps"):
        assert final[name] == swarm[name], name
    for name in ("success_rate", "avg_latency_ms", "p50_ms", "p95_ms", "p99_ms"):
        assert final[name] == pytest.approx(summary[name]), name
    assert final["active_agents"] == 0
    assert final["elapsed_s"] > 0.1
    assert final["tasks_per_s"] == pytest.approx(4 / final["elapsed_s"], abs=0.001)


def test_a_replay_gives_the_same_last_snapshot(service: ServiceProcess, diamond: Watched) -> None:
    again = watch(service.url, f"/swarms/{diamond.frames[0]['swarm_id']}/stream")
    assert again.logged == diamond.logged
    assert again.snapshots == diamond.snapshots[-1:]
    assert again.code == 1000


def test_the_last_snapshot_is_the_same_after_a_restart_or_for_one_who_was_not_there(
    client: httpx2.Client, service: ServiceProcess
) -> None:
    """Made from memory for those who watched, from the store for those who came later: no difference."""
    swarm_id = start(client, DIAMOND)
    poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "completed")
    watched = watch(service.url, f"/swarms/{swarm_id}/stream")
    seen = run(client, service.url, DIAMOND)
    assert watched.snapshots[-1].keys() == seen.snapshots[-1].keys()
