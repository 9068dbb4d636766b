"""What a webhook must not do: reach a private address, give its secret away."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.support.receivers import TASKS, delivered, delivery, receiver, run, tenants_secret, wrong_fields
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

OWN = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789").decode()


# --- addresses that are not public -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hook",
        "http://localhost:9000/hook",
        "http://[::1]:9000/",
        "http://[::ffff:127.0.0.1]:9000/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://10.0.0.1/",
        "https://user:secret@example.com/",
        "https://example.com:22/",
        "http://",
    ],
)
@pytest.mark.parametrize("form", ["text", "object"])
async def test_a_url_that_is_not_public_is_refused_when_the_run_is_made(tmp_path: Path, url: str, form: str) -> None:
    async with in_process(tmp_path) as client:
        webhook = url if form == "text" else {"url": url}
        refused = await client.post("/v1/swarms", json={"tasks": TASKS, "webhook": webhook})
        kept = (await client.get("/v1/swarms")).json()["items"]

    assert wrong_fields(refused) == ["/webhook" if form == "text" else "/webhook/url"]
    assert kept == []


async def test_a_name_that_turns_private_later_is_not_called(tmp_path: Path) -> None:
    """The name is public when the run is made, and this machine's when the message is due."""
    answers = iter(["93.184.215.14"])

    def resolve(host: str, port: int) -> list[str]:
        return [next(answers, "127.0.0.1")]

    with mock.patch("app.net.resolving._system_addresses", resolve):
        async with receiver() as hook, in_process(tmp_path, webhook_attempts=1) as client:
            await run(client, hook.site.url("/hook", host="rebinding.example"))
            dead = await delivery(client, lambda item: item["status"] == "dead")

    assert "not of the public Internet" in dead["attempts"][0]["error"]
    assert hook.got == []


async def test_a_name_that_is_private_is_refused_and_one_that_is_unknown_is_not(tmp_path: Path) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if host == "intranet.example":
            return ["93.184.215.14", "10.1.2.3"]
        raise OSError("no such name")

    with mock.patch("app.net.resolving._system_addresses", resolve):
        async with in_process(tmp_path, webhook_attempts=1) as client:
            refused = await client.post("/v1/swarms", json={"tasks": TASKS, "webhook": "https://intranet.example/"})
            await run(client, "https://unknown.example/")
            dead = await delivery(client, lambda item: item["status"] == "dead")

    assert wrong_fields(refused) == ["/webhook"]
    assert "no address" in dead["attempts"][0]["error"]


# --- secrets ---------------------------------------------------------------------------------------------------------


async def test_after_a_rotation_messages_carry_both_signatures(tmp_path: Path) -> None:
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        first = await tenants_secret(client)
        assert await tenants_secret(client) == first
        rotated = (await client.post("/v1/webhooks/secret/rotate")).json()
        await run(client, hook.url)
        [got] = await hook.take(1)
        audit = (await client.get("/v1/audit")).text

    assert rotated["secret"] != first
    assert rotated["previous_valid_until"] is not None
    assert got.verified(first) == got.verified(rotated["secret"])
    assert len(got.headers["webhook-signature"].split()) == 2
    assert "webhook_secret.rotated" in audit
    assert rotated["secret"] not in audit


async def test_a_rotation_before_the_first_use_makes_one_secret(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        rotated = (await client.post("/v1/webhooks/secret/rotate")).json()

        assert await tenants_secret(client) == rotated["secret"]
        assert rotated["previous_valid_until"] is None


@pytest.mark.parametrize("secret", ["hunter2-hunter2", "whsec_c2hvcnQ=", "whsec_***", ""])
async def test_a_secret_of_another_form_is_refused_and_not_repeated(tmp_path: Path, secret: str) -> None:
    async with in_process(tmp_path, webhook_private=True) as client:
        webhook = {"url": "http://127.0.0.1:9000/", "secret": secret}
        refused = await client.post("/v1/swarms", json={"tasks": TASKS, "webhook": webhook})

    assert wrong_fields(refused) == ["/webhook/secret"]
    assert not secret or secret not in refused.text


async def test_a_secret_is_in_no_answer_log_event_or_export(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with receiver() as hook, in_process(tmp_path, webhook_private=True) as client:
        swarm = await run(client, {"url": hook.url, "secret": OWN})
        await delivery(client, delivered)
        at = f"/v1/swarms/{swarm['swarm_id']}"
        paths = [at, *(f"{at}/{part}" for part in ("tasks", "results", "graph", "snapshot", "events"))]
        paths += [f"{at}/export?kind={kind}&format=json" for kind in ("tasks", "events", "metrics", "attempts")]
        paths += ["/v1/webhooks/deliveries", "/v1/swarms", "/v1/audit", "/v1/usage"]
        texts = [(await client.get(path)).text for path in paths]

    assert all(len(text) > 10 for text in texts)
    said = "".join([json.dumps(swarm), *texts, *capfd.readouterr()])
    assert OWN not in said
    assert OWN.removeprefix("whsec_") not in said


@pytest.mark.parametrize(
    ("webhook", "pointer"),
    [
        (7, "/webhook"),
        ("ftp://example.com/", "/webhook"),
        ({}, "/webhook/url"),
        ({"url": "https://example.com/", "events": ["agent_step"]}, "/webhook/events/0"),
        ({"url": "https://example.com/", "events": []}, "/webhook/events"),
        ({"url": "https://example.com/", "headers": {"Authorization": "x"}}, "/webhook/headers"),
    ],
)
async def test_wrong_webhooks_are_refused(tmp_path: Path, webhook: Any, pointer: str) -> None:
    async with in_process(tmp_path) as client:
        refused = await client.post("/v1/swarms", json={"tasks": TASKS, "webhook": webhook})

    assert pointer in wrong_fields(refused)
