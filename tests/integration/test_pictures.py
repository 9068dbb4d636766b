"""Images and videos in prompts, over HTTP and against a model server that logs what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from app.providers.mock_model.config import MockModelConfig
from app.providers.mock_model.run import listening
from tests.support.keys import mint
from tests.support.pictures import MP4, PNG, WEB_IMAGE, data_uri, image, png, text, video
from tests.support.problems import pointers
from tests.support.service import DEADLINE_S, in_process

pytestmark = pytest.mark.anyio

MODELS = ("seer", "blind", "mole")
LOOK = text("What is this?")


@asynccontextmanager
async def model(folder: Path, **options: Any) -> AsyncIterator[Any]:
    config = MockModelConfig(host="127.0.0.1", port=0, call_log=str(folder / "calls.jsonl"), **options)
    async with listening(config) as running:
        yield running


@asynccontextmanager
async def service(folder: Path, url: str, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """One provider, whose model ``seer`` is the only one that reads images."""
    providers = {"up": {"base_url": url, "models": MODELS, "vision": ["seer"], "image_tokens": 5_000}}
    async with in_process(folder / "data", **({"providers": providers, "default_model": "seer"} | settings)) as client:
        yield client


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


def received(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "calls.jsonl").read_text().splitlines()
    return [call for call in map(json.loads, lines) if call["event"] == "received"]


def digest(messages: list[dict[str, Any]]) -> str:
    """Of the messages as the log has it: exactly these, in this order, field by field."""
    return sha256(orjson.dumps(messages)).hexdigest()


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


async def ended(client: httpx2.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post("/v1/swarms", params={"wait": "30"}, json=body)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def until_ended(client: httpx2.AsyncClient, swarm_id: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while (await client.get(f"/v1/swarms/{swarm_id}")).json()["ended_at"] is None:
            await asyncio.sleep(0.01)


async def upload(client: httpx2.AsyncClient, content: bytes, **headers: str) -> str:
    response = await client.post("/v1/files", params={"name": "x.bin"}, content=content, headers=headers)
    assert response.status_code == 201, response.text
    return str(response.json()["file_id"])


async def test_the_model_is_sent_exactly_the_parts_with_uploads_as_data(tmp_path: Path) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        picture, clip = await upload(client, PNG), await upload(client, MP4)
        parts = [text("Before"), image(data_uri(PNG), detail="low"), text("between"), image(picture), video(clip)]
        found = await ended(client, {"tasks": [{"id": "a", "prompt": parts, "data": {"k": 1}}]})
        detail = (await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/a")).json()

    sent = [
        text("Before"),
        image(data_uri(PNG), detail="low"),
        text("between"),
        image(data_uri(PNG)),
        video(data_uri(MP4, "video/mp4")),
        text('## Task\n{"id":"a","data":{"k":1}}'),
    ]
    assert found["status"] == "completed"
    [call] = received(tmp_path)
    assert call["messages_sha256"] == digest(user(*sent))
    assert [one["type"] for one in call["parts"]] == ["image_url", "image_url", "video_url"]
    assert "3: image (image/png" in found["results"]["outputs"][0]["output"]
    shown = detail["input"]["prompt"]
    assert [shown[at] for at in (0, 2, 3, 4)] == [parts[at] for at in (0, 2, 3, 4)]
    assert shown[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert len(shown[1]["image_url"]["url"]) < 90 < len(data_uri(PNG))


async def test_a_restart_a_retry_and_a_fork_send_the_same_parts_again(tmp_path: Path) -> None:
    async with model(tmp_path, api_key="right") as upstream:
        async with service(tmp_path, upstream.base_url) as client:  # no key: refused, not retried
            picture = await upload(client, PNG)
            body = {
                "tasks": [{"id": "a", "prompt": [LOOK, image(picture), WEB_IMAGE]}, {"id": "b", "depends_on": ["a"]}]
            }
            first = await ended(client, body)
        assert first["status"] == "failed"
        keyed = {
            "up": {"base_url": upstream.base_url, "models": MODELS, "vision": ["seer"], "api_key": "right"},
        }
        async with service(tmp_path, upstream.base_url, providers=keyed) as client:
            path = f"/v1/swarms/{first['swarm_id']}"
            assert (await client.post(f"{path}/retry", json={"states": ["failed", "skipped"]})).status_code == 202
            await until_ended(client, first["swarm_id"])
            again = await client.post(f"{path}/fork", json={"tasks": [{"task_id": "a", "max_output_tokens": 77}]})
            await until_ended(client, again.json()["swarm_id"])
            changed = {"task_id": "a", "prompt": [text("Now?"), WEB_IMAGE]}
            other = await client.post(f"{path}/fork", json={"tasks": [changed]})
            await until_ended(client, other.json()["swarm_id"])

    same = digest(user(LOOK, image(data_uri(PNG)), WEB_IMAGE, text('## Task\n{"id":"a"}')))
    of_a = [call["messages_sha256"] for call in received(tmp_path) if call["task_id"] == "a"]
    assert of_a == [same, same, same, digest(user(text("Now?"), WEB_IMAGE, text('## Task\n{"id":"a"}')))]


async def test_a_goal_and_everything_that_is_planned_of_it_see_its_images_and_the_merge_does_not(
    tmp_path: Path,
) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        goal = [
            text("Compare two charts in three steps: 1. read, 2. compare, 3. report."),
            image(data_uri(PNG)),
            WEB_IMAGE,
        ]
        found = await ended(client, {"goal": goal})

    assert found["status"] == "completed", found["error"]
    calls = received(tmp_path)
    seeing = [len(call.get("parts", ())) for call in calls if not str(call["task_id"]).startswith("~")]
    merging = [call for call in calls if str(call["task_id"]).startswith("~")]
    assert len(seeing) >= 2
    assert set(seeing) == {2}
    assert merging
    assert not any("parts" in call for call in merging)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no words": ({"tasks": [{"prompt": [WEB_IMAGE]}]}, "/tasks/0/prompt"),
    "nothing": ({"tasks": [{"prompt": []}]}, "/tasks/0/prompt"),
    "unknown part": ({"tasks": [{"prompt": [LOOK, {"type": "input_audio"}]}]}, "/tasks/0/prompt/1"),
    "no url": (
        {"tasks": [{"prompt": [LOOK, {"type": "image_url", "image_url": {}}]}]},
        "/tasks/0/prompt/1/image_url/url",
    ),
    "bare url": (
        {"tasks": [{"prompt": [LOOK, {"type": "image_url", "image_url": "https://a.example"}]}]},
        "/tasks/0/prompt/1/image_url",
    ),
    "detail": (
        {"tasks": [{"prompt": [LOOK, image("https://a.example", detail="best")]}]},
        "/tasks/0/prompt/1/image_url/detail",
    ),
    "more": ({"tasks": [{"prompt": [LOOK, WEB_IMAGE | {"x": 1}]}]}, "/tasks/0/prompt/1/x"),
    "scheme": ({"tasks": [{}, {"prompt": [LOOK, image("file:///etc/passwd")]}]}, "/tasks/1/prompt/1/image_url/url"),
    "another kind": ({"goal": [LOOK, video(data_uri(PNG))]}, "/goal/1/video_url/url"),
    "no such file": ({"goal": [LOOK, image("fil_01M7ZY1PS3VMPZ40MXQWBMXTT9")]}, "/goal/1/image_url/url"),
    "too long": ({"tasks": [{"prompt": [LOOK, image(data_uri(b"\0" * 900_000))]}]}, "/tasks/0"),
    "too long a goal": ({"goal": [LOOK, image(data_uri(b"\0" * 900_000))]}, "/goal"),
    "a model that reads text": ({"tasks": [{"prompt": [LOOK, WEB_IMAGE], "model": "blind"}]}, "/tasks/0/model"),
    "a run that reads text": ({"tasks": [{"prompt": [LOOK, WEB_IMAGE]}], "model": "offline"}, "/tasks/0/prompt"),
    "a planner that reads text": ({"goal": [LOOK, WEB_IMAGE], "model": "blind"}, "/model"),
    "above its budget": ({"tasks": [{"prompt": [LOOK, WEB_IMAGE]}], "budget": {"max_tokens": 7_000}}, "/tasks/0"),
}


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    folder = tmp_path_factory.mktemp("pictures")
    async with model(folder) as upstream, service(folder, upstream.base_url, max_picture_bytes=100_000) as client:
        yield client


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_cannot_be_sent_is_refused_by_its_place_and_nothing_stored(
    client: httpx2.AsyncClient, wrong: str
) -> None:
    body, place = WRONG[wrong]
    response = await client.post("/v1/swarms", json=body)
    listed = (await client.get("/v1/swarms")).json()

    assert response.status_code == 422, response.text
    assert place in pointers(response.json())
    assert listed["items"] == []
    if "reads text" in wrong:
        assert "reads text only" in response.json()["detail"]


async def test_uploads_are_looked_into_and_summed_up(client: httpx2.AsyncClient) -> None:
    words, picture, large = [await upload(client, content) for content in (b"BM, a text", PNG, PNG + b"\0" * 60_000)]

    for parts, place, said in (
        ([LOOK, image(words)], "/tasks/0/prompt/1/image_url/url", "neither an image nor a video"),
        ([LOOK, video(picture)], "/tasks/0/prompt/1/video_url/url", "is image/png"),
        ([LOOK, image(large), image(picture), image(large)], "/tasks/0/prompt/3/image_url/url", "at most 100,000"),
    ):
        response = await client.post("/v1/swarms", json={"tasks": [{"prompt": parts}]})
        assert response.status_code == 422
        assert pointers(response.json()) == [place]
        assert said in response.json()["detail"]
    assert (await client.get("/v1/swarms")).json()["items"] == []


async def test_an_upload_that_is_deleted_meanwhile_fails_its_task_in_words(tmp_path: Path) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        picture = await upload(client, PNG)
        async with httpx2.AsyncClient() as direct:
            await direct.post(f"{upstream.root_url}/mock/script", json={"match": "Wait.", "fault": "hang"})
        waiting = {"id": "w", "prompt": "Wait."}
        looking = {"id": "a", "prompt": [LOOK, image(picture)], "depends_on": ["w"], "allow_failed_dependencies": True}
        started = (await client.post("/v1/swarms", json={"tasks": [waiting, looking]})).json()
        path = f"/v1/swarms/{started['swarm_id']}"
        assert (await client.delete(f"/v1/files/{picture}")).status_code == 204
        assert (await client.post(f"{path}/tasks/w/cancel")).status_code == 202
        await until_ended(client, started["swarm_id"])
        found = (await client.get(f"{path}/tasks/a")).json()

    assert found["status"] == "failed"
    assert found["error"]["type"] == "picture_unavailable"
    assert found["error"]["retryable"] is False
    assert picture in found["error"]["message"]
    assert found["attempts"] == 1
    assert [call["task_id"] for call in received(tmp_path)] in ([], ["w"])


async def test_an_upload_of_another_tenant_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    one, other = [
        bearer(await asyncio.to_thread(mint, tmp_path / "data", name, "read,run")) for name in ("one", "other")
    ]
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        picture = await upload(client, PNG, **one)
        body = {"tasks": [{"prompt": [LOOK, image(picture)]}]}
        theirs = await client.post("/v1/swarms", json=body, headers=other)
        chat = {"model": "seer", "messages": user(LOOK, image(picture))}
        asked = await client.post("/v1/chat/completions", json=chat, headers=other)
        own = await client.post("/v1/swarms", params={"wait": "30"}, json=body, headers=one)

    assert theirs.status_code == 422
    assert pointers(theirs.json()) == ["/tasks/0/prompt/1/image_url/url"]
    assert asked.status_code == 400
    assert "no uploaded file" in asked.json()["error"]["message"]
    assert own.json()["status"] == "completed"


async def test_the_gateway_sends_parts_as_they_are_and_uploads_as_data(tmp_path: Path) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        picture = await upload(client, png(40))
        ask = {"model": "seer", "messages": user(LOOK, image(picture), video("ms://clip"), {"type": "x", "y": 1})}
        answer = await client.post("/v1/chat/completions", json=ask)
        blind = await client.post("/v1/chat/completions", json=ask | {"model": "mole"})

    assert answer.status_code == 200, answer.text
    [call] = received(tmp_path)
    sent = user(LOOK, image(data_uri(png(40))), video("ms://clip"), {"type": "x", "y": 1})
    assert call["messages_sha256"] == digest(sent)
    assert "2: image (image/png" in answer.json()["choices"][0]["message"]["content"]
    assert (blind.status_code, blind.json()["error"]["param"]) == (400, "model")
    assert "'mole' reads text only" in blind.json()["error"]["message"]


async def test_a_task_of_section_2_may_have_parts(tmp_path: Path) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        task = {"id": "a", "prompt": [LOOK, WEB_IMAGE], "model": "seer", "source": "s"}
        done = await client.post("/v1/agents/execute", json=task)
        wrong = await client.post("/v1/agents/batch-execute", json={"tasks": [task | {"prompt": [WEB_IMAGE]}]})

    assert done.json()["status"] == "completed", done.text
    [call] = received(tmp_path)
    assert call["messages_sha256"] == digest(user(LOOK, WEB_IMAGE, text('## Task\n{"id":"a","source":"s"}')))
    assert pointers(wrong.json()) == ["/tasks/0/prompt"]


async def test_words_alone_in_parts_are_words(tmp_path: Path) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        await ended(client, {"tasks": [{"id": "a", "prompt": [text("One"), text("two")]}], "model": "blind"})

    [call] = received(tmp_path)
    assert call["messages_sha256"] == digest([{"role": "user", "content": 'One\ntwo\n\n## Task\n{"id":"a"}'}])


async def test_routing_leaves_out_models_that_read_text_only_and_says_so(tmp_path: Path) -> None:
    async with model(tmp_path) as upstream, service(tmp_path, upstream.base_url) as client:
        body = {
            "tasks": [
                {"id": "a", "prompt": [LOOK, WEB_IMAGE], "tier": "light"},
                {"id": "b", "prompt": "W", "tier": "light"},
            ],
            "routing": {"tiers": {"light": ["blind", "seer"]}, "fallbacks": ["mole"]},
        }
        found = await ended(client, body)
        routes = [
            (await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/{name}")).json()["routing"] for name in ("a", "b")
        ]

    models = {call["task_id"]: call["model"] for call in received(tmp_path)}
    assert models == {"a": "seer", "b": "blind"}
    assert "reads text only" in routes[0]["reason"]
    assert "chain" not in routes[0]
    assert routes[1]["chain"] == ["seer", "mole"]


async def test_a_model_that_reads_text_only_by_now_is_not_called(tmp_path: Path) -> None:
    """The configuration changed between the start of the run and the call."""
    async with model(tmp_path, api_key="right") as upstream:
        async with service(tmp_path, upstream.base_url) as client:
            first = await ended(client, {"tasks": [{"id": "a", "prompt": [LOOK, WEB_IMAGE]}]})
        before = len(received(tmp_path))
        blind = {"up": {"base_url": upstream.base_url, "models": MODELS, "vision": False, "api_key": "right"}}
        async with service(tmp_path, upstream.base_url, providers=blind) as client:
            path = f"/v1/swarms/{first['swarm_id']}"
            assert (await client.post(f"{path}/retry")).status_code == 202
            await until_ended(client, first["swarm_id"])
            found = (await client.get(f"{path}/tasks/a")).json()

    assert found["error"]["type"] == "text_only_model"
    assert "'seer' reads text only" in found["error"]["message"]
    assert len(received(tmp_path)) == before
