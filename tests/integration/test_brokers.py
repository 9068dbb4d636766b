"""How NATS is reached: by whom, encrypted or not, and what is said where that cannot work."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import nats
import pytest
import structlog

from app.dispatch.broker import Broker
from app.dispatch.connecting import BrokerRefused, BrokerSettings
from tests.support.brokers import certificate, nats_server
from tests.support.deployment import free_port
from tests.support.nats_accounts import Operator

pytestmark = pytest.mark.anyio

SECRET = "s3cret@:/w0rd"
WRONG = "wr0ng-w0rd"


async def connects(settings: BrokerSettings) -> bool:
    async with Broker(settings, "node").running() as broker:
        return broker.connected


async def refused(settings: BrokerSettings) -> str:
    """Why it is; and none of the secrets is told to anybody."""
    with structlog.testing.capture_logs() as logs, pytest.raises(BrokerRefused) as caught:
        await connects(settings)
    for secret in (SECRET, quote(SECRET, safe=""), WRONG):
        assert secret not in str(caught.value.detail)
        assert secret not in repr(logs)
        assert secret not in repr(settings)
    return str(caught.value.detail)


def aimed(url: str, who: str = "", scheme: str = "nats") -> str:
    where = url.partition("://")[2]
    return f"{scheme}://{who}@{where}" if who else f"{scheme}://{where}"


async def test_who_asks_is_told_by_settings_or_in_the_url(tmp_path: Path) -> None:
    encoded = quote(SECRET, safe="")
    with nats_server(tmp_path, "--user", "swarm", "--pass", SECRET) as server:
        assert await connects(BrokerSettings(url=server.url, user="swarm", password=SECRET))
        assert await connects(BrokerSettings(url=aimed(server.url, f"swarm:{encoded}")))
        for wrong in (
            BrokerSettings(url=server.url),
            BrokerSettings(url=server.url, user="swarm", password=WRONG),
            BrokerSettings(url=aimed(server.url, f"swarm:{WRONG}")),
        ):
            said = await refused(wrong)
            assert f"127.0.0.1:{server.port} refuses who asks" in said
            assert "SWARMD_NATS_PASSWORD" in said


async def test_who_asks_may_be_a_token(tmp_path: Path) -> None:
    with nats_server(tmp_path, "--auth", SECRET) as server:
        assert await connects(BrokerSettings(url=aimed(server.url, quote(SECRET, safe=""))))
        assert "token in SWARMD_NATS_URL" in await refused(BrokerSettings(url=aimed(server.url, WRONG)))


async def test_who_asks_may_have_a_file_with_a_jwt(tmp_path: Path) -> None:
    operator, other = Operator(), Operator()
    config, good, bad = tmp_path / "nats.conf", tmp_path / "good.creds", tmp_path / "bad.creds"
    config.write_text(operator.config())
    good.write_text(operator.credentials("swarm"))
    bad.write_text(other.credentials("swarm"))
    with nats_server(tmp_path, "-c", str(config)) as server:
        assert await connects(BrokerSettings(url=server.url, credentials=good))
        assert "SWARMD_NATS_CREDENTIALS" in await refused(BrokerSettings(url=server.url, credentials=bad))
        missing = await refused(BrokerSettings(url=server.url, credentials=tmp_path / "none.creds"))
        assert "SWARMD_NATS_CREDENTIALS" in missing
        assert "No such file" in missing


async def test_a_connection_is_encrypted_and_the_certificate_checked(tmp_path: Path) -> None:
    tls = certificate(tmp_path / "ours")
    certificate(tmp_path / "theirs")
    ours, theirs = (tmp_path / name / "certificate.pem" for name in ("ours", "theirs"))
    with nats_server(tmp_path, *tls, "--user", "swarm", "--pass", SECRET) as server:
        settings = BrokerSettings(url=aimed(server.url, scheme="tls"), user="swarm", password=SECRET, ca=ours)
        assert await connects(settings)
        assert await connects(replace(settings, url=server.url))
        for wrong in (replace(settings, ca=None), replace(settings, ca=theirs)):
            said = await refused(wrong)
            assert "is not trusted" in said
            assert "SWARMD_NATS_CA" in said
        assert "No such file" in await refused(replace(settings, ca=tmp_path / "none.pem"))
        assert "no certificate" in await refused(replace(settings, ca=tmp_path / "ours" / "key.pem"))


async def test_nothing_is_sent_in_the_clear_where_encryption_was_asked_for(tmp_path: Path) -> None:
    with nats_server(tmp_path, "-DV", "--user", "swarm", "--pass", SECRET) as server:
        url = aimed(server.url, scheme="tls")
        assert "does not encrypt" in await refused(BrokerSettings(url=url, user="swarm", password=SECRET))
        assert "CONNECT {" not in (tmp_path / "nats.log").read_text()
        assert await connects(BrokerSettings(url=server.url, user="swarm", password=SECRET))
        assert "CONNECT {" in (tmp_path / "nats.log").read_text()


async def test_a_server_without_jetstream_or_too_few_of_them_is_named(tmp_path: Path) -> None:
    with nats_server(tmp_path / "without", jetstream=False) as server:
        said = await refused(BrokerSettings(url=server.url))
        assert "has no JetStream" in said
        assert "-js" in said
    with nats_server(tmp_path / "alone") as server:
        assert "SWARMD_NATS_REPLICAS=3 needs a cluster" in await refused(BrokerSettings(url=server.url, replicas=3))


@pytest.mark.parametrize(
    ("config", "who"),
    [
        ("jetstream { max_file_store: 100MB }", ""),
        (
            "jetstream { max_file_store: 2GB }\n"
            "accounts { A: { users: [{user: swarm, password: pw}], jetstream: { max_file: 100MB } } }",
            "swarm:pw",
        ),
    ],
    ids=["server", "account"],
)
async def test_a_server_reserves_what_it_is_asked_for_or_it_is_told_what_to_lower(
    tmp_path: Path, config: str, who: str
) -> None:
    (tmp_path / "nats.conf").write_text(config)
    with nats_server(tmp_path, "-c", str(tmp_path / "nats.conf")) as server:
        settings = BrokerSettings(url=aimed(server.url, who))
        for step in ("it is made", "it is changed"):
            said = await refused(settings)
            assert f"{server.port} cannot reserve SWARMD_NATS_MAX_BYTES={1024**3} for what waits" in said, step
            assert "max_file_store" in said
            assert "\n" not in said
            assert await connects(replace(settings, max_bytes=32 * 1024**2)), step
        assert await reserved(replace(settings, max_bytes=64 * 1024**2)) == 64 * 1024**2


async def reserved(settings: BrokerSettings) -> int | None:
    """What the server keeps for the stream once a node with these settings was there."""
    async with Broker(settings, "node").running() as broker:
        client = await nats.connect(settings.url)
        try:
            return (await client.jetstream().stream_info(broker.stream)).config.max_bytes
        finally:
            await client.close()


async def test_a_user_who_may_do_too_little_is_told_what_it_needs(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('authorization { users = [{user: swarm, password: pw, permissions: {publish: "other.>"}}] }')
    with nats_server(tmp_path, "-c", str(config)) as server:
        said = await refused(BrokerSettings(url=server.url, user="swarm", password="pw"))
    assert "swarmd.>" in said


async def test_a_server_that_is_away_is_not_waited_for() -> None:
    began = time.monotonic()
    assert not await connects(BrokerSettings(url=f"nats://127.0.0.1:{free_port()}"))
    assert time.monotonic() - began < 10
