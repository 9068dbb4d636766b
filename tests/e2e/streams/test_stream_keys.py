"""Sockets of a service with keys: who may watch, by header or by ticket, and what tenants see of one another."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.keys import mint
from tests.support.service import ServiceProcess
from tests.support.streaming import DIAMOND, check_log, check_order, orchestrator, refusal, seen, spawn, sse, watch


@dataclass(frozen=True, slots=True)
class Keys:
    ours: str
    theirs: str
    reading: str
    running: str


def header(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def keys(folder: Path) -> Keys:
    data_dir = folder / "data"
    return Keys(
        ours=mint(data_dir, "ours", "read,run")["key"],
        theirs=mint(data_dir, "theirs", "read,run,admin")["key"],
        reading=mint(data_dir, "ours", "read")["key"],
        running=mint(data_dir, "ours", "run")["key"],
    )


@pytest.fixture(scope="module")
def service(folder: Path, keys: Keys) -> Iterator[ServiceProcess]:
    with ServiceProcess(folder) as process:
        yield process
        check_log(process)
        assert not any(key in process.output for key in (keys.ours, keys.theirs, keys.reading, keys.running))


def client_of(service: ServiceProcess, key: str) -> httpx2.Client:
    return httpx2.Client(base_url=service.url, headers=header(key), timeout=30)


@pytest.fixture(scope="module")
def ours(service: ServiceProcess, keys: Keys) -> Iterator[httpx2.Client]:
    with client_of(service, keys.ours) as client:
        yield client


@pytest.fixture(scope="module")
def swarm_id(ours: httpx2.Client) -> str:
    return str(ours.post("/v1/swarms", params={"wait": 20}, json={"tasks": DIAMOND}).json()["swarm_id"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer null"},
        {"Authorization": "Bearer sk-swarmd-" + "0" * 64},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer ' OR 1=1 --"},
        {"X-Api-Key": "x"},
    ],
)
@pytest.mark.parametrize("path", ["/swarms/{}/stream", "/agents/x/stream", "/nowhere"])
def test_without_a_key_it_is_a_401(service: ServiceProcess, swarm_id: str, path: str, headers: dict[str, str]) -> None:
    """A refused handshake answers HTTP 401: of what exists and what does not."""
    status, problem = refusal(service.url, path.format(swarm_id), headers)
    assert (status, problem["code"]) == (401, "unauthorized")


def test_a_key_opens_both_sockets(service: ServiceProcess, keys: Keys, ours: httpx2.Client, swarm_id: str) -> None:
    """Auth by the same header."""
    for key in (keys.ours, keys.reading):
        watched = watch(service.url, f"/swarms/{swarm_id}/stream", headers=header(key))
        assert watched.code == 1000
        check_order(watched.frames)
    agent_id = ours.get(f"/v1/swarms/{swarm_id}").json()["agent_id"]
    until = seen("swarm_completed", 1)
    assert watch(service.url, f"/agents/{agent_id}/stream", headers=header(keys.ours), until=until).logged


def test_a_key_that_may_only_run_may_not_watch(service: ServiceProcess, keys: Keys, swarm_id: str) -> None:
    assert refusal(service.url, f"/swarms/{swarm_id}/stream", header(keys.running))[0] == 403


def test_another_tenant_s_id_is_a_404(service: ServiceProcess, keys: Keys, ours: httpx2.Client, swarm_id: str) -> None:
    """Another tenant's id answers 404, on every path, body field and socket."""
    agent_id = ours.get(f"/v1/swarms/{swarm_id}").json()["agent_id"]
    sub_agent = ours.get(f"/v1/swarms/{swarm_id}/tasks/a").json()["agent_id"]
    for path in (f"/swarms/{swarm_id}", f"/agents/{agent_id}", f"/agents/{sub_agent}"):
        status, problem = refusal(service.url, f"{path}/stream", header(keys.theirs))
        assert (status, problem["code"]) == (404, "not_found")
    with client_of(service, keys.theirs) as client:
        events = client.get(f"/v1/swarms/{swarm_id}/events", headers={"Accept": "text/event-stream"})
        assert events.status_code == 404
        # The same name is another orchestrator for them.
        theirs = orchestrator(client, ours.get(f"/v1/agents/{agent_id}").json()["name"])
        assert theirs != agent_id
        started = spawn(client, theirs)
    watched = watch(
        service.url,
        f"/agents/{theirs}/stream",
        headers=header(keys.theirs),
        until=seen("swarm_completed", 1),
    )
    assert {frame["swarm_id"] for frame in watched.frames} == {started["swarm_id"]}


def test_two_tenants_watch_their_own(service: ServiceProcess, keys: Keys, swarm_id: str) -> None:
    with client_of(service, keys.theirs) as client:
        body = {"tasks": DIAMOND}
        theirs = client.post("/v1/swarms", params={"wait": 20}, json=body).json()["swarm_id"]
    for key, own, other in ((keys.ours, swarm_id, theirs), (keys.theirs, theirs, swarm_id)):
        watched = watch(service.url, f"/swarms/{own}/stream", headers=header(key))
        assert {frame["swarm_id"] for frame in watched.frames} == {own}
        assert refusal(service.url, f"/swarms/{other}/stream", header(key))[0] == 404


def test_a_ticket_stands_for_its_key(service: ServiceProcess, keys: Keys, swarm_id: str) -> None:
    """For browsers a one-minute ticket from `POST /v1/stream-tickets` in the query (a reading key gets one)."""
    for key, found in ((keys.ours, True), (keys.reading, True), (keys.theirs, False)):
        with client_of(service, key) as client:
            answer = client.post("/v1/stream-tickets")
        assert answer.status_code == 201, answer.text
        path = f"/swarms/{swarm_id}/stream?after=3&ticket={answer.json()['ticket']}"
        if found:
            watched = watch(service.url, path)
            assert (watched.logged[0]["seq"], watched.code) == (4, 1000)
        else:
            assert refusal(service.url, path)[0] == 404


def test_a_ticket_opens_sockets_only(service: ServiceProcess, ours: httpx2.Client, swarm_id: str) -> None:
    ticket = ours.post("/v1/stream-tickets").json()["ticket"]
    with httpx2.Client(base_url=service.url) as anyone:
        assert anyone.get(f"/v1/swarms/{swarm_id}", params={"ticket": ticket}).status_code == 401
        assert anyone.post("/v1/stream-tickets").status_code == 401
    for wrong in ("", "0" * 64, ticket[:-1], ticket + "0", ticket.upper()):
        assert refusal(service.url, f"/swarms/{swarm_id}/stream?ticket={wrong}")[0] == 401


def test_a_ticket_lasts_a_minute(ours: httpx2.Client) -> None:
    answer = ours.post("/v1/stream-tickets")
    expires_at = datetime.datetime.fromisoformat(answer.json()["expires_at"])
    left_s = (expires_at - datetime.datetime.now(datetime.UTC)).total_seconds()
    assert 50 < left_s <= 60


def test_server_sent_events_take_the_same_header(ours: httpx2.Client, service: ServiceProcess, swarm_id: str) -> None:
    assert len(sse(ours, swarm_id, "?after=3")) > 3
    path = f"/v1/swarms/{swarm_id}/events"
    assert httpx2.get(service.url + path, headers={"Accept": "text/event-stream"}).status_code == 401
