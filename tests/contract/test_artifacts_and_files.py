"""What artifacts and uploaded files rely on (``ports.artifacts.ArtifactStore``, ``ports.files``)."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.errors import InvalidRequest
from app.domain.facts import CancelRequested
from app.domain.ids import make_id
from app.ports.artifacts import ArtifactCaps, ArtifactOwner, ArtifactRow, ArtifactsFull, NewArtifact
from app.ports.files import FILE_PREFIX, FileRow, UploadsFull
from app.storage.database import Database
from tests.support.runs import new_swarm, turn

pytestmark = pytest.mark.anyio

CAPS = ArtifactCaps()
ROOM = 1_000_000


@pytest.fixture
async def swarm_id(store: Database) -> str:
    swarm = new_swarm({"a": [], "b": []}, tenant_id="acme")
    await store.swarms.create(swarm)
    return swarm.state.swarm_id


async def save(
    store: Database,
    swarm_id: str,
    name: str,
    *,
    task: str = "a",
    tenant: str = "acme",
    run_key: str = "",
    size_bytes: int = 10,
    sha256: str = "f" * 64,
    caps: ArtifactCaps = CAPS,
) -> ArtifactRow | None:
    new = NewArtifact(
        owner=ArtifactOwner(tenant_id=tenant, swarm_id=swarm_id, task_id=task),
        name=name,
        media_type="text/csv",
        size_bytes=size_bytes,
        sha256=sha256,
        run_key=run_key or f"{task} {name} {sha256}",
        at_ms=5,
    )
    return await store.artifacts.add(new, caps)


def file(
    number: int, name: str = "x", *, tenant: str = "acme", size_bytes: int = 10, once: str | None = None
) -> FileRow:
    return FileRow(
        file_id=make_id(FILE_PREFIX, number, number),
        tenant_id=tenant,
        name=name,
        media_type="text/plain",
        size_bytes=size_bytes,
        sha256=f"{number:064x}",
        created_at_ms=number,
        once=once,
    )


async def test_the_same_name_again_is_a_new_version(store: Database, swarm_id: str) -> None:
    first = await save(store, swarm_id, "out/r.csv", sha256="1" * 64)
    second = await save(store, swarm_id, "out/r.csv", sha256="2" * 64, task="b")

    assert first == ArtifactRow(
        swarm_id=swarm_id,
        name="out/r.csv",
        version=1,
        task_id="a",
        media_type="text/csv",
        size_bytes=10,
        sha256="1" * 64,
        created_at_ms=5,
    )
    assert second is not None
    assert (second.version, second.task_id) == (2, "b")
    assert await store.artifacts.get(swarm_id, "out/r.csv", None) == second
    assert await store.artifacts.get(swarm_id, "out/r.csv", 1) == first
    assert await store.artifacts.get(swarm_id, "out/r.csv", 3) is None


async def test_a_repeated_save_is_one_artifact(store: Database, swarm_id: str) -> None:
    rows = await asyncio.gather(*(save(store, swarm_id, "r", run_key="call 1") for _ in range(20)))

    assert rows == [await store.artifacts.of_run(swarm_id, "call 1")] * 20
    assert rows[0] is not None
    assert rows[0].version == 1


async def test_saves_at_once_get_versions_without_a_gap(store: Database, swarm_id: str) -> None:
    rows = await asyncio.gather(*(save(store, swarm_id, "r", run_key=str(n)) for n in range(50)))

    assert sorted(row.version for row in rows if row) == list(range(1, 51))


async def test_a_list_has_the_newest_version_of_each_name(store: Database, swarm_id: str) -> None:
    for number, (name, task) in enumerate([("b", "a"), ("a", "a"), ("b", "b"), ("c", "b"), ("b", "a")]):
        await save(store, swarm_id, name, task=task, run_key=str(number))

    first = await store.artifacts.list(swarm_id, None, limit=2, cursor=None)
    rest = await store.artifacts.list(swarm_id, None, limit=2, cursor=first.next_cursor)
    of_b = await store.artifacts.list(swarm_id, "b", limit=5, cursor=None)

    assert [(row.name, row.version) for row in (*first.items, *rest.items)] == [("a", 1), ("b", 3), ("c", 1)]
    assert rest.next_cursor is None
    assert [(row.name, row.version) for row in of_b.items] == [("b", 2), ("c", 1)]


async def test_every_version_is_listed_page_by_page_the_newest_first(store: Database, swarm_id: str) -> None:
    for number, (name, task) in enumerate([("b/x", "a"), ("a", "a"), ("b/x", "b"), ("c", "b"), ("b/x", "a")]):
        await save(store, swarm_id, name, task=task, run_key=str(number))

    rows: list[ArtifactRow] = []
    cursor: str | None = None
    while True:
        page = await store.artifacts.versions(swarm_id, None, None, limit=2, cursor=cursor)
        rows += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    of_name = await store.artifacts.versions(swarm_id, "a", "b/x", limit=5, cursor=None)

    found = [(row.name, row.version, row.task_id) for row in rows]
    assert found == [("a", 1, "a"), ("b/x", 3, "a"), ("b/x", 2, "b"), ("b/x", 1, "a"), ("c", 1, "b")]
    assert [row.version for row in of_name.items] == [3, 1]
    for wrong in ("x", "1", "x/1", "-1/a"):
        with pytest.raises(InvalidRequest):
            await store.artifacts.versions(swarm_id, None, None, limit=2, cursor=wrong)


async def test_what_each_task_saved_last_under_a_name_can_be_had(store: Database, swarm_id: str) -> None:
    for number, task in enumerate("abaab"):
        await save(store, swarm_id, "r.md", task=task, run_key=str(number))
    await save(store, swarm_id, "own.md", task="b")

    rows = await store.artifacts.of_tasks(swarm_id, None)
    assert [(row.name, row.version, row.task_id) for row in rows] == [
        ("own.md", 1, "b"),
        ("r.md", 4, "a"),
        ("r.md", 5, "b"),
    ]
    assert [row.version for row in await store.artifacts.of_tasks(swarm_id, "a")] == [4]
    of_a = await store.artifacts.get(swarm_id, "r.md", None, "a")
    assert of_a is not None
    assert of_a.version == 4
    assert await store.artifacts.get(swarm_id, "r.md", 5, "a") is None
    assert await store.artifacts.get(swarm_id, "r.md", None, "none") is None


async def test_artifacts_are_of_a_tenants_own_swarm(store: Database, swarm_id: str) -> None:
    assert await save(store, swarm_id, "x", tenant="other") is None
    assert await save(store, "swm_none", "x") is None
    assert (await store.artifacts.list(swarm_id, None, limit=5, cursor=None)).items == []


@pytest.mark.parametrize("caps", [ArtifactCaps(max_artifacts=2), ArtifactCaps(max_total_bytes=25)])
async def test_beyond_the_room_of_a_swarm_nothing_is_saved(store: Database, swarm_id: str, caps: ArtifactCaps) -> None:
    for name in ("x", "y"):
        await save(store, swarm_id, name, caps=caps)
    with pytest.raises(ArtifactsFull):
        await save(store, swarm_id, "z", caps=caps)
    assert await save(store, swarm_id, "x", caps=caps) is not None, "a repeated one needs no room"

    assert [row.name for row in (await store.artifacts.list(swarm_id, None, limit=5, cursor=None)).items] == ["x", "y"]


async def test_files_are_listed_newest_first_each_tenants_own(store: Database) -> None:
    mine = [file(number, f"n{number % 2}") for number in range(1, 6)]
    for row in (*mine, file(9, tenant="other")):
        assert await store.files.add(row, ROOM) == row

    first = await store.files.list("acme", None, limit=3, cursor=None)
    rest = await store.files.list("acme", None, limit=3, cursor=first.next_cursor)

    assert [*first.items, *rest.items] == mine[::-1]
    assert (await store.files.list("acme", "n0", limit=5, cursor=None)).items == [mine[3], mine[1]]
    assert await store.files.newest("acme", "n0") == mine[3]
    assert await store.files.get("other", mine[0].file_id) is None
    assert not await store.files.delete("other", mine[0].file_id)
    with pytest.raises(InvalidRequest):
        await store.files.list("acme", None, limit=3, cursor="nonsense")


async def test_beyond_the_room_of_a_tenant_no_file_is_taken(store: Database) -> None:
    await store.files.add(file(1, size_bytes=60), 100)
    await store.files.add(file(2, size_bytes=60, tenant="other"), 100)
    with pytest.raises(UploadsFull):
        await store.files.add(file(3, size_bytes=41), 100)

    assert await store.files.add(file(4, size_bytes=40), 100) == file(4, size_bytes=40)


async def test_a_repeated_upload_is_one_file(store: Database) -> None:
    first = await store.files.add(file(1, once="k"), ROOM)

    assert await store.files.add(file(2, once="k"), ROOM) == first
    assert await store.files.add(file(3, once="k", tenant="other"), ROOM) == file(3, once="k", tenant="other")
    assert (await store.files.list("acme", None, limit=5, cursor=None)).items == [first]


async def test_a_content_is_used_while_a_file_or_an_artifact_has_it(store: Database, swarm_id: str) -> None:
    row = file(1)
    await store.files.add(row, ROOM)
    await save(store, swarm_id, "same", sha256=row.sha256)
    await store.files.delete("acme", row.file_id)

    assert await store.contents.possibly_unused(5) == [row.sha256]
    assert await store.contents.is_used(row.sha256)
    await store.contents.forget(row.sha256, if_used=True)
    assert await store.contents.possibly_unused(5) == []


async def test_what_deleted_swarms_left_is_marked_and_dropped(store: Database, swarm_id: str) -> None:
    await save(store, swarm_id, "kept", sha256="1" * 64)
    gone = new_swarm({"a": []}, number=2, tenant_id="acme")
    await store.swarms.create(gone)
    await save(store, gone.state.swarm_id, "x", sha256="2" * 64)
    await save(store, gone.state.swarm_id, "y", sha256="2" * 64)
    await store.contents.drop_orphans()
    assert await store.contents.possibly_unused(5) == []

    leases = {lease.swarm_id: lease for lease in await store.runs.claim("me", limit=10)}
    lease = leases[gone.state.swarm_id]
    await store.runs.commit(lease, turn(await store.runs.load(lease), CancelRequested()))
    assert await store.swarms.delete("acme", gone.state.swarm_id)
    await store.contents.drop_orphans()

    assert await store.contents.possibly_unused(5) == ["2" * 64]
    assert not await store.contents.is_used("2" * 64)
    await store.contents.forget("2" * 64, if_used=True)
    assert await store.contents.possibly_unused(5) == ["2" * 64], "only what is used is forgotten"
    await store.contents.forget("2" * 64, if_used=False)
    assert await store.contents.possibly_unused(5) == []
    assert await store.contents.is_used("1" * 64)
