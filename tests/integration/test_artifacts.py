"""``/v1/swarms/{id}/artifacts``: saved by the tool, listed, downloaded, zipped, and harmless to whoever opens them."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.tools.artifacts import SaveArtifact
from tests.support.databases import contents_in, execute, on_server
from tests.support.keys import mint
from tests.support.problems import problem
from tests.support.service import in_process
from tests.support.sharing import context, ended_swarm, services_of

pytestmark = pytest.mark.anyio

PAGE = "<script>fetch('/v1/swarms')</script>"


async def save(client: httpx2.AsyncClient, swarm: str, name: str, content: str, *, task: int = 0, run: str = "") -> Any:
    tool = SaveArtifact(services_of(client).artifacts)
    run_key = run or f"{task} {name} {hash(content)}"
    result = await tool.run(context(swarm, task, run_key), {"name": name, "content": content})
    return json.loads(result.content)


async def listed(client: httpx2.AsyncClient, swarm: str, **params: Any) -> list[tuple[str, int, str]]:
    items = (await client.get(f"/v1/swarms/{swarm}/artifacts", params=params)).json()["items"]
    return [(item["name"], item["version"], item["task_id"]) for item in items]


async def test_an_artifact_is_listed_and_downloaded_over_a_restart(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0", "t1"))["swarm_id"]
        said = await save(client, swarm, "out/ratios ü.csv", "a,b\n1,2\n")
        await save(client, swarm, "out/ratios ü.csv", "a,b\n3,4\n", task=1)
        await save(client, swarm, "report.md", "# Report")
    async with in_process(tmp_path) as client:
        page = (await client.get(f"/v1/swarms/{swarm}/artifacts", params={"limit": 1})).json()
        everything = await listed(client, swarm)
        of_first = await listed(client, swarm, task_id="t0")
        newest = await client.get(f"/v1/swarms/{swarm}/artifacts/out/ratios ü.csv")
        first = await client.get(f"/v1/swarms/{swarm}/artifacts/out/ratios ü.csv", params={"version": 1})
        for path in ("out/ratios ü.csv?version=3", "out", "", "out/"):
            problem(await client.get(f"/v1/swarms/{swarm}/artifacts/{path}"), 404)

    assert said == {"saved": "out/ratios ü.csv", "version": 1, "bytes": 8, "media_type": "text/csv"}
    assert page["next_cursor"] == "out/ratios ü.csv"
    assert {name: page["items"][0][name] for name in ("name", "swarm_id", "size_bytes", "sha256", "media_type")} == {
        "name": "out/ratios ü.csv",
        "swarm_id": swarm,
        "size_bytes": 8,
        "sha256": sha256(b"a,b\n3,4\n").hexdigest(),
        "media_type": "text/csv",
    }
    assert everything == [("out/ratios ü.csv", 2, "t1"), ("report.md", 1, "t0")]
    assert of_first == [("out/ratios ü.csv", 1, "t0"), ("report.md", 1, "t0")]
    assert (newest.text, first.text) == ("a,b\n3,4\n", "a,b\n1,2\n")
    assert newest.headers["content-disposition"].endswith("filename*=UTF-8''ratios%20%C3%BC.csv")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("x.html", "text/html; charset=utf-8"),
        ("x.svg", "image/svg+xml"),
        ("x.xml", None),
        ("x", "application/octet-stream"),
    ],
)
async def test_a_stored_page_cannot_act_in_our_name(tmp_path: Path, name: str, media_type: str | None) -> None:
    """Served naively it would: same origin, shown in the browser, scripts allowed."""
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0"))["swarm_id"]
        await save(client, swarm, name, PAGE)
        headers = (await client.get(f"/v1/swarms/{swarm}/artifacts/{name}")).headers
        made = (await client.post("/v1/files", params={"name": name}, content=PAGE.encode())).json()
        uploaded = (await client.get(f"/v1/files/{made['file_id']}/content")).headers

    for found in (headers, uploaded):
        policy = [part.strip() for part in found["content-security-policy"].split(";")]
        assert "sandbox" in policy, "an origin of its own, and no scripts: none of the sandbox's allow- flags"
        assert "default-src 'none'" in policy
        assert found["content-disposition"].startswith("attachment;")
        assert found["x-content-type-options"] == "nosniff"
    assert media_type is None or headers["content-type"] == media_type


async def test_a_name_with_quotes_and_line_breaks_adds_no_header(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0"))["swarm_id"]
        await save(client, swarm, 'a";x="b%0d%0aSet-Cookie: c', "x")
        found = await client.get(f"/v1/swarms/{swarm}/artifacts/" + 'a";x="b%250d%250aSet-Cookie: c')

    assert found.status_code == 200
    assert found.headers["content-disposition"] == (
        'attachment; filename="a_;x=_b_0d_0aSet-Cookie: c";'
        " filename*=UTF-8''a%22%3Bx%3D%22b%250d%250aSet-Cookie%3A%20c"
    )


async def test_the_zip_holds_the_newest_versions_under_safe_names(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0", "t1"))["swarm_id"]
        await save(client, swarm, "a/b.txt", "old")
        await save(client, swarm, "a/b.txt", "new")
        await save(client, swarm, "C:x.txt", "windows")
        await save(client, swarm, "A/B.txt", "only case differs", task=1)
        await save(client, swarm, "large.bin", "x" * 3_000_000)
        answer = await client.get(f"/v1/swarms/{swarm}/artifacts.zip")
        of_one = await client.get(f"/v1/swarms/{swarm}/artifacts.zip", params={"task_id": "t1"})
        none = await client.get(f"/v1/swarms/{swarm}/artifacts.zip", params={"task_id": "none"})

    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found.pop("large.bin") == b"x" * 3_000_000
    assert found == {"A/B.txt": b"only case differs", "C_x.txt": b"windows", "a/b (2).txt": b"new"}
    assert zipfile.ZipFile(io.BytesIO(of_one.content)).namelist() == ["A/B.txt"]
    assert zipfile.ZipFile(io.BytesIO(none.content)).namelist() == []


async def test_what_several_tasks_saved_under_one_name_can_all_be_had(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0", "t1"))["swarm_id"]
        for task, content in ((0, "old of 0"), (1, "of 1"), (0, "of 0"), (1, "new of 1")):
            await save(client, swarm, "out/a.md", content, task=task)
        await save(client, swarm, "b.md", "b")
        path = f"/v1/swarms/{swarm}/artifacts"
        of_tasks = [(await client.get(f"{path}/out/a.md", params={"task_id": f"t{at}"})).text for at in range(2)]
        for query in ("task_id=t2", "task_id=t0&version=4"):
            problem(await client.get(f"{path}/out/a.md?{query}"), 404)
        of_0 = (await client.get(f"{path}/out/a.md", params={"task_id": "t0", "version": 1})).text
        versions = await listed(client, swarm, versions="all", name="out/a.md")
        versions_of_0 = await listed(client, swarm, versions="all", task_id="t0")
        problem(await client.get(path, params={"name": "b.md"}), 422)
        problem(await client.get(path, params={"versions": "all", "cursor": "b.md"}), 422)
        archive = zipfile.ZipFile(io.BytesIO((await client.get(f"{path}.zip")).content))

    assert of_tasks == ["of 0", "new of 1"]
    assert of_0 == "old of 0"
    assert versions == [("out/a.md", at, f"t{(at + 1) % 2}") for at in (4, 3, 2, 1)]
    assert versions_of_0 == [("b.md", 1, "t0"), ("out/a.md", 3, "t0"), ("out/a.md", 1, "t0")]
    assert {name: archive.read(name).decode() for name in archive.namelist()} == {
        "b.md": "b",
        "t0/out/a.md": "of 0",
        "t1/out/a.md": "new of 1",
    }


async def test_versions_saved_in_one_turn_are_in_the_order_of_its_calls(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0"))["swarm_id"]
        tool = SaveArtifact(services_of(client).artifacts)
        # The first are the longest to write.
        contents = [f"{at}" * (2_000_000 >> at) for at in range(8)]
        results = await asyncio.gather(
            *(
                tool.run(context(swarm, 0, f"call {at}"), {"name": "v.txt", "content": content})
                for at, content in enumerate(contents)
            )
        )

    assert [json.loads(result.content)["version"] for result in results] == list(range(1, 9))


async def test_the_head_of_an_artifact_and_a_part_of_it_can_be_had(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0"))["swarm_id"]
        await save(client, swarm, "out/a.txt", "0123456789")
        await save(client, swarm, "empty.txt", "")
        path = f"/v1/swarms/{swarm}/artifacts"
        head = await client.head(f"{path}/out/a.txt")
        part = await client.get(f"{path}/out/a.txt", headers={"Range": "bytes=2-4"})
        empty = await client.get(f"{path}/empty.txt")
        none = await client.get(f"{path}/out/a.txt%0a")

    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")
    assert (part.status_code, part.text) == (206, "234")
    assert (empty.status_code, empty.content) == (200, b"")
    assert none.status_code == 422, "another name"


async def test_artifacts_go_with_their_run_and_what_another_run_has_stays(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        first, second = [(await ended_swarm(client, "t0"))["swarm_id"] for _ in range(2)]
        for swarm in (first, second):
            await save(client, swarm, "same", "same")
            await save(client, swarm, "own", swarm)
        assert (await client.delete(f"/v1/swarms/{first}")).status_code == 204
        problem(await client.get(f"/v1/swarms/{first}/artifacts/same"), 404)
        await services_of(client).sweeper.sweep()
        same = (await client.get(f"/v1/swarms/{second}/artifacts/same")).text
        kept = contents_in(tmp_path)

    assert same == "same"
    assert kept == sorted([b"same", second.encode()])


async def test_artifacts_are_a_tenants_own(tmp_path: Path) -> None:
    mine, theirs = ({"Authorization": f"Bearer {mint(tmp_path, name, 'read,run')['key']}"} for name in ("default", "x"))
    async with in_process(tmp_path) as client:
        client.headers.update(mine)
        swarm = (await ended_swarm(client, "t0"))["swarm_id"]
        await save(client, swarm, "a", "x")
        for path in ("artifacts", "artifacts/a", "artifacts.zip"):
            assert (await client.get(f"/v1/swarms/{swarm}/{path}")).status_code == 200
            problem(await client.get(f"/v1/swarms/{swarm}/{path}", headers=theirs), 404)


async def test_a_content_that_was_not_restored_with_the_database_is_a_404(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "t0"))["swarm_id"]
        await save(client, swarm, "a", "x")
        if on_server():
            await execute(tmp_path, "DELETE FROM contents")
        else:
            [path] = [path for path in (tmp_path / "swarmd.blobs").rglob("*") if path.is_file()]
            path.unlink()
        missing = problem(await client.get(f"/v1/swarms/{swarm}/artifacts/a"), 404)

    assert str(tmp_path) not in missing["detail"]
