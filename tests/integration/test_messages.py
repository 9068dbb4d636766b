"""``/v1/swarms/{id}/messages``: the message bus of a swarm, over kill -9."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.service import ServiceProcess, in_process
from tests.support.sharing import ended_swarm

pytestmark = pytest.mark.anyio


async def send(client: httpx2.AsyncClient, swarm: str, body: Any, **fields: Any) -> dict[str, Any]:
    response = await client.post(f"/v1/swarms/{swarm}/messages", json={"body": body, **fields})
    assert response.status_code == 201, response.text
    message: dict[str, Any] = response.json()
    return message


async def bodies(client: httpx2.AsyncClient, swarm: str, **params: Any) -> list[Any]:
    response = await client.get(f"/v1/swarms/{swarm}/messages", params=params)
    assert response.status_code == 200, response.text
    return [item["body"] for item in response.json()["items"]]


async def ack(client: httpx2.AsyncClient, swarm: str, **body: Any) -> dict[str, Any]:
    response = await client.post(f"/v1/swarms/{swarm}/messages/ack", json=body)
    assert response.status_code == 200, response.text
    acked: dict[str, Any] = response.json()
    return acked


async def test_messages_come_in_order_until_they_are_acknowledged(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a", "b"))["swarm_id"]
        sub_agent = f"agt_{swarm.removeprefix('swm_')}_00000"
        first = await send(client, swarm, {"n": 1}, to="a", sender="me")
        await send(client, swarm, "for b", to="b")
        await send(client, swarm, [2], to=sub_agent, sender="me")
        await send(client, swarm, "news", topic="t")

        assert {name: first[name] for name in ("position", "sender", "sender_seq", "to", "topic", "body")} == {
            "position": 1,
            "sender": "me",
            "sender_seq": 1,
            "to": sub_agent,
            "topic": None,
            "body": {"n": 1},
        }
        for address in ("a", sub_agent):
            assert await bodies(client, swarm, to=address) == [{"n": 1}, [2]]
        assert await bodies(client, swarm, to="a", topic="t") == [{"n": 1}, [2], "news"]
        assert await bodies(client, swarm, to="a", after=1) == [[2]]
        assert await bodies(client, swarm, limit=2) == [{"n": 1}, "for b"]
        assert await ack(client, swarm, consumer="a", up_to=1) == {"consumer": "a", "topic": None, "acked": 1}
        assert await bodies(client, swarm, to="a") == [[2]]
        assert (await ack(client, swarm, consumer=sub_agent, up_to=99))["acked"] == 4, "not what is yet to come"
        assert await bodies(client, swarm, to="a") == []
        assert await bodies(client, swarm, topic="t", consumer="me") == ["news"]
        await ack(client, swarm, consumer="me", topic="t", up_to=4)
        assert await bodies(client, swarm, topic="t", consumer="me") == []
        assert await bodies(client, swarm, topic="t") == ["news"]


async def test_a_reader_that_waits_is_answered_when_a_message_comes(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a", "b"))["swarm_id"]
        readers = [
            asyncio.create_task(bodies(client, swarm, wait=25, **which))
            for which in ({"to": "a"}, {"topic": "t"}, {}, {"to": "a", "topic": "t"})
        ]
        silent = asyncio.create_task(bodies(client, swarm, wait=0.3, to="b"))
        assert await silent == []
        assert not any(reader.done() for reader in readers)
        began = asyncio.get_running_loop().time()
        await send(client, swarm, 1, to="a")
        await send(client, swarm, 2, topic="t")
        found = await asyncio.gather(*readers)

    assert asyncio.get_running_loop().time() - began < 4, "by the doorbell, before the slow look"
    assert found == [[1], [2], [1], [1]]


async def test_pages_follow_their_cursor_as_in_every_list(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        for number in range(5):
            await send(client, swarm, number, to="a")
        path, found, cursor = f"/v1/swarms/{swarm}/messages", [], None
        while True:
            query = "" if cursor is None else f"&cursor={cursor}"
            page = (await client.get(f"{path}?limit=2{query}")).json()
            found.append([item["body"] for item in page["items"]])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        refused = problem(await client.get(f"{path}?cursor=x"), 422)

    assert found == [[0, 1], [2, 3], [4]]
    assert page["next_after"] == 5, "where one that waits for more goes on"
    assert pointers(refused) == ["/cursor"]


def test_messages_and_acknowledgements_outlive_kill_9(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as service:
        with service.client() as client:
            swarm = client.post("/v1/swarms?wait=30", json={"tasks": [{"id": "a"}]}).json()["swarm_id"]
            path = f"/v1/swarms/{swarm}/messages"
            for number in range(20):
                client.post(path, json={"to": "a", "body": number}).raise_for_status()
            client.post(f"{path}/ack", json={"consumer": "a", "up_to": 5}).raise_for_status()
        service.restart()
        with service.client() as client:
            left = client.get(path, params={"to": "a"}).json()
            after = client.post(path, json={"to": "a", "body": 20}).json()

    assert [item["body"] for item in left["items"]] == list(range(5, 20))
    assert left["next_after"] == 20
    assert (after["position"], after["sender_seq"]) == (21, 21)


async def test_a_repeated_send_with_its_key_is_one_message(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        path, headers = f"/v1/swarms/{swarm}/messages", {"Idempotency-Key": "k"}
        answers = await asyncio.gather(
            *(client.post(path, json={"to": "a", "body": 1}, headers=headers) for _ in range(20))
        )
        problem(await client.post(path, json={"to": "a", "body": 2}, headers=headers), 409)
        await send(client, swarm, 1, to="a")
        kept = await bodies(client, swarm)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert kept == [1, 1]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"to": "a"}, 422, "/body"),
        ({"body": 1}, 422, "/to"),
        ({"body": 1, "to": "a", "topic": "t"}, 422, "/to"),
        ({"body": 1, "to": "nobody"}, 404, "/to"),
        ({"body": 1, "to": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV_00000"}, 404, "/to"),
        ({"body": 1, "topic": ""}, 422, "/topic"),
        ({"body": 1, "topic": "t" * 201}, 422, "/topic"),
        ({"body": 1, "topic": "a\nb"}, 422, "/topic"),
        ({"body": "x" * 64 * 1024, "topic": "t"}, 422, "/body"),
        ({"body": 1, "topic": "t", "sender": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV_00000"}, 422, "/sender"),
        ({"body": 1, "topic": "t", "unheard": 1}, 422, "/unheard"),
    ],
)
async def test_what_cannot_be_sent_is_refused_by_name(tmp_path: Path, body: Any, status: int, pointer: str) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        refused = problem(await client.post(f"/v1/swarms/{swarm}/messages", json=body), status)
        kept = await bodies(client, swarm)

    assert (pointers(refused), kept) == ([pointer], [])


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"to": "nobody"}, 404),
        ({"consumer": "x"}, 422),
        ({"wait": 301}, 422),
        ({"wait": "nan"}, 422),
        ({"limit": 0}, 422),
        ({"after": -1}, 422),
        ({"topic": ""}, 422),
    ],
)
async def test_what_cannot_be_read_is_refused(tmp_path: Path, params: dict[str, Any], status: int) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        problem(await client.get(f"/v1/swarms/{swarm}/messages", params=params), status)
        problem(await client.post(f"/v1/swarms/{swarm}/messages/ack", json={"consumer": "x", "up_to": 1}), 404)
        problem(await client.post(f"/v1/swarms/{swarm}/messages/ack", json={"consumer": "a", "up_to": -1}), 422)


async def test_messages_are_a_tenants_own(tmp_path: Path) -> None:
    made = [mint(tmp_path, *who)["key"] for who in (("acme", "read,run"), ("other", "read,run"), ("acme", "read"))]
    mine, theirs, reader = ({"Authorization": f"Bearer {key}"} for key in made)
    async with in_process(tmp_path) as client:
        client.headers.update(mine)
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        path = f"/v1/swarms/{swarm}/messages"
        await send(client, swarm, 1, to="a")
        problem(await client.get(path, headers=theirs), 404)
        problem(await client.post(path, json={"to": "a", "body": 2}, headers=theirs), 404)
        problem(await client.post(f"{path}/ack", json={"consumer": "a", "up_to": 1}, headers=theirs), 404)
        problem(await client.post(path, json={"to": "a", "body": 2}, headers=reader), 403)
        assert (await client.get(path, headers=reader)).status_code == 200
        assert await bodies(client, swarm, to="a") == [1]
