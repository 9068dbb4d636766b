"""Paths and query parameters: what is wrong is named, what is not there is a 404, pages follow one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.support.problems import pointers, problem
from tests.support.service import ServiceProcess

NOBODY = "swm_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(autouse=True)
def no_fault_was_logged(service: ServiceProcess) -> Iterator[None]:
    yield
    assert "Traceback" not in service.output


@pytest.fixture(scope="module")
def swarm(client: httpx2.Client) -> dict[str, Any]:
    body = {"name": "three", "tasks": [{"id": "a"}, {"id": "b/c?d#e%2F"}, {"id": "ä 𝄞\t"}]}
    response = client.post("/v1/swarms", params={"wait": 20}, json=body)
    found: dict[str, Any] = response.json()
    assert (response.status_code, found["status"]) == (201, "completed")
    return found


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=" + "9" * 400, "/limit"),
        ("status=asleep", "/status"),
        ("status=", "/status"),
        ("cursor=garbage", "/cursor"),
        ("cursor=swm_", "/cursor"),
        ("cursor=" + "x" * 201, "/cursor"),
        ("cursor=%00", "/cursor"),
        ("name=" + "x" * 201, "/name"),
        ("created_after=yesterday", "/created_after"),
        ("created_before=2026-13-01T00:00:00Z", "/created_before"),
    ],
)
def test_a_wrong_parameter_of_the_list_is_named(client: httpx2.Client, query: str, pointer: str) -> None:
    assert pointers(problem(client.get(f"/v1/swarms?{query}"), 422)) == [pointer]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=asleep", "/state"),
        ("attempt=-1", "/attempt"),
        ("attempt=" + "9" * 30, "/attempt"),
        ("cursor=garbage", "/cursor"),
        ("cursor=-1", "/cursor"),
        ("cursor=" + "9" * 10, "/cursor"),
        ("cursor=%D9%A3", "/cursor"),  # a digit, but not an ASCII one
        ("limit=1001", "/limit"),
    ],
)
def test_a_wrong_parameter_of_the_tasks_is_named(
    client: httpx2.Client, swarm: dict[str, Any], query: str, pointer: str
) -> None:
    response = client.get(f"/v1/swarms/{swarm['swarm_id']}/tasks?{query}")

    assert pointers(problem(response, 422)) == [pointer]


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=" + "9" * 30, "limit=0", "limit=1001"])
def test_a_wrong_parameter_of_the_events_is_named(client: httpx2.Client, swarm: dict[str, Any], query: str) -> None:
    response = client.get(f"/v1/swarms/{swarm['swarm_id']}/events?{query}")

    assert pointers(problem(response, 422)) == ["/" + query.partition("=")[0]]


@pytest.mark.parametrize("wait", ["-1", "300.1", "1e999", "nan", "inf", "soon", ""])
def test_a_wrong_wait_starts_nothing(client: httpx2.Client, swarm: dict[str, Any], wait: str) -> None:
    response = client.post(f"/v1/swarms?wait={wait}", json={"tasks": [{}]})

    assert pointers(problem(response, 422)) == ["/wait"]
    assert [item["swarm_id"] for item in client.get("/v1/swarms").json()["items"]] == [swarm["swarm_id"]]


@pytest.mark.parametrize(
    "when",
    ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"],
)
@pytest.mark.parametrize("field", ["created_after", "created_before"])
def test_far_times_are_no_fault(client: httpx2.Client, field: str, when: str) -> None:
    assert client.get(f"/v1/swarms?{field}={when}").status_code == 200


@pytest.mark.parametrize("field", ["created_after", "created_before"])
@pytest.mark.parametrize("when", ["0", "0.5", "1700000000"])
def test_a_number_is_no_time(client: httpx2.Client, field: str, when: str) -> None:
    response = client.get(f"/v1/swarms?{field}={when}")

    assert pointers(problem(response, 422)) == [f"/{field}"]
    assert "2026-01-31T12:00:00Z" in response.text


def test_a_time_without_an_offset_is_utc(client: httpx2.Client, swarm: dict[str, Any]) -> None:
    created = swarm["created_at"].removesuffix("Z")

    for field, suffix in (("created_after", ""), ("created_before", ""), ("created_after", "Z")):
        [item] = client.get("/v1/swarms", params={field: created + suffix}).json()["items"]
        assert item["swarm_id"] == swarm["swarm_id"]


@pytest.mark.parametrize("swarm_id", [NOBODY, "x", "swm_", "%00", "%F0%9D%84%9E", "' OR 1=1 --", "x" * 5000, ".."])
def test_an_unknown_swarm_is_not_found_on_every_path(client: httpx2.Client, swarm_id: str) -> None:
    at = f"/v1/swarms/{quote(swarm_id, safe='%')}"
    calls = [
        client.get(at),
        client.get(f"{at}/tasks"),
        client.get(f"{at}/tasks/a"),
        client.get(f"{at}/results"),
        client.get(f"{at}/graph"),
        client.get(f"{at}/snapshot"),
        client.get(f"{at}/events"),
        client.post(f"{at}/cancel"),
        client.patch(at, json={"max_parallel_agents": 5}),
        client.delete(at),
    ]

    for response in calls if swarm_id != ".." else calls[1:]:
        assert response.status_code in {404, 405}, response.request.url
        assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_task_is_not_found(client: httpx2.Client, swarm: dict[str, Any]) -> None:
    for task_id in ("nobody", "A", "a ", "%00", "a/b"):
        problem(client.get(f"/v1/swarms/{swarm['swarm_id']}/tasks/{task_id}"), 404)


def test_ids_of_any_characters_lead_to_their_tasks(client: httpx2.Client, swarm: dict[str, Any]) -> None:
    for output in swarm["results"]["outputs"]:
        response = client.get(f"/v1/swarms/{swarm['swarm_id']}/tasks/{quote(output['task_id'], safe='')}")
        assert response.json()["task_id"] == output["task_id"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", f"/v1/swarms/{NOBODY}/nothing"])
def test_an_unknown_path_is_a_problem_document(client: httpx2.Client, path: str) -> None:
    problem(client.get(path), 404)


def test_a_wrong_method_is_a_problem_document(client: httpx2.Client) -> None:
    assert problem(client.put("/v1/swarms"), 405)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"max_parallel_agents": 0}, "/max_parallel_agents"),
        ({"max_parallel_agents": 1001}, "/max_parallel_agents"),
        ({"max_parallel_agents": "5"}, "/max_parallel_agents"),
        ({"max_parallel_agents": None}, ""),
        ({"budget": {}}, "/budget"),
        ({"budget": {"max_cost_usd": 0}}, "/budget/max_cost_usd"),
        ({"budget": {"max_tokens": 1.5}}, "/budget/max_tokens"),
        ({"priority": 11}, "/priority"),
        ({"priority": "urgent"}, "/priority"),
        ({"max_parallel_agents": 5, "status": "completed"}, "/status"),
        ([], ""),
    ],
)
def test_a_wrong_patch_is_named(client: httpx2.Client, swarm: dict[str, Any], body: Any, pointer: str) -> None:
    response = client.patch(f"/v1/swarms/{swarm['swarm_id']}", json=body)

    assert pointers(problem(response, 422)) == [pointer]


def test_the_list_tells_the_95th_percentile_where_it_is_asked_for(client: httpx2.Client, swarm: dict[str, Any]) -> None:
    summary = client.get(f"/v1/swarms/{swarm['swarm_id']}/results").json()["summary"]

    for _ in range(2):  # worked out, then kept
        [item] = client.get("/v1/swarms", params={"figures": "true"}).json()["items"]
        assert item["p95_ms"] == summary["p95_ms"] > 0
    [plain] = client.get("/v1/swarms").json()["items"]
    assert plain["p95_ms"] is None


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/swarms", "GET, POST"),
        ("/v1/swarms/x", "DELETE, GET, PATCH"),
        ("/v1/swarms/simulate", "POST"),
        ("/v1/swarms/x/tasks/a/b", "GET"),
        ("/v1/swarms/x/tasks/a/b/retry", "POST"),
        ("/v1/graphs/x", "DELETE, GET, PUT"),
    ],
)
def test_a_method_that_is_not_taken_hears_all_that_are(client: httpx2.Client, path: str, methods: str) -> None:
    for response in (client.options(path), client.request("TRACE", path)):
        assert problem(response, 405)["code"] == "method_not_allowed"
        assert response.headers["Allow"] == methods
