"""``/v1/files``: uploads that go to the disk as they come, and nothing of those that were cut off."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.databases import contents_in, execute, on_server
from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.service import ServiceProcess, in_process, poll
from tests.support.sharing import services_of

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


async def upload(client: httpx2.AsyncClient, content: bytes, name: str = "x.txt", **headers: str) -> dict[str, Any]:
    response = await client.post("/v1/files", params={"name": name}, content=content, headers=headers)
    assert response.status_code == 201, response.text
    file: dict[str, Any] = response.json()
    return file


async def test_a_raw_body_comes_back_over_a_restart(tmp_path: Path) -> None:
    content = os.urandom(3 * MIB + 1)
    async with in_process(tmp_path) as client:
        file = await upload(client, content, "filings/q3 ~ ü.pdf")
    async with in_process(tmp_path) as client:
        found = await client.get(f"/v1/files/{file['file_id']}")
        back = await client.get(f"/v1/files/{file['file_id']}/content")
        listed = (await client.get("/v1/files")).json()

    assert file["file_id"].startswith("fil_")
    assert {name: file[name] for name in ("name", "media_type", "size_bytes", "sha256")} == {
        "name": "filings/q3 ~ ü.pdf",
        "media_type": "application/pdf",
        "size_bytes": len(content),
        "sha256": sha256(content).hexdigest(),
    }
    assert (found.json(), listed) == (file, {"items": [file], "next_cursor": None})
    assert back.content == content
    assert back.headers["content-disposition"] == (
        "attachment; filename=\"q3 ~ _.pdf\"; filename*=UTF-8''q3%20~%20%C3%BC.pdf"
    )
    assert back.headers["content-length"] == str(len(content))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", os.urandom(2 * MIB), b"\r\n--x\r\n" * 1000])
async def test_a_form_holds_one_file(tmp_path: Path, content: bytes) -> None:
    async with in_process(tmp_path) as client:
        made = await client.post(
            "/v1/files", files={"file": ("dir\\naïve.csv", content, "text/csv")}, data={"purpose": "any"}
        )
        back = await client.get(f"/v1/files/{made.json()['file_id']}/content")

    assert made.status_code == 201
    assert (made.json()["name"], made.json()["media_type"]) == ("naïve.csv", "text/csv")
    assert back.content == content
    assert back.headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "content_type", "pointer"),
    [
        (b"x", "text/plain", "/name"),
        (b"", 'multipart/form-data; boundary="x"', "/file"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", "/file"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            "/file",
        ),
        (b"nonsense", "multipart/form-data; boundary=x", ""),
        (b"x", "multipart/form-data", ""),
        (
            b'--x\r\nContent-Disposition: form-data; name=f; filename="a"\r\n\r\ncut',
            "multipart/form-data; boundary=x",
            "/file",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name=f; filename="a"\r\n\r\n1\r\n'
            b'--x\r\nContent-Disposition: form-data; name=g; filename="b"\r\n\r\n2\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "/file",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name=f; filename=""\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "/name",
        ),
        (b"--x\r\n" + b"A" * 100_000 + b": 1\r\n\r\n1\r\n--x--\r\n", "multipart/form-data; boundary=x", ""),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"1" * 100_000 + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            "",
        ),
    ],
)
async def test_a_malformed_body_is_refused_and_nothing_is_kept(
    tmp_path: Path, body: bytes, content_type: str, pointer: str
) -> None:
    async with in_process(tmp_path) as client:
        refused = problem(await client.post("/v1/files", content=body, headers={"Content-Type": content_type}), 422)
        listed = (await client.get("/v1/files")).json()["items"]
        await services_of(client).sweeper.sweep()

    assert (pointers(refused), listed, contents_in(tmp_path)) == ([pointer], [], [])


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../b", "a//b", ".", "a\\b", "a\x00b", "a\nb", "x" * 256, " "]
)
async def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    async with in_process(tmp_path) as client:
        refused = problem(await client.post("/v1/files", params={"name": name}, content=b"x"), 422)

    assert pointers(refused) == ["/name"]


async def test_above_the_cap_a_file_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    async with in_process(tmp_path, max_upload_bytes=2 * MIB, max_body_bytes=MIB) as client:
        await upload(client, b"x" * 2 * MIB)  # above what other bodies may have
        declared = problem(await client.post("/v1/files?name=a", content=b"x" * 4 * MIB), 413)
        streamed = problem(await client.post("/v1/files?name=a", content=slowly()), 413)
        form = problem(await client.post("/v1/files", files={"file": ("a", b"x" * (2 * MIB + 1))}), 413)
        other = problem(await client.post("/v1/swarms", content=b"x" * 2 * MIB), 413)
        kept = (await client.get("/v1/files")).json()["items"]

    assert {document["code"] for document in (declared, streamed, form, other)} == {"body_too_large"}
    assert len(kept) == len(contents_in(tmp_path)) == 1


async def test_beyond_the_room_of_a_tenant_a_file_is_refused(tmp_path: Path) -> None:
    async with in_process(tmp_path, max_uploads_bytes=2048) as client:
        first = await upload(client, b"x" * 1500)
        refused = problem(await client.post("/v1/files?name=a", content=b"y" * 600), 409)
        await client.delete(f"/v1/files/{first['file_id']}")
        await upload(client, b"y" * 600)
        await services_of(client).sweeper.sweep()

    assert refused["code"] == "uploads_full"
    assert contents_in(tmp_path) == [b"y" * 600]


async def test_what_there_is_no_room_for_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    read = 0

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(40):
            read += 100_000
            yield b"z" * 100_000

    async with in_process(tmp_path, max_uploads_bytes=2 * MIB) as client:
        await upload(client, b"x" * MIB)
        announced = await client.post(
            "/v1/files?name=a", content=slowly(), headers={"Content-Length": str(40 * 100_000)}
        )
        read_of_announced = read
        chunked = await client.post("/v1/files?name=a", content=slowly())
        again = await upload(client, b"k" * MIB, **{"Idempotency-Key": "k"})
        once_more = await upload(client, b"k" * MIB, **{"Idempotency-Key": "k"})
        other = await client.post("/v1/files?name=x.txt", content=b"k" * (MIB + 1), headers={"Idempotency-Key": "k"})

    assert problem(announced, 409)["code"] == problem(chunked, 409)["code"] == "uploads_full"
    assert read_of_announced == 0
    assert again == once_more, "a repeated upload needs no room"
    assert problem(other, 409)["code"] == "idempotency_conflict"
    assert len(contents_in(tmp_path)) == 2


async def test_of_uploads_at_once_those_without_room_leave_nothing_behind(tmp_path: Path) -> None:
    async with in_process(tmp_path, max_uploads_bytes=250_000) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/files?name=a", content=str(number).encode() * 100_000) for number in range(10))
        )
        async with asyncio.timeout(30):
            while len(contents_in(tmp_path)) > 2:
                await asyncio.sleep(0.05)

    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [409] * 8


async def test_a_name_that_looks_like_an_id_is_refused(tmp_path: Path) -> None:
    """It could stand for another file, once that one is deleted."""
    async with in_process(tmp_path) as client:
        file = await upload(client, b"mine")
        await client.delete(f"/v1/files/{file['file_id']}")

        refused = problem(await client.post("/v1/files", params={"name": file["file_id"]}, content=b"x"), 422)

    assert pointers(refused) == ["/name"]


async def test_a_repeated_upload_with_its_key_is_one_file(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        path, headers = "/v1/files?name=a", {"Idempotency-Key": "k"}
        answers = await asyncio.gather(*(client.post(path, content=b"x", headers=headers) for _ in range(10)))
        problem(await client.post(path, content=b"y", headers=headers), 409)
        kept = (await client.get("/v1/files")).json()["items"]
        again = (await client.post(path, content=b"x", headers=headers)).headers["Idempotent-Replayed"]
        await services_of(client).sweeper.sweep()

    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json() for answer in answers] == kept * 10
    assert (again, len(contents_in(tmp_path))) == ("true", 1)


async def test_a_deleted_file_is_gone_with_its_content_unless_another_has_the_same(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        first, second = await upload(client, b"same"), await upload(client, b"same", "y.txt")
        assert (await client.delete(f"/v1/files/{first['file_id']}")).status_code == 204
        problem(await client.get(f"/v1/files/{first['file_id']}"), 404)
        problem(await client.get(f"/v1/files/{first['file_id']}/content"), 404)
        problem(await client.delete(f"/v1/files/{first['file_id']}"), 404)
        await services_of(client).sweeper.sweep()
        assert (await client.get(f"/v1/files/{second['file_id']}/content")).content == b"same"
        await client.delete(f"/v1/files/{second['file_id']}")
        await services_of(client).sweeper.sweep()

    assert contents_in(tmp_path) == []


async def test_a_file_is_read_by_id_and_by_its_newest_name(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        first = await upload(client, b"old")
        await upload(client, b"new")
        uploads = services_of(client).files

        assert await uploads.read("default", first["file_id"], 3) == b"old"
        assert await uploads.read("default", "x.txt", 3) == b"new"
        assert await uploads.read("default", "y.txt", 3) is None
        assert await uploads.read("other", first["file_id"], 3) is None
        with pytest.raises(Exception, match="at most 2"):
            await uploads.read("default", "x.txt", 2)


async def test_files_are_a_tenants_own(tmp_path: Path) -> None:
    made = [mint(tmp_path, *who)["key"] for who in (("acme", "read,run"), ("other", "read,run"), ("acme", "read"))]
    mine, theirs, reader = ({"Authorization": f"Bearer {key}"} for key in made)
    async with in_process(tmp_path) as client:
        file = await upload(client, b"x", **mine)
        path = f"/v1/files/{file['file_id']}"
        for where in (path, f"{path}/content"):
            assert (await client.get(where, headers=reader)).status_code == 200
            problem(await client.get(where, headers=theirs), 404)
        problem(await client.delete(path, headers=theirs), 404)
        problem(await client.delete(path, headers=reader), 403)
        problem(await client.post("/v1/files?name=a", content=b"x", headers=reader), 403)
        assert (await client.get("/v1/files", headers=theirs)).json()["items"] == []
        assert (await client.get("/v1/files", headers=mine)).json()["items"] == [file]


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_flat_and_an_aborted_upload_leaves_nothing(tmp_path: Path) -> None:
    def chunks(count: int) -> Any:
        return (b"x" * MIB for _ in range(count))

    with ServiceProcess(tmp_path) as service, service.client() as client:
        client.post("/v1/files?name=warm", content=chunks(8)).raise_for_status()
        before = resident_bytes(service.pid)
        made = client.post("/v1/files?name=large", content=chunks(300), timeout=60)
        grown = resident_bytes(service.pid) - before

        where = urlsplit(service.url)
        with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
            head = f"POST /v1/files?name=cut HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {100 * MIB}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * 5 * MIB)
            poll(lambda: len(contents_in(service.data_dir)) == 3, what="the first bytes on the disk")
        poll(lambda: len(contents_in(service.data_dir)) == 2, what="the end of the aborted upload")
        names = [item["name"] for item in client.get("/v1/files").json()["items"]]
        said = service.output

    assert made.status_code == 201
    assert made.json()["size_bytes"] == 300 * MIB
    assert grown < 60 * MIB
    assert names == ["large", "warm"]
    assert "request_crashed" not in said


def test_what_kill_9_cut_off_of_an_upload_is_swept_after_a_start(tmp_path: Path) -> None:
    """Where other nodes may be writing to the same database, once no part has come for an hour."""
    with ServiceProcess(tmp_path) as service:
        with service.client() as client:
            kept = client.post("/v1/files?name=whole", content=b"whole").json()
        where = urlsplit(service.url)
        with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
            head = f"POST /v1/files?name=cut HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {100 * MIB}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * 5 * MIB)
            poll(lambda: len(contents_in(service.data_dir)) == 2, what="the first bytes on the disk")
            service.kill()
        assert len(contents_in(service.data_dir)) == 2
        if on_server():
            asyncio.run(execute(service.data_dir, "UPDATE contents SET taken_until_ms = taken_until_ms - 3600000"))
        service.start()
        with service.client() as client:
            names = [item["name"] for item in client.get("/v1/files").json()["items"]]
            content = client.get(f"/v1/files/{kept['file_id']}/content").content
        poll(lambda: contents_in(service.data_dir) == [b"whole"], what="the end of what was cut off")

    assert (names, content) == (["whole"], b"whole")


async def test_a_download_can_go_on_where_it_broke_off_and_is_sent_only_if_it_is_new(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096  # 1 MiB: several chunks of the disk
    size = len(content)
    async with in_process(tmp_path) as client:
        path = f"/v1/files/{(await upload(client, content, 'a.bin'))['file_id']}/content"
        whole = await client.get(path)
        tag = whole.headers["etag"]
        parts = {
            asked: await client.get(path, headers={"Range": asked})
            for asked in ("bytes=0-0", "bytes=1000000-", "bytes=-5", f"bytes=300000-{size * 2}", "bytes=262140-262150")
        }
        ignored = [
            await client.get(path, headers={"Range": asked})
            for asked in ("bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=a-b", "")
        ]
        unmet = [await client.get(path, headers={"Range": asked}) for asked in (f"bytes={size}-", "bytes=-0")]
        of_another = await client.get(path, headers={"Range": "bytes=0-4", "If-Range": '"other"'})
        of_this = await client.get(path, headers={"Range": "bytes=0-4", "If-Range": tag})
        head = await client.head(path)
        fresh = [await client.get(path, headers={"If-None-Match": one}) for one in (tag, f'"x", W/{tag}', "*")]
        stale = await client.get(path, headers={"If-None-Match": '"x"'})
        assert (await client.head("/v1/files/fil_none/content")).status_code == 404

    spans = [(0, 1), (1_000_000, size), (size - 5, size), (300_000, size), (262_140, 262_151)]
    for answer, (first, end) in zip(parts.values(), spans, strict=True):
        assert (answer.status_code, answer.content) == (206, content[first:end])
        assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
        assert answer.headers["content-length"] == str(end - first)
    assert [(answer.status_code, answer.content == content) for answer in ignored] == [(200, True)] * 6
    assert [(answer.status_code, answer.headers["content-range"]) for answer in unmet] == [(416, f"bytes */{size}")] * 2
    assert (of_another.status_code, of_this.status_code, of_this.content) == (200, 206, content[:5])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))
    assert [(answer.status_code, answer.content, answer.headers["etag"]) for answer in fresh] == [(304, b"", tag)] * 3
    assert stale.content == content
