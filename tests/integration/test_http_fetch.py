"""``http_fetch`` gives a model the text of pages and documents, and plain words where there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.documents.isolated import Workers
from app.documents.reader import Documents
from app.net.client import GuardedClient
from app.ports.tools import ToolContext, ToolRefused, ToolResult
from app.tools.http_fetch import HttpFetch
from tests.support.office_files import excel, pdf
from tests.support.web_pages import Site, site

pytestmark = pytest.mark.anyio

CONTEXT = ToolContext(
    tenant_id="ten_a", agent_id="agt_1", swarm_id="swm_1", task_id="t", index=0, sub_agent_id="sub_1", run_key="r"
)
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PARAGRAPHS = "".join(f"<p>This is paragraph {n} of the article, long enough to count as text.</p>" for n in range(9))
PAGE = (
    "<html><head><title>News</title></head><body><nav><a href='/a'>Imprint</a></nav>"
    f"<article><h1>News</h1>{PARAGRAPHS}</article><script>steal()</script></body></html>"
)


@pytest.fixture
async def server() -> AsyncIterator[Site]:
    async with site() as made:
        yield made


@pytest.fixture
async def tool() -> AsyncIterator[HttpFetch]:
    async with Workers() as workers, GuardedClient(allow_private=True) as client:
        yield HttpFetch(client, Documents(workers))


async def run(tool: HttpFetch, url: str, **arguments: Any) -> ToolResult:
    return await tool.run(CONTEXT, {"url": url} | arguments)


def body(result: ToolResult) -> str:
    assert not result.is_error, result.content
    return result.content.partition("\n\n")[2]


async def test_of_a_page_the_main_text_is_given_and_raw_its_source(tool: HttpFetch, server: Site) -> None:
    server.says("/", PAGE, "text/html; charset=utf-8")

    read = await run(tool, server.url("/"))

    assert read.content.startswith(f"{server.url('/')}\nstatus 200, text/html, ")
    assert "paragraph 8 of the article" in body(read)
    assert "Imprint" not in body(read)
    assert "steal()" not in body(read)
    assert body(await run(tool, server.url("/"), raw=True)) == PAGE
    assert read.details["status"] == 200


async def test_text_json_and_documents_are_read(tool: HttpFetch, server: Site) -> None:
    server.says("/json", '{"a": [1, 2]}', "application/json")
    server.says("/ld", '{"b": 1}', "application/ld+json; charset=utf-8")
    server.says("/csv", "a,b\r\n1,2", "text/csv")
    server.says("/pdf", pdf(["first", "second"]), "application/pdf")
    server.says("/download", pdf(["third"]), "application/octet-stream")
    server.says("/xlsx", excel({"S": [["x", 1]]}), SHEET)
    server.says("/latin", "caf\xe9".encode("latin-1"), "text/plain; charset=ISO-8859-1")
    server.says("/cyrillic", "Привет".encode("koi8-r"), 'text/plain; charset="koi8-r"')
    server.says("/odd", b"plain", "text/plain; charset=punycode")
    server.says("/page", "<p>Привет, мир</p>".encode("cp1251"), "text/html; charset=windows-1251")

    async def read(path: str) -> str:
        return body(await run(tool, server.url(path)))

    assert await read("/json") == '{"a": [1, 2]}'
    assert await read("/ld") == '{"b": 1}'
    assert await read("/csv") == "a,b\n1,2"
    assert await read("/pdf") == "[page 1 of 2]\nfirst\n\n[page 2 of 2]\nsecond"
    assert await read("/download") == "[page 1 of 1]\nthird"
    assert await read("/xlsx") == "[sheet 1 of 1: S]\nx\t1"
    assert (await read("/latin"), await read("/cyrillic"), await read("/odd")) == ("café", "Привет", "plain")
    assert await read("/page") == "Привет, мир"


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png", "image/png is not text"),
        (b"abc", "application/octet-stream", "is not text"),
        (b"PK\x03\x04", "application/zip", "is not text"),
        (b"\x89PNG\r\n\x1a\n", "text/plain", "images are not supported"),
        (b"a\0b", "text/html", "binary"),
        (b"%PDF-1.4 broken", "application/pdf", "no PDF that can be read"),
    ],
)
async def test_what_is_no_text_is_told(tool: HttpFetch, server: Site, content: bytes, kind: str, says: str) -> None:
    server.says("/", content, kind)
    told = await run(tool, server.url("/"))
    assert told.is_error
    assert says in told.content
    assert len(told.content) < 400


async def test_a_long_page_is_cut_at_a_line_and_says_so(tool: HttpFetch, server: Site) -> None:
    server.says("/", "\n".join(f"line {number}" for number in range(10_000)))

    text = body(await run(tool, server.url("/"), max_chars=1000))

    shown, _, note = text.rpartition("\n\n")
    assert 750 <= len(shown) <= 1000
    assert shown.splitlines()[-1] == f"line {len(shown.splitlines()) - 1}"
    assert note == f"[cut: the first {len(shown)} of 98,889 characters]"
    assert len(body(await run(tool, server.url("/"), max_chars=50_000))) < tool.spec.max_output_chars


async def test_an_error_of_the_site_is_an_error_with_its_words(tool: HttpFetch, server: Site) -> None:
    server.says("/gone", "moved for good " * 1000, status=410)
    told = await run(tool, server.url("/gone"))
    assert told.is_error
    assert "status 410" in told.content
    assert "moved for good" in told.content
    assert len(told.content) < 1300


async def test_the_guard_speaks_to_the_model(server: Site) -> None:
    async with Workers() as workers, GuardedClient() as client:
        guarded = HttpFetch(client, Documents(workers))
        for url in (server.url("/"), server.url("/", "localhost"), "file:///etc/passwd", "http://u:p@example.org/"):
            with pytest.raises(ToolRefused):
                await run(guarded, url)
    assert not server.asked


async def test_a_site_that_cannot_be_reached_is_told(tool: HttpFetch) -> None:
    async with site() as gone:
        url = gone.url("/")
    told = await run(tool, url)
    assert told.is_error
    assert "cannot be reached" in told.content


async def test_a_hostile_page_ends_in_time(tool: HttpFetch, server: Site) -> None:
    server.says("/deep", "<div>" * 200_000 + "text", "text/html")
    server.says("/open", "<a b='" * 100_000, "text/html")
    for path in ("/deep", "/open"):
        assert (await run(tool, server.url(path))).details["status"] == 200


async def test_a_page_that_is_too_heavy_for_its_main_text_is_given_whole(
    tool: HttpFetch, server: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says("/", PAGE, "text/html")
    monkeypatch.setattr("app.documents.isolated._command", lambda kind: ["false"])
    assert "Imprint" in body(await run(tool, server.url("/")))
