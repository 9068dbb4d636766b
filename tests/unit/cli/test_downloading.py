"""A download is a whole file or none, however the connection behaves."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import orjson
import pytest

from app.cli.downloading import download
from app.cli.failures import EXIT_USAGE, Failure
from tests.support.run_stream import Answer, Time, client_of


def broken(*chunks: bytes) -> httpx2.Response:
    def content() -> Iterator[bytes]:
        yield from chunks
        raise httpx2.RemoteProtocolError("incomplete chunked read")

    return httpx2.Response(200, content=content())


def fetch(out: Path | None, *answers: Answer, time: Time | None = None) -> tuple[int, list[str]]:
    asked: list[str] = []
    left = list(answers)

    def service(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url.query, "ascii"))
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with client_of(service, time) as client:
        return download(client, "/v1/x", out, kind="tasks", version=None), asked


def test_the_file_holds_every_byte_and_nothing_else_is_left(tmp_path: Path) -> None:
    content = b"a,b\n" * 100_000

    size, asked = fetch(tmp_path / "out.csv", httpx2.Response(200, content=content))

    assert (size, asked) == (400_000, ["kind=tasks"])
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_bytes() == content


def test_what_breaks_off_is_fetched_again_from_the_beginning(tmp_path: Path) -> None:
    time = Time()
    out = tmp_path / "out.csv"

    size, asked = fetch(out, broken(b"half"), httpx2.Response(503), httpx2.Response(200, content=b"whole"), time=time)

    assert (size, out.read_bytes(), len(asked), time.now) == (5, b"whole", 3, 0.75)


def test_where_it_fails_for_good_the_file_stays_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("before")

    with pytest.raises(Failure, match="no answer"):
        fetch(out, *(broken(b"half") for _ in range(100)))

    assert out.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_refusal_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    problem = orjson.dumps({"status": 404, "detail": "no swarm 'x'"})

    with pytest.raises(Failure, match="no swarm 'x'"):
        fetch(tmp_path / "out.csv", httpx2.Response(404, content=problem))

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file or directory") as failure:
        fetch(tmp_path / "nowhere" / "out.csv", httpx2.Response(200, content=b"x"))

    assert failure.value.exit_code == EXIT_USAGE


def test_stdout_gets_every_byte_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert fetch(None, httpx2.Response(200, content=b"\x00\xff\r\n"))[0] == 4

    assert capfdbinary.readouterr().out == b"\x00\xff\r\n"


def test_what_breaks_off_on_stdout_is_an_error(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(Failure, match=r"broken off after 4 bytes .*not whole"):
        fetch(None, broken(b"half"))
