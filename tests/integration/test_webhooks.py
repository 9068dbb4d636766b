"""``webhook`` of ``POST /v1/swarms``: signed messages, retried until they are taken, never to a private address."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from app.domain.webhooks import RetrySchedule
from tests.support.keys import mint
from tests.support.problems import problem
from tests.support.receivers import TASKS, delivered, delivery, receiver, run, tenants_secret, wrong_fields
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

OWN = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789").decode()


@contextmanager
def quick_retries(*delays_s: float) -> Iterator[None]:
    with mock.patch.object(RetrySchedule, "of", return_value=RetrySchedule(delays_s=delays_s, jitter=0.0)):
        yield


# --- what is sent ----------------------------------------------------------------------------------------------------


async def test_the_end_of_a_run_is_posted_and_signed_with_the_tenants_secret(tmp_path: Path) -> None:
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        swarm = await run(client, hook.url, name="r", metadata={"order": 7})
        [got] = await hook.take(1)
        message = got.verified(await tenants_secret(client))
        shown = await delivery(client, delivered)

    assert set(message) == {"type", "timestamp", "data"}
    assert message["type"] == "swarm_completed"
    assert message["data"]["swarm_id"] == swarm["swarm_id"]
    assert message["data"]["status"] == "completed"
    assert message["data"]["counts"]["completed"] == 2
    assert (message["data"]["name"], message["data"]["metadata"]) == ("r", {"order": 7})
    assert "aggregated" not in message["data"]
    assert "output" not in got.body.decode()
    assert got.headers["content-type"] == "application/json"
    assert shown["delivery_id"] == got.message_id
    assert (shown["swarm_id"], shown["url"], shown["type"]) == (swarm["swarm_id"], hook.url, "swarm_completed")
    assert [one["status_code"] for one in shown["attempts"]] == [204]
    assert shown["next_attempt_at"] is None


async def test_a_request_may_bring_its_secret_and_choose_the_events(tmp_path: Path) -> None:
    events = ["aggregate_completed", "swarm_completed"]
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        webhook = {"url": hook.url, "events": events, "secret": OWN}
        swarm = await run(client, webhook, aggregate="concat")
        got = await hook.take(2)
        messages = {message["type"]: message for message in (one.verified(OWN) for one in got)}
        with pytest.raises(WebhookVerificationError):
            got[0].verified(await tenants_secret(client))
        log = (await client.get(f"/v1/swarms/{swarm['swarm_id']}/events")).json()["items"]

    assert sorted(messages) == events
    seqs = {event["type"]: event["seq"] for event in log}
    assert {kind: message["data"]["seq"] for kind, message in messages.items()} == {kind: seqs[kind] for kind in events}
    assert len({one.message_id for one in got}) == 2
    assert messages["swarm_completed"]["data"]["aggregation"]["status"] == "completed"


async def test_a_paused_run_tells_why(tmp_path: Path) -> None:
    chain = [{"id": str(n), "prompt": "x", "depends_on": [str(n - 1)] if n else []} for n in range(1000)]
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        body = {"tasks": chain, "webhook": {"url": hook.url, "events": ["swarm_paused"]}}
        swarm = (await client.post("/v1/swarms", json=body)).json()
        await client.post(f"/v1/swarms/{swarm['swarm_id']}/pause")
        [got] = await hook.take(1)
        message = got.verified(await tenants_secret(client))

    assert message["type"] == "swarm_paused"
    assert (message["data"]["status"], message["data"]["pause_reason"]) == ("paused", "request")


async def test_a_run_without_a_webhook_leaves_nothing(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        await client.post("/v1/swarms", json={"tasks": TASKS}, params={"wait": 20})

        assert (await client.get("/v1/webhooks/deliveries")).json() == {"items": [], "next_cursor": None}


# --- when the receiver is not well -----------------------------------------------------------------------------------


async def test_a_failed_delivery_is_tried_again_with_the_same_id_and_body(tmp_path: Path) -> None:
    with quick_retries(0.01, 0.01, 0.01):
        async with receiver(500, 404, 204) as hook, in_process(tmp_path, webhook_private=True) as client:
            await run(client, hook.url)
            got = await hook.take(3)
            shown = await delivery(client, delivered)

    assert len({one.message_id for one in got}) == 1
    assert len({one.body for one in got}) == 1
    assert [(one["attempt"], one["status_code"], one["error"]) for one in shown["attempts"]] == [
        (1, 500, "answered 500"),
        (2, 404, "answered 404"),
        (3, 204, None),
    ]


async def test_out_of_attempts_it_is_dead_and_may_be_sent_again(tmp_path: Path) -> None:
    with quick_retries(0.01):
        async with receiver(500, 500, 204) as hook, in_process(tmp_path, webhook_private=True) as client:
            swarm = await run(client, hook.url)
            dead = await delivery(client, lambda item: True, status="dead")
            found = await client.get(
                "/v1/webhooks/deliveries", params={"status": "dead", "swarm_id": swarm["swarm_id"]}
            )
            none = await client.get("/v1/webhooks/deliveries", params={"status": "dead", "swarm_id": "swm_other"})
            again = await client.post(f"/v1/webhooks/deliveries/{dead['delivery_id']}/redeliver")
            shown = await delivery(client, delivered)
            one = (await client.get(f"/v1/webhooks/deliveries/{dead['delivery_id']}")).json()

    assert [item["delivery_id"] for item in found.json()["items"]] == [dead["delivery_id"]]
    assert none.json()["items"] == []
    assert len(dead["attempts"]) == 2
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    assert [entry["status_code"] for entry in shown["attempts"]] == [500, 500, 204]
    assert len({got.message_id for got in hook.got}) == 1
    assert one == shown


async def test_attempts_are_counted_by_what_came_of_them(tmp_path: Path) -> None:
    with quick_retries(0.01):
        async with (
            receiver(500, 204, 500, 410) as hook,
            in_process(tmp_path, webhook_private=True, metrics=True) as client,
        ):
            assert await counted_attempts(client) == {"delivered": 0, "failed": 0, "dead": 0}
            await run(client, hook.url)
            await hook.take(2)
            await run(client, hook.url)

            async with asyncio.timeout(20):
                while (counts := await counted_attempts(client))["dead"] == 0:
                    await asyncio.sleep(0.01)

    assert counts == {"delivered": 1, "failed": 2, "dead": 1}


async def counted_attempts(client: httpx2.AsyncClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    found = re.findall(r'^swarmd_webhook_attempts_total\{outcome="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {outcome: float(count) for outcome, count in found}


async def test_410_ends_it_at_once(tmp_path: Path) -> None:
    with quick_retries(0.01, 0.01):
        async with receiver(410) as hook, in_process(tmp_path, webhook_private=True) as client:
            await run(client, hook.url)
            dead = await delivery(client, lambda item: item["status"] == "dead")

    assert [one["status_code"] for one in dead["attempts"]] == [410]
    assert len(hook.got) == 1


async def test_retry_after_puts_the_next_attempt_off(tmp_path: Path) -> None:
    async def later(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "3000"})

    with quick_retries(0.01):
        async with receiver(later) as hook, in_process(tmp_path, webhook_private=True) as client:
            await run(client, hook.url)
            waiting = await delivery(client, lambda item: item["attempts"])

    assert waiting["status"] == "pending"
    assert waiting["next_attempt_at"] > waiting["attempts"][0]["at"]
    assert len(hook.got) == 1


async def test_a_redirect_is_a_failure_and_is_not_followed(tmp_path: Path) -> None:
    async with receiver() as other, in_process(tmp_path, webhook_private=True, webhook_attempts=1) as client:

        async def elsewhere(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": other.url})

        async with receiver(elsewhere) as hook:
            await run(client, hook.url)
            dead = await delivery(client, lambda item: item["status"] == "dead")

    assert dead["attempts"][0]["status_code"] == 307
    assert "redirects are not followed" in dead["attempts"][0]["error"]
    assert other.got == []


async def test_nobody_listens(tmp_path: Path) -> None:
    async with receiver() as hook:
        url = hook.url
    async with in_process(tmp_path, webhook_private=True, webhook_attempts=1) as client:
        await run(client, url)
        dead = await delivery(client, lambda item: item["status"] == "dead")

    assert dead["attempts"][0]["status_code"] is None
    assert "cannot be reached" in dead["attempts"][0]["error"]


async def test_an_endless_answer_is_not_read(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
        return response

    async with receiver(endless) as hook, in_process(tmp_path, webhook_private=True) as client:
        await run(client, hook.url)
        shown = await delivery(client, delivered)

    assert shown["attempts"][0]["status_code"] == 200


async def test_a_receiver_that_hangs_holds_up_nobody_else_and_times_out(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    settings: dict[str, Any] = {"webhook_private": True, "webhook_timeout_s": 1.0, "webhook_attempts": 1}
    async with receiver(hang) as slow, receiver() as quick, in_process(tmp_path, **settings) as client:
        for _ in range(12):
            await run(client, slow.url)
        await slow.take(4)
        await run(client, quick.url)
        await quick.take(1)
        at_once = len(slow.got)
        dead = await delivery(client, lambda item: item["url"] == slow.url and item["status"] == "dead")
        released.set()

    assert at_once <= 8, "four at once, and those whose second had passed"
    assert "no whole answer within 1 s" in dead["attempts"][0]["error"]


# --- forks, tenants, deleted runs ------------------------------------------------------------------------------------


async def test_a_fork_has_its_own_webhook_or_none(tmp_path: Path) -> None:
    async with receiver() as hook, receiver() as other, in_process(tmp_path, webhook_private=True) as client:
        swarm = await run(client, hook.url)
        await hook.take(1)
        at = f"/v1/swarms/{swarm['swarm_id']}/fork"
        silent = (await client.post(at, json={})).json()["swarm_id"]
        told = (await client.post(at, json={"webhook": other.url})).json()["swarm_id"]
        [got] = await other.take(1)
        message = got.verified(await tenants_secret(client))
        refused = await client.post(at, json={"webhook": "http://0x7f000001/"})
        deliveries = (await client.get("/v1/webhooks/deliveries")).json()["items"]

    assert message["data"]["swarm_id"] == told
    assert {item["swarm_id"] for item in deliveries} == {swarm["swarm_id"], told}
    assert silent not in {item["swarm_id"] for item in deliveries}
    assert wrong_fields(refused) == ["/webhook"]
    assert len(hook.got) == 1


async def test_a_run_that_is_retried_tells_of_its_end_once_more(tmp_path: Path) -> None:
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        task = {"id": "a", "prompt": "Say a.", "output_schema": {"type": "object", "required": ["zzz"], "not": {}}}
        swarm = await run(client, hook.url, tasks=[task], retry={"max_retries": 0})
        await hook.take(1)
        await client.post(f"/v1/swarms/{swarm['swarm_id']}/retry")
        got = await hook.take(2)

    assert swarm["status"] == "failed"
    assert got[0].message_id != got[1].message_id


async def test_tenants_see_their_own_deliveries_and_secrets_only(tmp_path: Path) -> None:
    keys = {tenant: mint(tmp_path, tenant=tenant, scopes="read,run,admin")["key"] for tenant in ("acme", "other")}
    reader = mint(tmp_path, tenant="acme", scopes="read,run")["key"]
    heads = {tenant: {"Authorization": f"Bearer {key}"} for tenant, key in keys.items()}
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        body = {"tasks": TASKS, "webhook": hook.url}
        await client.post("/v1/swarms", json=body, params={"wait": 20}, headers=heads["acme"])
        [got] = await hook.take(1)
        at = f"/v1/webhooks/deliveries/{got.message_id}"
        secrets = {
            tenant: (await client.get("/v1/webhooks/secret", headers=head)).json()["secret"]
            for tenant, head in heads.items()
        }
        foreign = [
            await client.get(at, headers=heads["other"]),
            await client.post(f"{at}/redeliver", headers=heads["other"]),
        ]
        empty = (await client.get("/v1/webhooks/deliveries", headers=heads["other"])).json()["items"]
        mine = await client.get(at, headers=heads["acme"])
        denied = [
            await client.request(method, path, headers={"Authorization": f"Bearer {reader}"})
            for method, path in (("GET", "/v1/webhooks/secret"), ("POST", "/v1/webhooks/secret/rotate"))
        ]

    got.verified(secrets["acme"])
    assert secrets["acme"] != secrets["other"]
    assert [problem(answer, 404)["code"] for answer in foreign] == ["not_found"] * 2
    assert empty == []
    assert mine.status_code == 200
    assert [answer.status_code for answer in denied] == [403, 403]


async def test_with_a_run_its_deliveries_go(tmp_path: Path) -> None:
    async with receiver(500) as hook, in_process(tmp_path, webhook_private=True) as client:
        swarm = await run(client, hook.url)
        await delivery(client, lambda item: item["attempts"])
        assert (await client.delete(f"/v1/swarms/{swarm['swarm_id']}")).status_code == 204

        assert (await client.get("/v1/webhooks/deliveries")).json()["items"] == []


async def test_deliveries_are_listed_page_by_page_newest_first(tmp_path: Path) -> None:
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        made = [(await run(client, hook.url))["swarm_id"] for _ in range(5)]
        await hook.take(5)
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await client.get(
                "/v1/webhooks/deliveries", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
            )
            found += [item["swarm_id"] for item in page.json()["items"]]
            cursor = page.json()["next_cursor"]
        wrong = await client.get("/v1/webhooks/deliveries", params={"cursor": "nonsense"})

    assert found == made[::-1]
    assert wrong_fields(wrong) == ["/cursor"]


async def test_the_document_tells_what_receivers_are_sent(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        document = (await client.get("/openapi.json")).json()

    assert sorted(document["webhooks"]) == ["aggregate_completed", "checkpoint", "swarm_completed", "swarm_paused"]
    told = document["webhooks"]["swarm_completed"]["post"]
    assert {parameter["name"] for parameter in told["parameters"]} == {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    [body] = told["requestBody"]["content"].values()
    assert body["schema"] == {"$ref": "#/components/schemas/WebhookMessage"}
    assert "swarm_completed" not in document["paths"]
