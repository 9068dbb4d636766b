"""Requests that a model or a page asks for reach public addresses only, and give away nothing.

Each attack first works against the check that is usually written: resolve, look, then let the client connect.
"""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from app.net.client import GuardedClient
from app.net.resolving import Resolve
from app.ports.fetching import FetchFailed, FetchRefused, FetchRequest
from tests.support.web_pages import Site, site, tls_site

pytestmark = pytest.mark.anyio

PUBLIC = "93.184.215.14"


@pytest.fixture
async def canary() -> AsyncIterator[Site]:
    """A service of the intranet, which nothing may reach."""
    async with site() as made:
        made.says("/", "the secret of the intranet")
        yield made


def names(**addresses: str) -> Resolve:
    """A resolver that knows these names; ``_`` stands for a dot."""

    async def resolve(host: str, port: int) -> list[str]:
        found = addresses.get(host.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return found.split()

    return resolve


def changing(*answers: str) -> tuple[Resolve, list[str]]:
    """A resolver of an attacker: each question gets the next answer; and the questions that came."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return [answers[min(len(asked), len(answers)) - 1]]

    return resolve, asked


async def naive_fetch(url: str, resolve: Resolve) -> str:
    """Look at the addresses first, then let the client do the rest, as it usually does."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    try:
        private = ip_address(host).is_private
    except ValueError:
        private = any(ip_address(address).is_private for address in await resolve(host, port))
    if private:
        raise AssertionError("the naive check has caught it")

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [
                ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
                for address in await resolve(host, port)
            ]

        async def close(self) -> None:
            return

    connector = aiohttp.TCPConnector(resolver=Resolver(), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        return await response.text()


async def test_a_name_that_changes_its_address_after_the_check_does_not_reach_the_intranet(canary: Site) -> None:
    url = canary.url("/", "rebinding.test")
    resolve, _ = changing(PUBLIC, "127.0.0.1")
    assert await naive_fetch(url, resolve) == "the secret of the intranet"

    canary.asked.clear()
    resolve, asked = changing("127.0.0.1", PUBLIC)
    async with GuardedClient(resolve=resolve) as client:
        with pytest.raises(FetchRefused, match="not of the public Internet"):
            await client.fetch(FetchRequest(url=url))
    assert (asked, canary.asked) == (["rebinding.test"], [])


async def test_a_name_is_resolved_once_and_the_connection_goes_to_what_came_back() -> None:
    async with site("127.0.0.2") as meant, site("127.0.0.1", meant.port) as other:
        meant.says("/", "the one that was looked at")
        other.says("/", "the one that the name means by now")
        resolve, asked = changing("127.0.0.2", "127.0.0.1")
        async with GuardedClient(allow_private=True, resolve=resolve) as client:
            fetched = await client.fetch(FetchRequest(url=meant.url("/", "rebinding.test")))

    assert (fetched.body, asked) == (b"the one that was looked at", ["rebinding.test"])
    assert meant.asked[0][0].headers["Host"] == f"rebinding.test:{meant.port}"


@pytest.mark.parametrize("first", ["", f"{PUBLIC} "])
async def test_a_public_name_of_a_private_address_is_refused_also_among_public_ones(canary: Site, first: str) -> None:
    async with GuardedClient(resolve=names(intranet_test=first + "127.0.0.1")) as client:
        with pytest.raises(FetchRefused, match=r"intranet\.test has an address"):
            await client.fetch(FetchRequest(url=canary.url("/", "intranet.test")))
    assert not canary.asked


async def test_the_system_s_own_names_of_this_machine_are_refused(canary: Site) -> None:
    async with GuardedClient() as client:
        with pytest.raises(FetchRefused, match="localhost has an address"):
            await client.fetch(FetchRequest(url=canary.url("/", "localhost")))
    async with GuardedClient(allow_private=True) as client:
        assert (await client.fetch(FetchRequest(url=canary.url("/", "localhost")))).status == 200


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_loopback_in_another_form_reaches_it_through_a_naive_check_only(canary: Site, host: str) -> None:
    def naive(url: str) -> str:
        with pytest.raises(ValueError, match="does not appear to be an IPv4"):  # so it is taken for a name, not checked
            ip_address(host)
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read(), "utf-8")

    assert await asyncio.to_thread(naive, canary.url("/", host)) == "the secret of the intranet"

    canary.asked.clear()
    async with GuardedClient() as client:
        with pytest.raises(FetchRefused, match="usual form"):
            await client.fetch(FetchRequest(url=canary.url("/", host)))
    assert not canary.asked


async def test_the_last_fence_is_the_socket_itself(canary: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an address came past the first two fences, no connection would be made."""
    monkeypatch.setattr("app.net.urls.is_reachable", lambda text, allow_private: True)
    async with GuardedClient() as client:
        with pytest.raises(FetchFailed, match="cannot be reached"):
            await client.fetch(FetchRequest(url=canary.url("/")))
    assert not canary.asked


async def test_a_redirect_to_the_intranet_is_refused(canary: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site("127.0.0.2") as public:
        public.redirects("/", canary.url("/"))
        url = public.url("/", "public.test")

        async def outside(host: str, port: int) -> list[str]:
            looked_at = [PUBLIC] if not resolved else ["127.0.0.2"]
            resolved.append(host)
            return looked_at

        resolved: list[str] = []
        assert await naive_fetch(url, outside) == "the secret of the intranet"

        canary.asked.clear()
        # This machine has no public address: one of its others stands for it.
        for module in ("client", "resolving"):
            monkeypatch.setattr(f"app.net.{module}.is_reachable", lambda text, allow_private: text == "127.0.0.2")
        async with GuardedClient(resolve=names(public_test="127.0.0.2", inner_test="127.0.0.1")) as client:
            with pytest.raises(FetchRefused, match="redirects to a URL that is not fetched"):
                await client.fetch(FetchRequest(url=url))
            public.redirects("/", canary.url("/", "inner.test"))
            with pytest.raises(FetchRefused, match=r"inner\.test has an address"):
                await client.fetch(FetchRequest(url=url))
            for target in ("file:///etc/passwd", "http://u:p@public.test/", "http://public.test:22/", "http://[::1]@"):
                public.redirects("/", target)
                with pytest.raises((FetchRefused, FetchFailed), match="redirects to"):
                    await client.fetch(FetchRequest(url=url))
    assert not canary.asked


async def test_redirects_are_followed_five_times_and_no_more(canary: Site) -> None:
    for hop in range(7):
        canary.redirects(f"/{hop}", f"{hop + 1}")
    async with GuardedClient(allow_private=True) as client:
        with pytest.raises(FetchFailed, match="more than 5 redirects"):
            await client.fetch(FetchRequest(url=canary.url("/0")))
        assert canary.paths == ["/0", "/1", "/2", "/3", "/4", "/5"]

        canary.says("/5", "arrived")
        fetched = await client.fetch(FetchRequest(url=canary.url("/0")))
        assert (fetched.body, fetched.url) == (b"arrived", canary.url("/5"))

        unfollowed = await client.fetch(FetchRequest(url=canary.url("/0"), max_redirects=0))
        assert (unfollowed.status, unfollowed.headers["location"]) == (302, "1")


async def test_headers_go_to_the_origin_they_were_meant_for_only() -> None:
    async with site() as first, site() as second:
        first.redirects("/", first.url("/again"))
        first.redirects("/again", second.url("/"))
        second.redirects("/", first.url("/back"))
        first.says("/back", "home")
        sent = {"Authorization": "Bearer secret", "X-Key": "secret", "Cookie": "a=b"}
        async with GuardedClient(allow_private=True) as client:
            await client.fetch(FetchRequest(url=first.url("/"), headers=sent))

    with_secret = [request.path for request, _ in first.asked + second.asked if "X-Key" in request.headers]
    assert with_secret == ["/", "/again"]
    assert not any({"Authorization", "Cookie"} & set(request.headers) for request, _ in second.asked)


async def test_a_body_is_not_sent_to_another_origin() -> None:
    async with site() as first, site() as second:
        first.redirects("/", second.url("/"), status=307)
        first.redirects("/here", first.url("/there"), status=308)
        first.redirects("/posted", second.url("/"), status=303)
        async with GuardedClient(allow_private=True) as client:
            with pytest.raises(FetchRefused, match="with a body to another origin"):
                await client.fetch(FetchRequest(url=first.url("/"), method="POST", body=b"secret"))
            assert not second.asked
            await client.fetch(FetchRequest(url=first.url("/here"), method="POST", body=b"kept"))
            await client.fetch(FetchRequest(url=first.url("/posted"), method="POST", body=b"dropped"))

    assert [(r.method, r.path, body) for r, body in first.asked[1:3]] == [
        ("POST", "/here", b"kept"),
        ("POST", "/there", b"kept"),
    ]
    assert [(r.method, body) for r, body in second.asked] == [("GET", b"")]


async def test_cookies_and_proxies_of_the_environment_play_no_part(
    canary: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.says("/", "x", Set_Cookie="session=1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with GuardedClient(allow_private=True) as client:
        await client.fetch(FetchRequest(url=canary.url("/")))
        await client.fetch(FetchRequest(url=canary.url("/")))
    assert all("Cookie" not in request.headers for request, _ in canary.asked)


async def test_a_host_that_is_not_there_is_a_clear_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with GuardedClient(allow_private=True, resolve=names(here_test="127.0.0.1")) as client:
            with pytest.raises(FetchFailed, match=r"here\.test cannot be reached"):
                await client.fetch(FetchRequest(url=f"http://here.test:{port}/"))
            with pytest.raises(FetchFailed, match=r"no address for the host 'nowhere\.test'"):
                await client.fetch(FetchRequest(url="http://nowhere.test/"))


async def test_cancelling_closes_the_connection(canary: Site) -> None:
    began, gone = asyncio.Event(), asyncio.Event()

    async def hang(_: object) -> web.StreamResponse:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    canary.answers["/hang"] = hang
    async with GuardedClient(allow_private=True) as client:
        task = asyncio.create_task(client.fetch(FetchRequest(url=canary.url("/hang"))))
        await asyncio.wait_for(began.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)


async def test_tls_is_checked_against_the_name_although_the_address_is_pinned(tmp_path: Path) -> None:
    async with tls_site(tmp_path, "good.test") as (secured, trusted):
        resolve = names(good_test="127.0.0.1", evil_test="127.0.0.1")
        async with GuardedClient(allow_private=True, resolve=resolve, tls=trusted) as client:
            assert (await client.fetch(FetchRequest(url=secured.url("/", "good.test", "https")))).body == b"encrypted"
            with pytest.raises(FetchFailed, match=r"certificate of evil\.test"):
                await client.fetch(FetchRequest(url=secured.url("/", "evil.test", "https")))
        async with GuardedClient(allow_private=True, resolve=resolve) as client:
            with pytest.raises(FetchFailed, match=r"certificate of good\.test"):
                await client.fetch(FetchRequest(url=secured.url("/", "good.test", "https")))
