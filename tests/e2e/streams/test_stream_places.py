"""Where a stream begins and ends: replay, `after`, cursors, batches and server-sent events (contract, section 4)."""

from __future__ import annotations

import json
from collections import Counter

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess, events_of
from tests.support.streaming import (
    DIAMOND,
    Footprint,
    Frame,
    Watched,
    check_let_go,
    check_order,
    open_stream,
    orchestrator,
    script,
    seen,
    spawn,
    sse,
    start,
    watch,
)

# --- resuming --------------------------------------------------------------------------------------------------------


def test_after_resumes_behind_that_seq(service: ServiceProcess, diamond: Watched) -> None:
    """On connect the history is replayed from its first retained event, then live; `?after=<seq>` resumes."""
    swarm_id = diamond.frames[0]["swarm_id"]
    for seq in (0, 1, 7, len(diamond.logged) - 1):
        again = watch(service.url, f"/swarms/{swarm_id}/stream?after={seq}")
        assert again.logged == diamond.logged[seq:]
        assert again.code == 1000


@pytest.mark.parametrize("beyond", ["0", "1", "1000000"])
def test_behind_the_last_event_there_is_nothing(service: ServiceProcess, diamond: Watched, beyond: str) -> None:
    """Closes with 1000 after the last event."""
    after = len(diamond.logged) + int(beyond)
    again = watch(service.url, f"/swarms/{diamond.frames[0]['swarm_id']}/stream?after={after}")
    assert (again.frames, again.code) == ([], 1000)


def test_after_latest_skips(client: httpx2.Client, service: ServiceProcess, model: MockModelProcess) -> None:
    """`?after=latest` skips."""
    script(model, {"match": "pause-word", "latency_ms": 400, "times": 1})
    swarm_id = start(client, [{"id": "a", "prompt": "pause-word"}])
    head = watch(service.url, f"/swarms/{swarm_id}/stream", until=seen("agent_spawned", 1))
    tail = watch(service.url, f"/swarms/{swarm_id}/stream?after=latest")

    assert tail.logged[0]["type"] == "agent_completed"
    check_order(tail.frames, after=check_order(head.frames))
    ended = watch(service.url, f"/swarms/{swarm_id}/stream?after=latest")
    assert (ended.frames, ended.code) == ([], 1000)


def test_an_after_ahead_of_a_running_run_still_sees_its_end(
    client: httpx2.Client, service: ServiceProcess, model: MockModelProcess
) -> None:
    script(model, {"match": "wait-word", "latency_ms": 400, "times": 1})
    swarm_id = start(client, [{"id": "a", "prompt": "wait-word"}])
    watched = watch(service.url, f"/swarms/{swarm_id}/stream?after=999999")
    assert (watched.logged[-1]["type"], watched.code) == ("swarm_completed", 1000)


# --- the orchestrator's stream ---------------------------------------------------------------------------------------


def test_an_orchestrator_s_stream_merges_its_runs_and_stays_open(
    client: httpx2.Client, service: ServiceProcess
) -> None:
    """`/agents/{id}/stream` merges all swarms of the orchestrator and stays open; `seq` is still per swarm (beside
    `swarm_id`), and every frame has an opaque `cursor`. Each POST to batch-execute, barrier-execute and execute and
    each spawn is a swarm of its own."""
    agent_id = orchestrator(client, "merging")
    with open_stream(service.url, f"/agents/{agent_id}/stream") as socket:
        spawned = [spawn(client, agent_id, f"s{n}") for n in range(3)]
        batch = {"orchestrator_id": agent_id, "tasks": [{"id": "b1", "data": 1}, {"id": "b2", "data": 2}]}
        batched = client.post("/v1/agents/batch-execute", json=batch).json()
        barrier = {"orchestrator_id": agent_id, "tasks": [{"id": "x", "data": 1}], "barrier_id": "barrier_0"}
        client.post("/v1/agents/barrier-execute", json=barrier | {"wait_for_completion": True})
        client.post("/v1/agents/execute", json={"orchestrator_id": agent_id, "id": "e", "data": {}})
        enough = seen("swarm_completed", 6)
        frames: list[Frame] = []
        while True:
            frames.append(json.loads(socket.recv(10)))
            if enough(frames[-1]):
                break
        with pytest.raises(TimeoutError):
            socket.recv(1.2)

    last = check_order(frames)
    assert len(last) == 6
    assert {entry["swarm_id"] for entry in spawned} | {batched["swarm_id"]} <= last.keys()
    assert all(isinstance(frame["cursor"], str) and frame["cursor"] for frame in frames)
    assert all(frame["orchestrator_id"] == agent_id for frame in frames if frame["type"] == "swarm_started")
    for entry in spawned:
        agents = {frame["agent_id"] for frame in frames if frame["swarm_id"] == entry["swarm_id"] and frame["task_id"]}
        assert agents == {entry["agent_id"]}
    finals = [frame for frame in frames if frame["type"] == "metrics_snapshot" and frame["counts"]["completed"]]
    assert {frame["swarm_id"] for frame in finals} == last.keys()


def test_every_cursor_resumes_with_the_same_guarantees(client: httpx2.Client, service: ServiceProcess) -> None:
    """There `?after=<cursor>` resumes, with the same guarantees per swarm: that of a snapshot does, too."""
    agent_id = orchestrator(client, "resuming")
    for n in range(3):
        spawn(client, agent_id, f"s{n}")
    whole = watch(service.url, f"/agents/{agent_id}/stream", until=seen("swarm_completed", 3))
    for cut in range(len(whole.frames)):
        rest = (
            watch(service.url, f"/agents/{agent_id}/stream?after={whole.frames[cut]['cursor']}", until=None)
            if (cut == -1)
            else None
        )
        assert rest is None
        head = whole.frames[: cut + 1]
        missing = [frame for frame in whole.frames[cut + 1 :] if frame["type"] != "metrics_snapshot"]
        if not missing:
            continue
        left = sum(frame["type"] == "swarm_completed" for frame in missing)
        tail = watch(
            service.url, f"/agents/{agent_id}/stream?after={head[-1]['cursor']}", until=seen("swarm_completed", left)
        )
        assert tail.logged == missing
        check_order(tail.frames, after=check_order(head))


def test_latest_on_an_orchestrator_gives_only_what_comes(client: httpx2.Client, service: ServiceProcess) -> None:
    agent_id = orchestrator(client, "skipping")
    old = spawn(client, agent_id)
    watch(service.url, f"/agents/{agent_id}/stream", until=seen("swarm_completed", 1))
    with open_stream(service.url, f"/agents/{agent_id}/stream?after=latest") as socket:
        new = spawn(client, agent_id)
        enough = seen("swarm_completed", 1)
        frames: list[Frame] = []
        while not frames or not enough(frames[-1]):
            frames.append(json.loads(socket.recv(10)))
    assert {frame["swarm_id"] for frame in frames} == {new["swarm_id"]} != {old["swarm_id"]}
    check_order(frames)


def test_a_cursor_ahead_of_the_log_is_its_end(client: httpx2.Client, service: ServiceProcess) -> None:
    agent_id = orchestrator(client, "ahead")
    with open_stream(service.url, f"/agents/{agent_id}/stream?after=9999999-1") as socket:
        spawn(client, agent_id)
        assert json.loads(socket.recv(10))["type"] == "swarm_started"


def test_the_orchestrator_s_name_and_a_sub_agent_s_id_are_streams(
    client: httpx2.Client, service: ServiceProcess
) -> None:
    agent_id = orchestrator(client, "by name")
    sub_agent = spawn(client, agent_id)
    by_name = watch(service.url, "/agents/by%20name/stream", until=seen("swarm_completed", 1))
    by_id = watch(service.url, f"/agents/{agent_id}/stream", until=seen("swarm_completed", 1))
    by_sub_agent = watch(service.url, f"/agents/{sub_agent['agent_id']}/stream")

    assert by_name.logged == by_id.logged
    assert by_sub_agent.code == 1000
    assert [frame["seq"] for frame in by_sub_agent.logged] == [frame["seq"] for frame in by_id.logged]
    assert {frame["agent_id"] for frame in by_sub_agent.logged if frame["task_id"]} == {sub_agent["agent_id"]}


def test_an_orchestrator_s_stream_sends_snapshots_of_every_running_swarm(
    client: httpx2.Client, service: ServiceProcess, model: MockModelProcess
) -> None:
    """The agent stream sends one per running swarm."""
    script(model, {"match": "long-word", "latency_ms": 2300, "times": 2})
    agent_id = orchestrator(client, "two runs")
    first, second = spawn(client, agent_id, "long-word 1"), spawn(client, agent_id, "long-word 2")
    watched = watch(service.url, f"/agents/{agent_id}/stream", until=seen("swarm_completed", 2))

    check_order(watched.frames)
    snapshots = Counter(frame["swarm_id"] for frame in watched.snapshots)
    assert snapshots.keys() == {first["swarm_id"], second["swarm_id"]}
    assert min(snapshots.values()) >= 2
    assert all(frame["counts"]["total"] == 1 and frame["cursor"] for frame in watched.snapshots)


# --- batches ---------------------------------------------------------------------------------------------------------


def test_batches_hold_the_same_events(client: httpx2.Client, service: ServiceProcess) -> None:
    """`?batch_ms=50` gives `{"type":"batch","events":[…]}`."""
    tasks = [{"id": f"t{n}", "prompt": f"word {n}"} for n in range(60)]
    swarm_id = start(client, tasks, limits={"max_parallel_agents": 20})
    batched = watch(service.url, f"/swarms/{swarm_id}/stream?batch_ms=50")
    plain = watch(service.url, f"/swarms/{swarm_id}/stream")

    assert batched.code == 1000
    assert all(message.keys() == {"type", "events"} for message in batched.messages)
    assert {message["type"] for message in batched.messages} == {"batch"}
    assert all(message["events"] for message in batched.messages)
    check_order(batched.frames)
    assert batched.logged == plain.logged
    assert len(batched.messages) < len(batched.frames) / 4


# --- server-sent events ----------------------------------------------------------------------------------------------


def test_server_sent_events_are_the_same(client: httpx2.Client, diamond: Watched) -> None:
    """With `Accept: text/event-stream` the same as SSE (`Last-Event-ID` works)."""
    swarm_id = diamond.frames[0]["swarm_id"]
    events = sse(client, swarm_id)

    assert [json.loads(event["data"]) for event in events if "id" in event] == diamond.logged
    assert all(json.loads(event["data"])["type"] == event["event"] for event in events)
    assert all(int(event["id"]) == json.loads(event["data"])["seq"] for event in events if "id" in event)
    assert [event["event"] for event in events if "id" not in event] == ["metrics_snapshot"]
    for query, headers, last in (
        ("?after=3", {}, 3),
        ("", {"Last-Event-ID": "5"}, 5),
        ("?after=3", {"Last-Event-ID": "5"}, 5),
    ):
        again = sse(client, swarm_id, query, **headers)
        assert [int(event["id"]) for event in again if "id" in event] == list(range(last + 1, len(diamond.logged) + 1))


def test_server_sent_events_come_live(client: httpx2.Client, service: ServiceProcess) -> None:
    swarm_id = start(client, DIAMOND)
    events = sse(client, swarm_id)
    frames = [json.loads(event["data"]) for event in events]
    check_order(frames)
    assert [frame for frame in frames if frame["type"] != "metrics_snapshot"] == list(events_of(client, swarm_id))


def test_a_listener_that_leaves_is_let_go(
    client: httpx2.Client, service: ServiceProcess, model: MockModelProcess
) -> None:
    """In the middle of a quiet run: the connection goes, and nothing is logged."""
    script(model, {"match": "quiet-word", "hang": True, "times": 1})
    swarm_id = start(client, [{"id": "a", "prompt": "quiet-word"}])
    before = Footprint.of(service.pid)
    for _ in range(10):
        with (
            service.client() as leaver,
            leaver.stream("GET", f"/v1/swarms/{swarm_id}/events", headers={"Accept": "text/event-stream"}) as response,
        ):
            next(response.iter_text())
    check_let_go(service.pid, before)
    client.post(f"/v1/swarms/{swarm_id}/cancel")
