"""MCP servers that pry, flood, hang, talk nonsense or leave things behind do no harm."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest
from aiohttp import web

from app.outputs.json_schema import JsonSchemas
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.link import MAX_MESSAGE_BYTES
from app.tools.mcp_servers.server import Pace
from app.tools.mcp_servers.servers import McpServers
from tests.support.mcp_driving import ROOT, alive, call, program, served, stdio, until, works
from tests.support.web_pages import Site, site

pytest.importorskip("mcp", reason="pip install 'swarmd[mcp]'")
pytestmark = pytest.mark.anyio


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.touch()
    return path


async def test_a_program_gets_none_of_the_keys_of_the_service(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PROVIDER_API_KEY", "s3cret")
    show = "import os; print('\\n'.join(sorted(os.environ)))"
    naive = await asyncio.create_subprocess_exec(sys.executable, "-c", show, stdout=asyncio.subprocess.PIPE)
    assert b"SWARMD_PROVIDER_API_KEY" in (await naive.communicate())[0]  # what a plain start gives away

    async with served(stdio(journal)) as tools:
        names = set((await call(tools, "environment")).content.split())

    assert {"MCP_JOURNAL", "PATH"} <= names
    # LC_CTYPE is set by Python itself where there is no locale.
    assert names <= {"MCP_JOURNAL", "PYTHONPATH", "PATH", "HOME", "USER", "LANG", "TMPDIR", "LC_CTYPE"}


async def test_nothing_of_a_program_is_left_when_the_service_stops(journal: Path) -> None:
    async with served(stdio(journal)) as tools:
        server, child = map(int, (await call(tools, "process_ids")).content.split())
        psutil.Process(server).terminate()
        while alive(server):
            os.sched_yield()  # not the event loop's turn: it would see the end and sweep up
        assert alive(child)  # what ending the program alone leaves
        await until(lambda: not alive(child) and works(tools))

        server, child = map(int, (await call(tools, "process_ids")).content.split())
        assert alive(server)
        assert alive(child)

    await until(lambda: not alive(server) and not alive(child))


async def test_a_flood_of_valid_messages_holds_up_the_program_not_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    session = pytest.importorskip("app.tools.mcp_servers.session")
    heard = 0

    async def count(self: object, message: object) -> None:
        nonlocal heard
        heard += 1

    monkeypatch.setattr(session.McpSession, "hear", count)
    flood = (
        "from tests.support import mcp_server_2025 as server\n"
        "say = server.answer\n"
        "def answer(method, params):\n"
        "    while method == 'tools/call':\n"
        "        server.write({'method': 'notifications/message', 'params': {'level': 'info', 'data': 'x'}})\n"
        "    return say(method, params)\n"
        "server.answer = answer\n"
        "server.main()\n"
    )
    config = program(sys.executable, "-c", flood, timeout_s=1.5, env={"PYTHONPATH": ROOT})
    async with served(config) as tools:
        flooded = await call(tools, "say")

    assert "no answer within 1.5 s" in flooded.content
    assert 1000 < heard < 8000


async def test_a_program_that_never_speaks_delays_nothing_and_is_ended() -> None:
    config = program(sys.executable, "-c", "import signal; signal.pause()")
    before = set(psutil.Process().children())
    async with asyncio.timeout(30):
        async with McpServers([config], JsonSchemas(), start_wait_s=0.2).running() as tools:
            [tool] = tools.all()
            assert "it is being started" in (tool.unavailable() or "")

    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("while True: print('noise')", "were no JSON-RPC messages"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "a message longer than 8,388,608 bytes"),
        ("print('{' * 100000, flush=True); raise SystemExit(7)", "it ended with exit code 7"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n' * 100)", "were no JSON-RPC messages"),
        (
            "import json, sys\n"
            "for line in sys.stdin:\n"
            "    asked = json.loads(line)\n"
            "    answer = {'jsonrpc': '2.0', 'id': asked.get('id'), 'result': {'tools': 7, 'protocolVersion': 8}}\n"
            "    if 'id' in asked: print(json.dumps(answer), flush=True)",
            "it does not keep to the protocol",
        ),
    ],
)
async def test_a_program_that_talks_nonsense_is_down_with_the_reason(code: str, why: str) -> None:
    slow = Pace(connect_s=20, first_wait_s=60)
    config = program(sys.executable, "-c", code)

    async with McpServers([config], JsonSchemas(), start_wait_s=20, pace=slow).running() as tools:
        [tool] = tools.all()
        assert why in (tool.unavailable() or "")
        assert "it is started again by itself" in (tool.unavailable() or "")


async def test_answers_that_are_no_messages_are_waited_for_no_longer_than_the_bound() -> None:
    code = 'for _ in open(0): print(\'{"jsonrpc": "2.0", "id": 1, "result": [1]}\', flush=True)'
    brief = Pace(connect_s=0.5, first_wait_s=60)

    running = McpServers([program(sys.executable, "-c", code)], JsonSchemas(), start_wait_s=20, pace=brief)
    async with running.running() as tools:
        [tool] = tools.all()
        assert "its tools were not listed within 0.5 s" in (tool.unavailable() or "")


@pytest.mark.parametrize("command", ["no-such-program-anywhere", ROOT])
async def test_a_program_that_cannot_be_started_says_so(command: str) -> None:
    async with served(program(command)) as tools:
        [tool] = tools.all()

        shown = tool.unavailable() or ""
        assert "its command cannot be started; the service's log says more" in shown
        assert command not in shown, "every client reads it, and where things lie here is none of theirs"


async def test_a_result_that_is_too_long_fails_its_own_call_only(journal: Path) -> None:
    async with served(stdio(journal)) as tools:
        server = (await call(tools, "process_ids")).content
        waiting = asyncio.create_task(call(tools, "wait"))
        await until(lambda: "wait began" in journal.read_text())

        long = await call(tools, "flood", size=10_000_000)

        assert long.is_error
        assert "longer than the 8,388,608 bytes" in long.content
        assert (await call(tools, "add", a=2, b=3)).content == "5"
        assert not waiting.done(), "the program still runs, and the call that it holds too"
        assert "wait cancelled" not in journal.read_text()
        assert (await call(tools, "process_ids")).content.split()[0] == server.split()[0]
        waiting.cancel()


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ('{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"%s"}]}}', True),
        ('{"result":{"content":[{"type":"text","text":"%s"}],"id":1},"id":%d}', True),
        ('{"result":{"content":[{"type":"text","text":"%s"}],"id":%d}}', False),
    ],
)
def test_of_a_message_that_is_too_long_only_its_own_id_counts(answer: str, known: bool) -> None:
    """An ``id`` within the result is the server's to choose: it would fail another call."""
    from app.tools.mcp_servers.stdio import _call_of_too_long  # needs the SDK

    text = "x" * (MAX_MESSAGE_BYTES + 10)
    line = (answer % ((7, text) if answer.index("%d") < answer.index("%s") else (text, 7))).encode() + b"\n"

    async def read() -> bytes | None:
        reader = asyncio.StreamReader(limit=MAX_MESSAGE_BYTES)
        reader.feed_data(line + b"next\n")
        with pytest.raises(asyncio.LimitOverrunError) as caught:
            await reader.readuntil(b"\n")
        found = await _call_of_too_long(reader, caught.value.consumed)
        assert await reader.readuntil(b"\n") == b"next\n"
        return found

    assert asyncio.run(read()) == (b"7" if known else None)


@pytest.fixture
async def page() -> AsyncIterator[Site]:
    async with site() as made:
        yield made


async def test_a_redirect_to_another_host_is_not_followed_and_headers_stay(page: Site) -> None:
    async with site() as secret:
        secret.says("/latest", "{}", "application/json")
        page.redirects("/mcp", secret.url("/latest"), status=307)
        key = {"X-Api-Key": "s3cret"}
        async with httpx2.AsyncClient(follow_redirects=True, headers=key) as naive:
            await naive.post(page.url("/mcp"), json={})
        assert secret.asked[-1][0].headers["X-Api-Key"] == "s3cret"  # what following gives away
        secret.asked.clear()

        configured = McpServerConfig(name="s", url=page.url("/mcp"), headers=key)
        async with served(configured) as tools:
            [tool] = tools.all()
            assert "not followed" in (tool.unavailable() or "")

        assert secret.asked == []
    assert page.asked[-1][0].headers["X-Api-Key"] == "s3cret"


async def test_an_address_that_refuses_says_with_which_status(page: Site) -> None:
    page.says("/mcp", "<h1>who are you?</h1>", "text/html", status=401)

    async with served(McpServerConfig(name="s", url=page.url("/mcp"))) as tools:
        [tool] = tools.all()
        assert "it answers with status 401" in (tool.unavailable() or "")


async def test_a_compressed_answer_is_not_unpacked(page: Site) -> None:
    page.says("/mcp", b"\x1f\x8b", "application/json", Content_Encoding="gzip")

    async with served(McpServerConfig(name="s", url=page.url("/mcp"))) as tools:
        [tool] = tools.all()
        assert "it compresses its answer" in (tool.unavailable() or "")


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/json", b"{" * 1000),
        ("application/json", b" " * 9_000_000),
        ("text/event-stream", b"data: " + b"x" * 9_000_000 + b"\n\n"),
        ("text/event-stream", b"data: nonsense\n\n" * 1000),
        ("text/html", b"<h1>hello</h1>"),
    ],
)
async def test_an_address_that_talks_nonsense_is_down(page: Site, kind: str, sent: bytes) -> None:
    page.says("/mcp", sent, kind)

    async with served(McpServerConfig(name="s", url=page.url("/mcp"))) as tools:
        [tool] = tools.all()
        assert "is not there" in (tool.unavailable() or "")


async def test_an_address_that_never_answers_is_given_up_within_the_bound(page: Site) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    page.answers["/mcp"] = never
    brief = Pace(connect_s=0.3, first_wait_s=60)
    configured = McpServerConfig(name="s", url=page.url("/mcp"))

    async with McpServers([configured], JsonSchemas(), start_wait_s=20, pace=brief).running() as tools:
        [tool] = tools.all()
        assert "its tools were not listed within 0.3 s" in (tool.unavailable() or "")
