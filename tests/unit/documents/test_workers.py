"""A parser that runs wild, or was taken over, is bounded, has no secrets, and is never left running."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import uvloop

from app.documents import isolated, limits
from app.documents.isolated import Workers
from app.documents.worker import answer
from app.ports.workspace import UnreadableDocument
from tests.support.office_files import pdf, word

pytestmark = pytest.mark.anyio

MEGABYTE = 1024 * 1024


_others: set[int] = set()
"""Children that are none of a test's own: servers that other tests of the same process share."""


def _all_children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _children() -> set[int]:
    return _all_children() - _others


@pytest.fixture(autouse=True)
def _before() -> None:
    _others.clear()
    _others.update(_all_children())


# What a parser that was taken over, or ran wild, would do, in place of a reader.
_WILD = """
import sys
from app.documents import worker
def load(kind):
    def run(content, selection):
        {code}
    return run
worker.reader_of = load
worker.main()
"""


@pytest.fixture
def wild(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def behave(code: str) -> None:
        command = isolated._command("pdf")
        replaced = [*command[: command.index("-m")], "-c", _WILD.format(code=code), "pdf"]
        monkeypatch.setattr(isolated, "_command", lambda kind: replaced)

    return behave


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("return bytes(2 * 1024 ** 3)", "more memory"),
        ("import os; os.kill(os.getpid(), 11)", "took more than"),
        ("import os\n        while True: os.write(worker_out, b'x' * 65536)", "broken|took more"),
        ("def deeper(): deeper()\n        deeper()", "nested too deeply"),
        ("raise KeyError('x')", r"broken \(KeyError\)"),
        ("import os; raise SystemExit", "took more than"),
    ],
)
async def test_a_parser_that_runs_wild_is_bounded(
    workers: Workers, wild: Callable[[str], None], code: str, says: str
) -> None:
    wild(code)
    with pytest.raises(UnreadableDocument, match=says):
        await workers.read("pdf", b"x")


async def test_a_parser_cannot_write_files(workers: Workers, wild: Callable[[str], None], tmp_path: Path) -> None:
    target = tmp_path / "left-behind"
    wild(f"import os; os.write(os.open({str(target)!r}, os.O_CREAT | os.O_WRONLY), b'x')")
    with pytest.raises(UnreadableDocument, match=r"broken \(OSError\)"):
        await workers.read("pdf", b"x")
    assert target.read_bytes() == b""


async def test_processor_time_is_bounded(workers: Workers, wild: Callable[[str], None]) -> None:
    wild("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n        while True: pass")
    with pytest.raises(UnreadableDocument, match="took more than"):
        await workers.read("pdf", b"x")


async def test_a_parser_that_hangs_is_killed_in_time(wild: Callable[[str], None]) -> None:
    wild("import time; time.sleep(600)")
    async with Workers(wall_s=0.5) as workers:
        before = time.perf_counter()
        with pytest.raises(UnreadableDocument, match="took more than"):
            await workers.read("pdf", b"x" * (4 * MEGABYTE))
        assert time.perf_counter() - before < 60
        assert not _children()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_parser_that_dies_before_it_has_read_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    monkeypatch.setattr(isolated, "_command", lambda kind: ["false"])

    async def read_often() -> None:
        async with Workers() as workers:
            for _ in range(20):
                with pytest.raises(UnreadableDocument, match="took more than"):
                    await workers.read("pdf", b"x" * (2 * MEGABYTE))

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(read_often())


async def test_cancelling_kills_the_parser(wild: Callable[[str], None]) -> None:
    wild("import time; time.sleep(600)")
    async with Workers() as workers:
        reading = asyncio.create_task(workers.read("pdf", b"x"))
        while not _children():
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not _children()


async def test_a_warm_process_is_kept_and_ended_with_the_service() -> None:
    async with Workers() as workers:
        await workers.read("pdf", pdf(["x"]))
        assert len(_children()) == 1
        await asyncio.gather(*(workers.read("docx", word([("Normal", "x")])) for _ in range(5)))
        assert len(_children()) == 1
    assert not _children()


async def test_the_parser_gets_no_secret_of_the_service(
    workers: Workers, wild: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "secret")
    naive = subprocess.run(["env"], capture_output=True, check=True, text=True)
    assert "secret" in naive.stdout

    wild("import os; from app.ports.workspace import UnreadableDocument as U; raise U(' '.join(os.environ))")
    with pytest.raises(UnreadableDocument) as caught:
        await workers.read("pdf", b"x")
    assert "PYTHONPATH" in str(caught.value)
    assert "MOONSHOT" not in str(caught.value)


async def test_a_parser_ends_by_itself_if_the_service_is_gone(workers: Workers, wild: Callable[[str], None]) -> None:
    wild("import signal; from app.ports.workspace import UnreadableDocument as U; raise U(str(signal.alarm(0)))")
    with pytest.raises(UnreadableDocument) as caught:
        await workers.read("pdf", b"x")
    assert limits.WALL_S < int(str(caught.value)) <= limits.WALL_S + 5

    waiting = subprocess.Popen(isolated._command("pdf"), stdin=subprocess.PIPE, env=isolated._environment())
    assert waiting.stdin is not None
    waiting.stdin.close()  # as it happens when the service dies
    assert waiting.wait(timeout=10) == 0


def test_a_missing_library_is_named_with_what_to_install() -> None:
    def missing() -> object:
        raise ModuleNotFoundError("No module named 'pypdf'", name="pypdf")

    told = answer(missing, b'{"pages": [], "sheet": null}', b"")  # type: ignore[arg-type]

    assert told == {"refused": "the library pypdf is missing: pip install 'swarmd[tools]'"}


def test_a_document_may_take_no_longer_than_its_process() -> None:
    assert limits.READING_S < limits.CPU_S < limits.WALL_S
    assert limits.HTML_CPU_S < limits.CPU_S


async def test_what_no_database_takes_is_not_text(workers: Workers, wild: Callable[[str], None]) -> None:
    reply = "from app.ports.documents import Document, Part"
    wild(reply + "; return Document(unit='text', parts=(Part(number=1, text='a\\0b\\ud800c\\U0001f600'),), total=1)")
    assert (await workers.read("pdf", b"x")).parts[0].text == "a\ufffdb?c\U0001f600"
