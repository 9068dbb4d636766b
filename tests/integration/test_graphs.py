"""``/v1/graphs``: saved, checked, changed by several editors, and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.receivers import receiver
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

DIAMOND: dict[str, Any] = {
    "name": "Diamond",
    "description": "Four tasks.",
    "tasks": [
        {"id": "top", "prompt": "Start.", "data": {"quarter": "Q1", "region": "north"}, "source": "a.csv"},
        {"id": "left", "prompt": "Left.", "depends_on": ["top"], "priority": "high"},
        {"id": "right", "prompt": "Right.", "depends_on": ["top"]},
        {"id": "end", "prompt": "End.", "depends_on": ["left", "right"], "role": "synthesizer"},
    ],
    "aggregate": {"strategy": "concat"},
    "validate": None,
    "metadata": {"team": "blue"},
    "layout": {"top": [0, 0], "end": [10.5, 20]},
}


async def put(client: httpx2.AsyncClient, graph_id: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.put(f"/v1/graphs/{graph_id}", json=body, headers=named)


# --- kept ------------------------------------------------------------------------------------------------------------


async def test_a_graph_comes_back_as_it_was_saved_also_after_a_restart(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        made = await put(client, "diamond", DIAMOND)
    async with in_process(tmp_path) as client:
        found = await client.get("/v1/graphs/diamond")
        listed = (await client.get("/v1/graphs")).json()

    assert made.status_code == 201
    assert found.json() == made.json()
    assert found.json() == DIAMOND | {
        "graph_id": "diamond",
        "revision": 1,
        "created_at": found.json()["created_at"],
        "updated_at": found.json()["updated_at"],
    }
    assert found.headers["etag"] == made.headers["etag"]
    [item] = listed["items"]
    assert (item["graph_id"], item["name"], item["description"]) == ("diamond", "Diamond", "Four tasks.")
    assert (item["task_count"], item["revision"], item["etag"]) == (4, 1, found.headers["etag"])
    assert "tasks" not in item


async def test_a_change_is_a_revision_and_the_same_again_is_none(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        first = await put(client, "g", DIAMOND)
        same = await put(client, "g", DIAMOND)
        moved = await put(client, "g", DIAMOND | {"layout": {"top": [1, 1]}})

    assert [answer.status_code for answer in (first, same, moved)] == [201, 200, 200]
    assert [answer.json()["revision"] for answer in (first, same, moved)] == [1, 1, 2]
    assert same.headers["etag"] == first.headers["etag"] != moved.headers["etag"]


async def test_two_editors_do_not_overwrite_each_other(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        tag = (await put(client, "g", DIAMOND)).headers["etag"]
        mine = DIAMOND | {"name": "Mine"}
        theirs = DIAMOND | {"name": "Theirs"}
        assert (await put(client, "g", theirs, If_Match=tag)).status_code == 200
        lost = await put(client, "g", mine, If_Match=tag)
        repeated = await put(client, "g", theirs, If_Match=tag)
        kept = (await client.get("/v1/graphs/g")).json()
        by_revision = await put(client, "g", mine | {"revision": 1})
        sent_back = await put(client, "g", kept | {"name": "Mine"})
        new_only = await put(client, "g", DIAMOND, If_None_Match="*")
        gone = await client.delete("/v1/graphs/g", headers={"If-Match": tag})
        no_tag = await put(client, "g", mine, If_Match="W/yesterday")
        both = await put(client, "g", mine, If_Match=tag, If_None_Match="*")
        nothing_there = await put(client, "other", mine, If_Match="*")

    document = problem(lost, 412)
    assert document["code"] == "precondition_failed"
    assert "revision 2" in document["detail"]
    assert repeated.json()["revision"] == 2
    assert problem(by_revision, 412)
    assert (sent_back.status_code, sent_back.json()["revision"]) == (200, 3)
    assert [answer.status_code for answer in (new_only, gone, both, nothing_there)] == [412] * 4
    assert pointers(problem(no_tag, 422)) == ["/If-Match"]


async def test_a_graph_made_anew_is_not_taken_for_the_deleted_one(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        tag = (await put(client, "g", DIAMOND)).headers["etag"]
        assert (await client.delete("/v1/graphs/g")).status_code == 204
        assert (await client.delete("/v1/graphs/g")).status_code == 404
        await put(client, "g", DIAMOND | {"name": "Another"})

        assert (await put(client, "g", DIAMOND | {"name": "Third"}, If_Match=tag)).status_code == 412


async def test_lists_are_paged_by_id(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        for name in ("c", "a", "b"):
            await put(client, name, DIAMOND)
        first = (await client.get("/v1/graphs", params={"limit": 2})).json()
        rest = (await client.get("/v1/graphs", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [item["graph_id"] for item in [*first["items"], *rest["items"]]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("changed", "pointer", "code"),
    [
        ({"tasks": []}, "/tasks", "invalid_request"),
        ({"tasks": [{"id": "a", "depends_on": ["a"]}]}, "/tasks/0/depends_on", "dependency_cycle"),
        ({"tasks": [{"id": "a", "depends_on": ["b"]}]}, "/tasks/0/depends_on/0", "invalid_request"),
        ({"tasks": [{"id": "a"}, {"id": "a"}]}, "/tasks/1/id", "invalid_request"),
        ({"goal": "x"}, "/goal", "invalid_request"),
        ({"colour": 1}, "/colour", "invalid_request"),
        ({"graph_id": "another"}, "/graph_id", "invalid_request"),
        ({"description": 7}, "/description", "invalid_request"),
        ({"layout": "x" * 5000}, "", "invalid_request"),
        (
            {"webhook": {"url": "https://example.com/", "secret": "whsec_" + "A" * 40}},
            "/webhook/secret",
            "invalid_request",
        ),
    ],
)
async def test_what_cannot_be_run_is_not_saved(
    tmp_path: Path, changed: dict[str, Any], pointer: str, code: str
) -> None:
    async with in_process(tmp_path, max_graph_bytes=4096) as client:
        refused = problem(await put(client, "g", DIAMOND | changed), 422)
        kept = (await client.get("/v1/graphs")).json()["items"]

    assert pointer in pointers(refused)
    assert refused["code"] == code
    assert kept == []


@pytest.mark.parametrize("graph_id", ["A", "a b", "-a", "a" * 101, "é", "validate"])
async def test_an_id_is_a_slug(tmp_path: Path, graph_id: str) -> None:
    async with in_process(tmp_path) as client:
        assert (await put(client, graph_id, DIAMOND)).status_code == 422


async def test_no_more_than_so_many_are_kept(tmp_path: Path) -> None:
    async with in_process(tmp_path, max_graphs=2) as client:
        answers = [await put(client, name, DIAMOND) for name in ("a", "b", "c")]
        changed = await put(client, "a", DIAMOND | {"name": "x"})

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert changed.status_code == 200


# --- checked ---------------------------------------------------------------------------------------------------------


async def checked(client: httpx2.AsyncClient, body: Any) -> dict[str, Any]:
    response = await client.post("/v1/graphs/validate", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_a_good_graph_is_measured_and_predicted_and_nothing_is_stored(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        report = await checked(client, DIAMOND)
        simulated = await client.post(
            "/v1/swarms/simulate", json={k: v for k, v in DIAMOND.items() if k not in {"layout", "description"}}
        )
        kept = [(await client.get(path)).json()["items"] for path in ("/v1/graphs", "/v1/swarms")]

    assert (report["valid"], report["problems"]) == (True, [])
    assert (report["task_count"], report["levels"], report["widths"]) == (4, 3, [1, 2, 1])
    assert report["prediction"] == simulated.json()
    assert report["prediction"]["critical_path"][0] == "top"
    assert kept == [[], []]


async def test_a_cycle_is_named_with_its_path(tmp_path: Path) -> None:
    tasks = [{"id": "a", "depends_on": ["c"]}, {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]}]
    async with in_process(tmp_path) as client:
        report = await checked(client, {"tasks": tasks})

    assert not report["valid"]
    [found] = report["problems"]
    assert found["code"] == "dependency_cycle"
    assert found["path"][0] == found["path"][-1]
    assert set(found["path"]) == {"a", "b", "c"}
    assert found["pointer"].startswith("/tasks/")
    assert report["prediction"] is None


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"name": 7, "min_success_rate": 2}, {"/name", "/min_success_rate"}),
        ({"tasks": [{"id": "a", "model": "nobody-serves-this"}]}, {"/tasks/0/model"}),
        ({"agent": "nobody"}, {"/agent"}),
        ({"webhook": "http://10.0.0.1/"}, {"/webhook"}),
        ({"tasks": None}, {"/tasks"}),
        ({"start": "now"}, {"/start"}),
    ],
)
async def test_problems_are_those_of_a_start(tmp_path: Path, changed: dict[str, Any], found: set[str]) -> None:
    provider = {"base_url": "http://127.0.0.1:9/v1", "models": ["m"]}
    async with in_process(tmp_path, default_model="m", providers={"p": provider, "q": provider}) as client:
        report = await checked(client, DIAMOND | changed)
        started = await client.post(
            "/v1/swarms",
            json={k: v for k, v in (DIAMOND | changed).items() if k not in {"layout", "description"}},
        )

    assert not report["valid"]
    assert {one["pointer"] for one in report["problems"]} == found
    assert started.status_code in {404, 422}
    assert set(pointers(started.json())) == found


async def test_the_wrong_fields_of_all_tasks_are_told_at_once(tmp_path: Path) -> None:
    tasks = [{"id": "a", "complexity": 99}, {"id": "b"}, 7, {"id": "c", "timeout_s": 0}]
    async with in_process(tmp_path) as client:
        few = await checked(client, {"tasks": tasks, "name": 7})
        many = await checked(client, {"tasks": [{"id": str(n), "complexity": 99} for n in range(500)]})

    assert {one["pointer"] for one in few["problems"]} == {
        "/name",
        "/tasks/0/complexity",
        "/tasks/2",
        "/tasks/3/timeout_s",
    }
    assert len(many["problems"]) == 50


async def test_what_is_no_object_is_refused(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        assert problem(await client.post("/v1/graphs/validate", content=b"{"), 400)["code"] == "malformed_json"
        assert problem(await client.post("/v1/graphs/validate", content=b"[]"), 422)


async def test_a_goal_can_be_checked_and_saved_too(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        report = await checked(client, {"goal": "Compare three rivers."})
        made = await put(client, "rivers", {"goal": "Compare three rivers."})
        run = await client.post("/v1/graphs/rivers/runs", params={"wait": 20})

    assert (report["valid"], report["levels"]) == (True, None)
    assert made.status_code == 201
    assert run.json()["status"] == "completed"


# --- run -------------------------------------------------------------------------------------------------------------


async def test_a_run_is_that_of_the_graph_and_its_metadata_says_which(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        await put(client, "diamond", DIAMOND)
        await put(client, "diamond", DIAMOND | {"description": None})
        run = await client.post("/v1/graphs/diamond/runs", params={"wait": 20})
        tasks = (await client.get(f"/v1/swarms/{run.json()['swarm_id']}/tasks")).json()["items"]

    assert run.status_code == 201
    assert (run.json()["status"], run.json()["name"]) == ("completed", "Diamond")
    assert run.json()["metadata"] == {"team": "blue", "graph_id": "diamond", "graph_revision": 2}
    assert {task["task_id"]: task["depends_on"] for task in tasks} == {
        "top": [],
        "left": ["top"],
        "right": ["top"],
        "end": ["left", "right"],
    }


async def test_one_run_may_differ(tmp_path: Path) -> None:
    other = {"name": "Q2", "metadata": {"order": 7}, "inputs": {"top": {"quarter": "Q2"}, "end": [1, 2]}}
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        await put(client, "diamond", DIAMOND)
        run = await client.post("/v1/graphs/diamond/runs", json=other | {"webhook": hook.url}, params={"wait": 20})
        at = f"/v1/swarms/{run.json()['swarm_id']}/tasks"
        top, end = [(await client.get(f"{at}/{name}")).json() for name in ("top", "end")]
        await hook.take(1)
        kept = (await client.get("/v1/graphs/diamond")).json()

    assert run.json()["name"] == "Q2"
    assert run.json()["metadata"] == {"team": "blue", "order": 7, "graph_id": "diamond", "graph_revision": 1}
    assert top["input"]["data"] == {"quarter": "Q2", "region": "north"}
    assert end["input"]["data"] == [1, 2]
    assert kept["tasks"] == DIAMOND["tasks"]


async def test_a_key_starts_one_run(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        await put(client, "diamond", DIAMOND)
        headers = {"Idempotency-Key": "k1"}
        first = await client.post("/v1/graphs/diamond/runs", headers=headers)
        await put(client, "diamond", DIAMOND | {"name": "Changed"})
        again = await client.post("/v1/graphs/diamond/runs", headers=headers)
        another = await client.post("/v1/graphs/diamond/runs", headers=headers, json={"name": "x"})
        runs = (await client.get("/v1/swarms")).json()["items"]

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert another.status_code == 409
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"inputs": {"nobody": 1}}, "/inputs"),
        ({"inputs": 7}, "/inputs"),
        ({"tasks": []}, "/tasks"),
        ({"webhook": "http://10.0.0.1/"}, "/webhook"),
    ],
)
async def test_wrong_runs_are_refused(tmp_path: Path, body: dict[str, Any], pointer: str) -> None:
    async with in_process(tmp_path) as client:
        await put(client, "diamond", DIAMOND)
        refused = problem(await client.post("/v1/graphs/diamond/runs", json=body), 422)
        missing = await client.post("/v1/graphs/other/runs", json=body)

    assert pointers(refused) == [pointer]
    assert missing.status_code in {404, 422}


# --- whose -----------------------------------------------------------------------------------------------------------


async def test_tenants_and_scopes(tmp_path: Path) -> None:
    acme = mint(tmp_path, tenant="acme", scopes="read,run")["key"]
    looking = mint(tmp_path, tenant="acme", scopes="read")["key"]
    other = mint(tmp_path, tenant="other", scopes="read,run,admin")["key"]
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/v1/graphs/g", None),
        ("DELETE", "/v1/graphs/g", None),
        ("POST", "/v1/graphs/g/runs", {}),
    ]
    async with in_process(tmp_path) as client:

        async def ask(key: str, method: str, path: str, body: Any) -> httpx2.Response:
            return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})

        assert (await ask(acme, "PUT", "/v1/graphs/g", DIAMOND)).status_code == 201
        foreign = [await ask(other, *call) for call in calls]
        empty = (await ask(other, "GET", "/v1/graphs", None)).json()["items"]
        read = await ask(looking, "GET", "/v1/graphs/g", None)
        denied = [await ask(looking, *call) for call in [*calls[1:], ("PUT", "/v1/graphs/g", DIAMOND)]]
        own = await ask(other, "PUT", "/v1/graphs/g", DIAMOND | {"name": "Theirs"})
        mine = await ask(acme, "GET", "/v1/graphs/g", None)

    assert [problem(answer, 404)["code"] for answer in foreign] == ["not_found"] * 3
    assert empty == []
    assert read.status_code == 200
    assert [answer.status_code for answer in denied] == [403] * 3
    assert own.status_code == 201
    assert mine.json()["name"] == "Diamond"
