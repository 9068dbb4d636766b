"""Keys and tenants (contract, section 1): minted by ``swarmd keys create``, and what is another's does not exist."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import websocket

from tests.support.databases import kept_in
from tests.support.deployment import swarmd
from tests.support.keys import mint
from tests.support.service import ServiceProcess, poll
from tests.support.stage import accepted


@dataclass(frozen=True)
class World:
    """A service with keys, two tenants, and what the first of them has."""

    service: ServiceProcess
    mine: httpx2.Client
    theirs: httpx2.Client
    reader: httpx2.Client
    ids: dict[str, str]

    def key(self, client: httpx2.Client) -> str:
        return str(client.headers["Authorization"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tenants")
    keys = [mint(folder / "data", *who) for who in (("acme", "read,run"), ("other", "admin"), ("acme", "read"))]
    with ServiceProcess(folder, "--host", "127.0.0.1") as service:
        clients = []
        for key in keys:
            client = service.client()
            client.headers["Authorization"] = f"Bearer {key['key']}"
            clients.append(client)
        mine = clients[0]
        agent = accepted(mine.post("/v1/agents/create", json={"model": "m", "name": "boss"}), 201)["agent_id"]
        spawned = accepted(mine.post("/v1/agents/boss/spawn", json={"task_type": "x", "id": "t"}), 202)
        barrier = {"tasks": [{}], "barrier_id": "b", "orchestrator_id": agent}
        accepted(mine.post("/v1/agents/barrier-execute", json=barrier))
        accepted(mine.get("/v1/agents/boss/results"))
        accepted(mine.put("/v1/agents/boss/memory/t", json={"value": 1}))
        file = accepted(mine.post("/v1/files?name=t", content=b"x"), 201)["file_id"]
        ids = {"file": file, "agent": agent, "name": "boss", "sub": spawned["agent_id"], "swarm": spawned["swarm_id"]}
        ids |= {"key": keys[0]["id"], "tenant": "acme", "graph": "plan"}
        accepted(mine.put("/v1/graphs/plan", json={"tasks": [{}]}), 201)
        accepted(mine.post("/v1/swarms?wait=20", json={"tasks": [{}], "webhook": "https://nobody.invalid/"}), 201)
        ids["delivery"] = accepted(mine.get("/v1/webhooks/deliveries"))["items"][0]["delivery_id"]
        yield World(service, clients[0], clients[1], clients[2], ids)
        for client in clients:
            client.close()


PATHS = [
    ("GET", "/v1/agents/{agent}", None),
    ("GET", "/v1/agents/{name}", None),
    ("GET", "/v1/agents/{sub}", None),
    ("GET", "/v1/agents/{agent}/results", None),
    ("GET", "/v1/agents/{sub}/results", None),
    ("PATCH", "/v1/agents/{agent}", {"model": "x"}),
    ("DELETE", "/v1/agents/{agent}", None),
    ("POST", "/v1/agents/{agent}/spawn", {"task_type": "x"}),
    ("POST", "/v1/agents/{name}/spawn", {"task_type": "x"}),
    ("POST", "/v1/agents/execute", {"orchestrator_id": "{agent}"}),
    ("POST", "/v1/agents/batch-execute", {"tasks": [{}], "orchestrator_id": "{agent}"}),
    ("POST", "/v1/agents/batch-execute", {"tasks": [{}], "agent_id": "{name}"}),
    ("POST", "/v1/agents/barrier-execute", {"tasks": [{}], "barrier_id": "b", "orchestrator_id": "{agent}"}),
    ("POST", "/v1/agents/clear-memory", {"orchestrator_id": "{agent}"}),
    ("GET", "/v1/agents/barrier-status/b", None),
    ("GET", "/v1/agents/barrier-status/b?orchestrator_id={agent}", None),
    ("POST", "/v1/swarms", {"tasks": [{}], "agent": "{agent}"}),
    ("GET", "/v1/swarms/{swarm}", None),
    ("PATCH", "/v1/swarms/{swarm}", {"max_parallel_agents": 1}),
    ("DELETE", "/v1/swarms/{swarm}", None),
    ("POST", "/v1/swarms/{swarm}/cancel", None),
    ("POST", "/v1/swarms/{swarm}/pause", None),
    ("POST", "/v1/swarms/{swarm}/resume", None),
    ("POST", "/v1/swarms/{swarm}/retry", None),
    ("POST", "/v1/swarms/{swarm}/fork", None),
    ("POST", "/v1/swarms/{swarm}/tasks/t/cancel", None),
    ("POST", "/v1/swarms/{swarm}/tasks/t/retry", None),
    ("GET", "/v1/swarms/{swarm}/tasks", None),
    ("GET", "/v1/swarms/{swarm}/tasks/t", None),
    ("GET", "/v1/swarms/{swarm}/results", None),
    ("GET", "/v1/swarms/{swarm}/usage", None),
    ("GET", "/v1/swarms/{swarm}/graph", None),
    ("GET", "/v1/swarms/{swarm}/snapshot", None),
    ("GET", "/v1/swarms/{swarm}/events", None),
    ("GET", "/v1/swarms/{swarm}/export?kind=tasks", None),
    *(
        (method, f"{owner}/memory{key}", {"value": 1} if method == "PUT" else None)
        for owner in ("/v1/swarms/{swarm}", "/v1/agents/{agent}", "/v1/agents/{name}")
        for method, key in (("GET", ""), ("DELETE", ""), ("GET", "/t"), ("PUT", "/t"), ("DELETE", "/t"))
    ),
    ("GET", "/v1/swarms/{swarm}/messages", None),
    ("POST", "/v1/swarms/{swarm}/messages", {"to": "t", "body": 1}),
    ("POST", "/v1/swarms/{swarm}/messages/ack", {"consumer": "t", "up_to": 1}),
    ("GET", "/v1/swarms/{swarm}/artifacts", None),
    ("GET", "/v1/swarms/{swarm}/artifacts.zip", None),
    ("GET", "/v1/swarms/{swarm}/artifacts/t", None),
    ("GET", "/v1/keys/{key}", None),
    ("PATCH", "/v1/keys/{key}", {"name": "x"}),
    ("DELETE", "/v1/keys/{key}", None),
    ("POST", "/v1/keys/{key}/rotate", None),
    ("GET", "/v1/credits?tenant_id={tenant}", None),
    ("GET", "/v1/files/{file}", None),
    ("GET", "/v1/files/{file}/content", None),
    ("DELETE", "/v1/files/{file}", None),
    ("GET", "/v1/graphs/{graph}", None),
    ("PUT", "/v1/graphs/{graph}", {"tasks": [{}], "agent": "{agent}"}),
    ("DELETE", "/v1/graphs/{graph}", None),
    ("POST", "/v1/graphs/{graph}/runs", None),
    ("GET", "/v1/webhooks/deliveries/{delivery}", None),
    ("POST", "/v1/webhooks/deliveries/{delivery}/redeliver", None),
]


def fill(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: fill(item, ids) for name, item in value.items()}
    return value.format(**ids) if isinstance(value, str) else value


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
def test_another_tenants_id_is_not_found(world: World, method: str, path: str, body: Any) -> None:
    """Another tenant's id answers 404, on every path, body field and socket."""
    theirs = world.theirs.request(method, fill(path, world.ids), json=fill(body, world.ids))
    nobodys = {
        "agent": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "file": "fil_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "key": "key_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "tenant": "nobody",
        "name": "nobody",
        "graph": "nobody",
        "delivery": "whd_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "sub": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV_00000",
    }
    unknown = nobodys | {"swarm": "swm_01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    nothing = world.theirs.request(method, fill(path, unknown), json=fill(body, unknown))

    assert theirs.status_code == nothing.status_code == 404
    assert theirs.json()["code"] == nothing.json()["code"]
    assert set(theirs.json()) == set(nothing.json())


def test_the_table_names_every_path_with_an_id(world: World) -> None:
    """… on every path."""
    document = httpx2.get(f"{world.service.url}/openapi.json").json()
    known = {(method, path.partition("?")[0]) for method, path, _ in PATHS}
    shapes = {
        (method, "/".join("*" if "{" in part or part in {"b", "t"} else part for part in path.split("/")))
        for method, path in known
    }
    served = {
        (method.upper(), "/".join("*" if "{" in part else part for part in path.split("/")))
        for path, methods in document["paths"].items()
        if "{" in path
        for method in methods
    }

    assert served - {("GET", "/v1/models/*")} <= shapes  # in OpenAI's envelope: see test_swarm_chat


@pytest.mark.parametrize("path", ["/v1/agents", "/v1/swarms", "/v1/swarms?agent={agent}", "/v1/swarms?agent=boss"])
def test_lists_hold_nothing_of_others(world: World, path: str) -> None:
    """Another tenant's id … does not exist."""
    assert world.theirs.get(fill(path, world.ids)).json()["items"] == []
    assert world.mine.get(fill(path, world.ids)).json()["items"] != []


def test_a_name_may_be_taken_by_each_tenant(world: World) -> None:
    made = accepted(world.theirs.post("/v1/agents/create", json={"model": "m", "name": "boss too"}), 201)
    own = accepted(world.mine.post("/v1/agents/create", json={"model": "m", "name": "boss too"}), 201)
    assert made["agent_id"] != own["agent_id"]

    assert world.theirs.delete("/v1/agents/boss too").status_code == 204


def handshake(url: str, authorization: str | None) -> int:
    """The HTTP status of a socket's handshake."""
    headers = [] if authorization is None else [f"Authorization: {authorization}"]
    try:
        opened = websocket.create_connection(url, header=headers, timeout=20)
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code or 0)
    opened.close()
    return 101


@pytest.mark.parametrize("path", ["/v1/agents/{agent}", "/v1/agents/{name}", "/v1/agents/{sub}", "/v1/swarms/{swarm}"])
def test_sockets_know_their_tenant(world: World, path: str) -> None:
    """Auth by the same header; … a refused handshake answers HTTP 401 or 404."""
    url = world.service.url.replace("http://", "ws://") + fill(path, world.ids) + "/stream"

    assert handshake(url, None) == 401
    assert handshake(url, "Bearer wrong") == 401
    assert handshake(url, world.key(world.theirs)) == 404
    assert handshake(url, world.key(world.mine)) == 101
    assert handshake(url, world.key(world.reader)) == 101


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nope", "Basic eDp5", "Bearer sk-swarmd-" + "0" * 64])
def test_without_a_key_nothing_is_answered(world: World, authorization: str | None) -> None:
    """``Authorization: Bearer <key>``."""
    headers = {} if authorization is None else {"Authorization": authorization}
    with world.service.client() as client:
        for method, path, body in [*PATHS, ("GET", "/v1/agents", None), ("GET", "/metrics", None), ("GET", "/x", None)]:
            response = client.request(method, fill(path, world.ids), json=fill(body, world.ids), headers=headers)
            assert response.status_code == 401, path
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert response.headers["content-type"] == "application/problem+json"
        for path in ("/healthz", "/readyz"):
            assert client.get(path, headers=headers).status_code == 200


def test_without_a_key_openais_paths_answer_in_openais_envelope(world: World) -> None:
    """Under ``/v1/chat/completions`` and ``/v1/models`` the OpenAI error envelope instead."""
    with world.service.client() as client:
        for response in (client.post("/v1/chat/completions", json={}), client.get("/v1/models")):
            assert response.status_code == 401
            assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    forbidden = world.reader.post("/v1/chat/completions", json={})

    assert (forbidden.status_code, forbidden.json()["error"]["type"]) == (403, "permission_error")
    assert world.reader.get("/v1/models").status_code == 200


def test_a_key_may_do_what_its_scopes_say(world: World) -> None:
    """Keys belong to a tenant and carry scopes (``read``, ``run``, ``admin``)."""
    assert world.reader.get("/v1/agents/boss").json()["agent_id"] == world.ids["agent"]
    for method, path, body in (
        ("POST", "/v1/agents/execute", {}),
        ("POST", "/v1/agents/boss/spawn", {"task_type": "x"}),
        ("DELETE", "/v1/agents/boss", None),
    ):
        response = world.reader.request(method, path, json=body)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")


def test_a_key_minted_while_the_service_runs_works_and_ends_with_its_revocation(world: World) -> None:
    """They are stored hashed …, shown once."""
    made = mint(world.service.data_dir, "acme", "read")
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert httpx2.get(f"{world.service.url}/v1/agents/boss", headers=headers).status_code == 200
    kept = asyncio.run(kept_in(world.service.data_dir))
    assert made["id"].encode() in kept
    assert made["key"].encode() not in kept
    swarmd(world.service.data_dir, "keys", "revoke", made["id"])

    poll(
        lambda: httpx2.get(f"{world.service.url}/v1/agents/boss", headers=headers).status_code == 401,
        deadline_s=5,
        what="the refusal",
    )
