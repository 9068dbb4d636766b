"""``web_search`` asks the engine that is configured, by its own API, and survives whatever comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.net.client import GuardedClient
from app.ports.fetching import Fetched, FetchRequest
from app.ports.search import Hit, SearchFailed, SearchProvider
from app.ports.tools import ToolContext, ToolRefused, ToolResult
from app.tools.search_engines import BRAVE_URL, Brave, SearXNG
from app.tools.web_search import WebSearch
from tests.support.web_pages import Site, raw_site, site

pytestmark = pytest.mark.anyio

CONTEXT = ToolContext(
    tenant_id="ten_a", agent_id="agt_1", swarm_id="swm_1", task_id="t", index=0, sub_agent_id="sub_1", run_key="r"
)
KEY = "a-secret-key"


@pytest.fixture
async def server() -> AsyncIterator[Site]:
    async with site() as made:
        yield made


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient(allow_private=True) as made:
        yield made


@pytest.fixture(params=["searxng", "brave"])
def engine(request: pytest.FixtureRequest, server: Site, client: GuardedClient) -> SearchProvider:
    if request.param == "searxng":
        return SearXNG(server.url("/"), client)
    return Brave(KEY, client, server.url("/search"))


async def run(provider: SearchProvider | None, **arguments: Any) -> ToolResult:
    return await WebSearch(provider).run(CONTEXT, arguments)


def results(engine: SearchProvider, *found: Any) -> str:
    """What the API of ``engine`` answers with; snippets are under ``snippet`` here."""
    key = "content" if isinstance(engine, SearXNG) else "description"
    items = [
        {(key if name == "snippet" else name): value for name, value in item.items()}
        if isinstance(item, dict)
        else item
        for item in found
    ]
    if isinstance(engine, SearXNG):
        return json.dumps({"query": "q", "number_of_results": 0, "results": items, "answers": []})
    return json.dumps({"type": "search", "query": {"original": "q"}, "web": {"type": "search", "results": items}})


async def test_searxng_is_asked_for_json(server: Site, client: GuardedClient) -> None:
    engine = SearXNG(server.url("/engine/"), client)
    server.says("/engine/search", results(engine, {"url": "https://a.example/", "title": "A", "snippet": "about a"}))

    hits = await engine.search("net sales & more", 5)

    assert hits == [Hit(title="A", url="https://a.example/", snippet="about a")]
    assert dict(server.asked[0][0].query) == {"q": "net sales & more", "format": "json"}


async def test_brave_is_asked_with_its_key_and_within_its_bounds(server: Site, client: GuardedClient) -> None:
    engine = Brave(KEY, client, server.url("/search"))
    server.says("/search", results(engine))

    assert await engine.search("word " * 60, 20) == []

    request = server.asked[0][0]
    assert request.headers["X-Subscription-Token"] == KEY
    assert request.query["count"] == "20"
    assert (len(request.query["q"].split()), len(request.query["q"])) == (50, 249)
    await engine.search("x" * 900, 1)
    assert len(server.asked[1][0].query["q"]) == 400
    assert BRAVE_URL.startswith("https://")


async def test_the_model_sees_a_numbered_list(engine: SearchProvider, server: Site) -> None:
    server.says(
        "/search",
        results(
            engine,
            {"url": "https://a.example/1", "title": "First <b>page</b>", "snippet": "Tom &amp; co\nsay <em>so</em>"},
            {"url": "https://b.example/", "title": None},
            {"url": "https://a.example/1", "title": "again"},
            {"url": "https://c.example/", "title": "x" * 500, "snippet": "y" * 5000},
            {"url": "https://d.example/", "title": "too many"},
        ),
    )

    shown = await run(engine, query=" net  sales ", count=3)

    assert not shown.is_error
    assert shown.content.splitlines()[:5] == [
        *("1. First page", "   https://a.example/1", "   Tom & co say so"),
        *("2. https://b.example/", "   https://b.example/"),
    ]
    assert "too many" not in shown.content
    assert len(shown.content) < 1200
    assert shown.details["results"] == 3


@pytest.mark.parametrize(
    "item",
    [7, None, "text", [], {}, {"url": 7}, {"url": "javascript:alert(1)"}, {"url": "https://a.example/" + "a" * 3000}],
)
async def test_results_that_cannot_be_used_are_left_out(engine: SearchProvider, server: Site, item: Any) -> None:
    server.says("/search", results(engine, item, {"url": "https://b.example/", "title": 3, "snippet": ["x"]}))

    assert await engine.search("q", 5) == [Hit(title="https://b.example/", url="https://b.example/", snippet="")]


async def test_nothing_found_is_no_error(engine: SearchProvider, server: Site) -> None:
    server.says("/search", results(engine))
    shown = await run(engine, query="q")
    assert (shown.is_error, shown.content) == (False, f"{engine.name} found nothing for 'q'; try other words.")


async def test_brave_leaves_out_what_it_has_nothing_for(server: Site, client: GuardedClient) -> None:
    server.says("/search", '{"type": "search"}')
    assert await Brave(KEY, client, server.url("/search")).search("q", 3) == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("<html>not json</html>", 200, "not its JSON"),
        ("[1, 2]", 200, "not its JSON"),
        ('{"results": 7, "web": 7}', 200, "not its JSON"),
        ('{"results": "x", "web": {"results": "x"}}', 200, "not its JSON"),
        ("", 200, "not its JSON"),
        ("x" * 5_000_000, 200, "longer than"),
        ("slow down", 429, "429"),
        ("oops", 500, "status 500"),
        ("no", 403, "refuses"),
    ],
)
async def test_errors_are_told_without_the_key(
    engine: SearchProvider, server: Site, body: str, status: int, says: str
) -> None:
    server.says("/search", body, status=status)
    shown = await run(engine, query="q")
    assert shown.is_error
    assert says in shown.content
    assert KEY not in shown.content


async def test_a_redirect_takes_neither_the_key_nor_the_question_elsewhere(
    engine: SearchProvider, server: Site
) -> None:
    async with site() as other:
        server.redirects("/search", other.url("/"))
        with pytest.raises(SearchFailed, match="status 302"):
            await engine.search("q", 1)
        assert not other.asked


async def test_an_engine_that_is_silent_or_gone_is_told(client: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.tools.search_engines._TIMEOUT_S", 0.2)
    async with raw_site(b"", then_hang=True) as port:
        with pytest.raises(SearchFailed, match=r"cannot be asked: .*within"):
            await SearXNG(f"http://127.0.0.1:{port}", client).search("q", 1)
    with pytest.raises(SearchFailed, match="cannot be asked"):
        await SearXNG(f"http://127.0.0.1:{port}", client).search("q", 1)


async def test_cancelling_ends_the_request() -> None:
    began = asyncio.Event()

    class Hanging:
        async def fetch(self, request: FetchRequest) -> Fetched:
            began.set()
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.create_task(run(Brave(KEY, Hanging()), query="q"))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_an_engine_the_settings_are_named() -> None:
    why = WebSearch(None).unavailable()
    assert why is not None
    assert {"SWARMD_SEARXNG_URL", "SWARMD_BRAVE_API_KEY"} <= set(why.replace(",", " ").split())
    with pytest.raises(ToolRefused, match="no search engine is configured"):
        await run(None, query="q")


async def test_a_blank_query_is_refused(engine: SearchProvider, server: Site) -> None:
    with pytest.raises(ToolRefused, match="only blanks"):
        await run(engine, query="  \n ")
    assert WebSearch(engine).unavailable() is None
    assert not server.asked
