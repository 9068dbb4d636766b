"""The guard of ``http_fetch`` also holds for libraries that bring httpx2."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from app.net.resolving import Resolve
from app.net.transport import GuardedTransport
from tests.support.web_pages import Site, site, tls_site

pytestmark = pytest.mark.anyio


@pytest.fixture
async def canary() -> AsyncIterator[Site]:
    async with site() as made:
        made.says("/", "the secret of the intranet")
        yield made


def answering(*answers: str) -> tuple[Resolve, list[str]]:
    """A resolver that gives each question the next of these (addresses parted by blanks); and the questions."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        answer = answers[min(len(asked), len(answers)) - 1]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answer.split()

    return resolve, asked


async def test_private_addresses_are_refused_however_they_are_written(canary: Site) -> None:
    async with httpx2.AsyncClient() as naive:
        assert (await naive.get(canary.url("/", "localhost"))).text == "the secret of the intranet"

    canary.asked.clear()
    resolve, _ = answering("93.184.215.14 127.0.0.1")
    async with httpx2.AsyncClient(transport=GuardedTransport(resolve=resolve)) as client:
        for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "intranet.test"):
            with pytest.raises(httpx2.UnsupportedProtocol, match=r"public Internet|usual form"):
                await client.get(canary.url("/", host))
    assert not canary.asked


async def test_the_connection_goes_to_what_was_resolved_once_under_the_name_that_was_asked() -> None:
    async with site("127.0.0.2") as meant, site("127.0.0.1", meant.port) as other:
        meant.says("/", "meant")
        other.says("/", "other")
        resolve, asked = answering("127.0.0.2", "127.0.0.1")
        async with httpx2.AsyncClient(transport=GuardedTransport(allow_private=True, resolve=resolve)) as client:
            answer = await client.get(meant.url("/", "rebinding.test"))

    assert (answer.text, str(answer.url), asked) == ("meant", meant.url("/", "rebinding.test"), ["rebinding.test"])
    assert meant.asked[0][0].headers["Host"] == f"rebinding.test:{meant.port}"


async def test_every_redirect_is_checked(canary: Site) -> None:
    canary.redirects("/away", "http://u:p@elsewhere.test/")
    canary.redirects("/again", "/")
    async with httpx2.AsyncClient(transport=GuardedTransport(allow_private=True), follow_redirects=True) as client:
        assert (await client.get(canary.url("/again"))).text == "the secret of the intranet"
        with pytest.raises(httpx2.UnsupportedProtocol, match="user name or password"):
            await client.get(canary.url("/away"))


async def test_the_next_address_is_tried_where_one_does_not_answer(canary: Site) -> None:
    async with site("127.0.0.2") as only_there:
        only_there.says("/", "there")
        resolve, _ = answering("127.0.0.3 127.0.0.2", "127.0.0.3", "")
        async with httpx2.AsyncClient(transport=GuardedTransport(allow_private=True, resolve=resolve)) as client:
            assert (await client.post(only_there.url("/", "two.test"), content=b"sent")).text == "there"
            with pytest.raises(httpx2.ConnectError):
                await client.get(only_there.url("/", "two.test"))
            with pytest.raises(httpx2.ConnectError, match="no address"):
                await client.get(only_there.url("/", "two.test"))
        assert only_there.asked[0][1] == b"sent"


async def test_tls_is_checked_against_the_name(tmp_path: Path) -> None:
    async with tls_site(tmp_path, "good.test") as (secured, trusted):
        resolve, _ = answering("127.0.0.1")
        transport = GuardedTransport(allow_private=True, resolve=resolve, tls=trusted)
        async with httpx2.AsyncClient(transport=transport) as client:
            assert (await client.get(secured.url("/", "good.test", "https"))).text == "encrypted"
            with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate|hostname"):
                await client.get(secured.url("/", "evil.test", "https"))
