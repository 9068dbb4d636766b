"""What holds for all services together: limits of keys and orchestrators, and what is known of a provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.support.cluster import Cluster, cluster, independent
from tests.support.service import ServiceProcess, poll

pytestmark = pytest.mark.long

PROBES = 2


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two services that make their calls themselves."""
    flags = ("--breaker-failures", "6", "--breaker-recovery-s", "0.5", "--breaker-probes", str(PROBES))
    folder = tmp_path_factory.mktemp("shared")
    with cluster(folder, workers=0, local_agents=200, latency_ms=100, flags=flags) as found:
        yield found


def most_at_once(calls: Sequence[Mapping[str, Any]], prefix: str) -> int:
    """Calls of tasks of that name that the model had at the same time."""
    under_way: set[int] = set()
    most = 0
    for call in calls:
        if call["event"] == "received" and call["task_id"].startswith(prefix):
            under_way.add(call["n"])
        elif call["event"] != "received":
            under_way.discard(call["n"])
        most = max(most, len(under_way))
    return most


def start_at_both(nodes: Cluster, tasks: int, prefix: str, key: str | None = None, **more: Any) -> list[str]:
    """Start runs until both services have one; whoever hears of a run first takes it."""
    runs: list[str] = []
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    before = [claims(node) for node in nodes.serves]
    while not all(claims(node) > had for node, had in zip(nodes.serves, before, strict=True)):
        assert len(runs) < 60, "one service takes all runs"
        for node in nodes.serves:
            body = {"tasks": independent(tasks, prefix=f"{prefix}-{len(runs)}-"), **more}
            with node.client() as client:
                answer = client.post("/v1/swarms", json=body, headers=headers)
            assert answer.status_code == 201, answer.text
            runs.append(answer.json()["swarm_id"])
        poll(lambda: sum(map(claims, nodes.serves)) >= sum(before) + len(runs), what="the claim of a run")
    return runs


def claims(node: ServiceProcess) -> int:
    return node.output.count("swarm_claimed")


def ends(nodes: Cluster, prefix: str) -> int:
    """Calls of tasks of that name that the model has answered."""
    return sum(call["event"] == "answered" and call["task_id"].startswith(prefix) for call in nodes.model.calls())


def lane(node: ServiceProcess) -> dict[str, Any]:
    """How the model stands, as a service tells."""
    with node.client() as client:
        items = client.get("/v1/providers").json()["items"]
    found: dict[str, Any] = next((model for item in items for model in item["models"] if model["model"] == "mock"), {})
    return found


def is_open(node: ServiceProcess) -> bool:
    return bool(lane(node)) and lane(node)["breaker"]["state"] != "closed"


def test_a_provider_that_is_down_is_down_for_both_services_and_both_make_its_probes_together(nodes: Cluster) -> None:
    nodes.model.configure(error_rate=1.0, error_status=503)
    alone = nodes.post({"tasks": independent(10, prefix="alone")})
    for node in nodes.serves:  # one of them has made no call
        poll(lambda node=node: is_open(node), what="an open breaker")  # type: ignore[misc]

    runs = start_at_both(nodes, 30, "down")
    poll(lambda: not nodes.open_calls(), what="the end of calls from before")
    before = len(nodes.model.calls())
    poll(lambda: len(nodes.model.calls()) >= before + 8, what="four probes")
    probes = nodes.model.calls()[before:]
    nodes.model.configure(error_rate=0.0)
    for swarm_id in (alone, *runs):
        assert nodes.until_ended(swarm_id)["status"] == "completed"

    assert 1 <= most_at_once(probes, "") <= PROBES
    assert not any(map(is_open, nodes.serves))


def refused(nodes: Cluster, prefix: str) -> int:
    return sum(call["status"] == 429 and call["task_id"].startswith(prefix) for call in nodes.model.calls())


def test_what_one_service_has_learned_of_a_hidden_limit_the_other_begins_with(nodes: Cluster) -> None:
    nodes.model.configure(error_rate=0.0, concurrency_limit=10)
    before = [claims(node) for node in nodes.serves]
    runs = [nodes.post({"tasks": independent(300, prefix="teach"), "limits": {"max_parallel_agents": 60}})]
    poll(lambda: sum(map(claims, nodes.serves)) > sum(before), what="the claim of the run")
    pupil = nodes.serves[0 if claims(nodes.serves[1]) > before[1] else 1]
    for node in nodes.serves:
        poll(lambda node=node: lane(node).get("limit"), what="a limit that is known")  # type: ignore[misc]
    first = refused(nodes, "teach")

    known = claims(pupil)
    while claims(pupil) == known:
        assert len(runs) < 30, "one service takes all runs"
        body = {"tasks": independent(60, prefix=f"learn-{len(runs)}-"), "limits": {"max_parallel_agents": 60}}
        with pupil.client() as client:
            runs.append(client.post("/v1/swarms", json=body).json()["swarm_id"])
        poll(lambda: sum(map(claims, nodes.serves)) >= sum(before) + len(runs), what="the claim of a run")
    for swarm_id in runs:
        assert nodes.until_ended(swarm_id)["status"] == "completed"
    nodes.model.configure(concurrency_limit=0)

    assert first >= 20, "the limit was not hit by the one that had to learn it"
    assert refused(nodes, f"learn-{len(runs) - 1}-") < first / 2


def test_an_orchestrator_and_then_a_key_have_their_limit_over_both_services(nodes: Cluster) -> None:
    """Last, as from the key on nobody is let in without one."""
    config = {"name": "pool", "model": "mock", "swarm_config": {"max_parallel_agents": 4}}
    five = {"name": "five", "scopes": ["read", "run"], "max_parallel_agents": 5}
    with nodes.serves[0].client() as client:
        assert client.post("/v1/agents/create", json=config).status_code == 201
        runs = start_at_both(nodes, 20, "pooled", agent="pool")
        poll(lambda: ends(nodes, "pooled") >= 20 * len(runs), what="the end of the orchestrator's runs")
        minted = client.post("/v1/keys", json=five)
        assert minted.status_code == 201, minted.text

    runs = start_at_both(nodes, 20, "keyed", key=minted.json()["key"])
    poll(lambda: ends(nodes, "keyed") >= 20 * len(runs), what="the end of the key's runs")

    calls = nodes.model.calls()
    assert (most_at_once(calls, "pooled"), most_at_once(calls, "keyed")) == (4, 5)
