"""Files into the sandbox and out of it as artifacts: whose they are, what is told, and no harm by a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from app.blobs.directory import DirectoryBlobs
from app.domain.errors import StoreUnavailable
from app.ports.artifacts import ArtifactCaps
from app.ports.tools import ToolContext, ToolRefused, ToolResult
from app.services.artifacts import ArtifactService
from app.services.files import FileService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from app.tools.code_interpreter import CodeInterpreter
from app.tools.sandbox.limits import Limits
from app.tools.task_files import TaskFiles
from app.workspace.directory import DirectoryWorkspace
from tests.support.databases import place_database
from tests.support.kept_files import kept
from tests.support.runs import new_swarm
from tests.support.sandboxes import need_sandbox
from tests.support.sharing import context

pytestmark = pytest.mark.anyio

SWARM, OTHER_SWARM = new_swarm({"t0": [], "t1": []}), new_swarm({"t0": []}, number=2)
SWARM_ID = SWARM.state.swarm_id
ME, OTHER = context(SWARM_ID, 0), context(SWARM_ID, 1)
APPEND = "with open('log', 'a') as file:\n    _ = file.write('x')\n"


@dataclass(frozen=True)
class Stage:
    tool: CodeInterpreter
    artifacts: ArtifactService
    uploads: FileService
    place: Path

    async def upload(self, name: str, content: bytes, tenant_id: str = "default") -> str:
        row, _ = await self.uploads.upload(tenant_id, name, None, chunks(content), None)
        return row.file_id

    async def run(self, code: str, run: str = "", who: ToolContext = ME, **arguments: Any) -> ToolResult:
        jsonschema.validate({"code": code, **arguments}, self.tool.spec.parameters)
        return await self.tool.run(replace(who, run_key=run or code), {"code": code, **arguments})

    async def saved(self, name: str, version: int | None = None) -> bytes:
        return await self.artifacts.content(await self.artifacts.get(SWARM_ID, name, version))

    async def names(self) -> list[tuple[str, int, str]]:
        return [(row.name, row.version, row.task_id) for row in await self.artifacts.of_tasks(SWARM_ID, None)]

    def kept(self) -> dict[str, bytes]:
        return kept(self.place, "t0", SWARM_ID)


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    need_sandbox()
    (tmp_path / "workspace" / "in").mkdir(parents=True)
    (tmp_path / "workspace" / "in" / "a.csv").write_bytes(b"of the workspace")
    async with open_database(place_database(tmp_path / "x.db")) as database:
        await database.swarms.create(SWARM)
        await database.swarms.create(OTHER_SWARM)
        clock, blobs = SystemClock(), DirectoryBlobs(tmp_path / "x.blobs")
        artifacts = ArtifactService(database.artifacts, blobs, clock, ArtifactCaps(max_bytes=100, max_artifacts=3))
        uploads = FileService(database.files, blobs, clock, SystemEntropy(), max_bytes=10**6, max_total_bytes=10**7)
        files = TaskFiles(DirectoryWorkspace(tmp_path / "workspace"), uploads, artifacts)
        async with CodeInterpreter(tmp_path / "files", Limits(work_bytes=64 * 1024), files=files) as tool:
            yield Stage(tool, artifacts, uploads, tmp_path)


READ = """
import os
found = [os.path.join(at, name)[2:] for at, _, names in os.walk('.') for name in names]
{name: open(name).read() for name in found}
"""


# --- in ---------------------------------------------------------------------------------------------------------------


async def test_uploads_workspace_files_and_artifacts_of_the_run_come_in(stage: Stage) -> None:
    by_id = await stage.upload("whatever.csv", b"by its id")
    await stage.upload("named.csv", b"by its name")
    await stage.run("open('out.txt', 'w').write('by t1')", who=OTHER, artifacts=["out.txt"])

    told = await stage.run(READ, files=[by_id, "named.csv", "./in/a.csv", "out.txt"])

    assert not told.is_error
    assert stage.kept() == {
        by_id: b"by its id",
        "named.csv": b"by its name",
        "in/a.csv": b"of the workspace",
        "out.txt": b"by t1",
    }
    value, note = told.content.splitlines()
    assert "'in/a.csv': 'of the workspace'" in value
    assert note == (
        f"[files brought in: {by_id} (9 bytes, uploaded file), named.csv (11 bytes, uploaded file), in/a.csv (16 bytes,"
        " of the workspace), out.txt (5 bytes, artifact of task 't1', version 1)]"
    )


async def test_a_file_is_brought_in_anew_each_time_and_what_only_the_folder_has_stays(stage: Stage) -> None:
    await stage.run("open('in/a.csv', 'w').write('spoilt')\nopen('own', 'w').write('mine')", files=["in/a.csv"])

    told = await stage.run("open('in/a.csv').read(), open('own').read()", files=["in/a.csv", "own"])

    assert told.content.startswith("('of the workspace', 'mine')\n[files brought in: in/a.csv (16 bytes")


async def test_no_task_can_slip_another_one_a_file_in_place_of_an_input(stage: Stage) -> None:
    """The naive order, artifacts first, would let it: its name is an artifact's, too."""
    await stage.upload("b.csv", b"uploaded")
    forge = "import os\nos.mkdir('in')\nfor name in ('in/a.csv', 'b.csv'):\n    open(name, 'w').write('forged')"
    await stage.run(forge, who=OTHER, artifacts=["in/a.csv", "b.csv"])
    assert await stage.saved("in/a.csv") == b"forged"

    told = await stage.run(READ, files=["in/a.csv", "b.csv"])
    asked = await stage.run("open('b.csv').read()", files=["artifact:b.csv"])

    assert "forged" not in told.content
    assert "b.csv (8 bytes, uploaded file, and not artifact:b.csv)" in told.content
    assert asked.content == "'forged'\n[files brought in: b.csv (6 bytes, artifact of task 't1', version 1)]"


async def test_files_of_others_are_not_there(stage: Stage) -> None:
    theirs = await stage.upload("theirs.csv", b"1", tenant_id="another")
    elsewhere = context(OTHER_SWARM.state.swarm_id)
    await stage.run("open('out', 'w').write('1')", who=elsewhere, artifacts=["out"])

    for name in (theirs, "theirs.csv", "out", "artifact:out"):
        with pytest.raises(ToolRefused, match=r"^files: there is no "):
            await stage.run("1", files=[name])
    assert stage.kept() == {}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../x", "'..' is not taken"),
        ("/etc/passwd", "not an absolute one"),
        ("artifact:../x", "'..' is not taken"),
        ("artifact:", "expected a path"),
        ("in", "files: there is no .* and none in the current folder"),
        ("in/*.csv", "no pattern"),
        ("x" * 251, "too long"),
        ("/".join("d" * 17), "too long or too deep"),
    ],
)
async def test_names_that_are_not_taken_are_refused_before_anything_runs(stage: Stage, name: str, reason: str) -> None:
    with pytest.raises(ToolRefused, match=reason):
        await stage.run(APPEND, files=["in/a.csv", name])

    assert stage.kept() == {}


async def test_what_is_too_long_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.upload("long", b"x" * 40_000)
    await stage.upload("longer", b"x" * 30_000)
    await stage.run("open('out', 'w').write('x' * 100)", artifacts=["out"])

    with pytest.raises(ToolRefused, match="they have more than 65,536 bytes together"):
        await stage.run(APPEND, files=["long", "longer"])
    monkeypatch.setattr("app.tools.task_files.MAX_FILE_BYTES", 15)
    for name, reason in (
        ("long", "'long' has 40,000 bytes; at most 15 are read of one file"),
        ("in/a.csv", "longer than the 15 bytes that are read of one file"),
        ("artifact:out", "'out' has 100 bytes; at most 15 are taken of one"),
    ):
        with pytest.raises(ToolRefused, match=reason):
            await stage.run(APPEND, files=[name])
    assert list(stage.kept()) == ["out"]


async def test_twenty_files_are_named_at_most(stage: Stage) -> None:
    for field in ("files", "artifacts"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"code": "1", field: ["a"] * 21}, stage.tool.spec.parameters)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"code": "1", field: "a"}, stage.tool.spec.parameters)


# --- out --------------------------------------------------------------------------------------------------------------


async def test_files_go_out_once_the_code_has_ended_well(stage: Stage) -> None:
    code = "import os\nos.mkdir('out')\nopen('out/r.csv', 'w').write('a,b')\nopen('r.md', 'w').write('# R')\nNone"

    told = await stage.run(code, artifacts=["out/r.csv", "./r.md", "r.md"])

    assert not told.is_error
    assert told.content.endswith("[saved as artifacts: out/r.csv (version 1, 3 bytes), r.md (version 1, 3 bytes)]")
    assert told.details["artifacts"] == [
        {"name": "out/r.csv", "version": 1, "bytes": 3},
        {"name": "r.md", "version": 1, "bytes": 3},
    ]
    assert await stage.names() == [("out/r.csv", 1, "t0"), ("r.md", 1, "t0")]
    assert (await stage.saved("out/r.csv"), await stage.saved("r.md")) == (b"a,b", b"# R")


async def test_a_file_of_an_earlier_call_goes_out_and_a_changed_one_as_a_new_version(stage: Stage) -> None:
    await stage.run("open('a', 'w').write('1')")
    await stage.run("None", artifacts=["a"])
    told = await stage.run("open('a', 'w').write('2')", artifacts=["a"])

    assert "a (version 2, 1 bytes)" in told.content
    assert (await stage.saved("a", 1), await stage.saved("a", 2)) == (b"1", b"2")


@pytest.mark.parametrize("failing", ["1 / 0", "raise SystemExit(3)", "while True: pass"])
async def test_code_that_fails_saves_nothing(stage: Stage, failing: str) -> None:
    told = await stage.run(f"open('a', 'w').write('1')\n{failing}", artifacts=["a"], timeout_s=1)

    assert told.is_error
    assert "[no artifact was saved, since the call failed: a]" in told.content
    assert await stage.names() == []
    assert stage.kept() == {"a": b"1"}


async def test_what_the_code_did_not_leave_is_told_and_the_rest_saved(stage: Stage) -> None:
    told = await stage.run("import os\nopen('a', 'w').write('1')\nos.symlink('a', 'b')", artifacts=["a", "b", "c"])

    assert told.is_error
    assert "[not saved as artifacts, because the code left no such file: b, c]" in told.content
    assert "[saved as artifacts: a (version 1, 1 bytes)]" in told.content


async def test_what_is_not_taken_as_an_artifact_is_told_and_the_rest_saved(stage: Stage) -> None:
    code = "for name, n in (('big', 101), ('back\\\\slash', 1), ('ok', 1)):\n    open(name, 'w').write('x' * n)"

    told = await stage.run(code, artifacts=["big", "back\\slash", "ok"])

    assert told.is_error
    assert (
        "[not saved as artifacts: big: the content is above the 100 bytes that are taken, back\\slash: " in told.content
    )
    assert "[saved as artifacts: ok (version 1, 1 bytes)]" in told.content
    assert (await stage.run("None", artifacts=["ok"])).content.endswith("ok (version 2, 1 bytes)]")


@pytest.mark.parametrize("name", ["../x", "/x", ".", "x" * 129 + "ü" * 128])
async def test_artifacts_of_no_possible_name_are_refused_before_anything_runs(stage: Stage, name: str) -> None:
    with pytest.raises(ToolRefused):
        await stage.tool.run(ME, {"code": APPEND, "artifacts": [name]})

    assert stage.kept() == {}


async def test_without_a_place_to_save_to_it_says_so(tmp_path: Path) -> None:
    need_sandbox()
    async with CodeInterpreter(tmp_path) as tool:
        for field in ("files", "artifacts"):
            with pytest.raises(ToolRefused, match=f"^{field}: "):
                await tool.run(ME, {"code": "1", field: ["a"]})


# --- crashes ----------------------------------------------------------------------------------------------------------


class Crash(Exception):
    """Nothing that comes after is done."""


def crashing(*_: object, **__: object) -> Any:
    raise Crash


async def test_a_run_that_is_repeated_finds_the_files_of_the_first_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before the code ran; then the source changes, and another call of the task comes first."""
    with monkeypatch.context() as patched:
        patched.setattr("app.tools.sandbox.sandbox.Cell", crashing)
        with pytest.raises(Crash):
            await stage.run("open('in/a.csv').read()", "one", files=["in/a.csv"])
    (stage.place / "workspace" / "in" / "a.csv").write_bytes(b"changed")
    await stage.run("open('in/a.csv', 'w').write('spoilt')", "two")

    told = await stage.run("open('in/a.csv').read()", "one", files=["in/a.csv"])
    later = await stage.run("open('in/a.csv').read()", "three", files=["in/a.csv"])

    assert told.content == "'of the workspace'\n[files brought in: in/a.csv (16 bytes, of the workspace)]"
    assert later.content.startswith("'changed'")


async def test_artifacts_are_what_the_recorded_run_left_and_the_code_runs_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the record and the saving; another call of the task changes the file before the repetition."""
    with monkeypatch.context() as patched:
        patched.setattr(ArtifactService, "save", unavailable)
        with pytest.raises(StoreUnavailable):
            await stage.run(APPEND, "one", artifacts=["log"])
    await stage.run(APPEND, "two")
    assert stage.kept() == {"log": b"xx"}

    told = await stage.run(APPEND, "one", artifacts=["log"])

    assert "[saved as artifacts: log (version 1, 1 bytes)]" in told.content
    assert await stage.saved("log") == b"x"
    assert stage.kept() == {"log": b"xx"}


async def unavailable(*_: object, **__: object) -> Any:
    raise StoreUnavailable("the disk takes nothing")


async def test_an_artifact_is_saved_once_however_often_the_call_is_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the saving and its record, and once more after everything."""
    with monkeypatch.context() as patched:
        patched.setattr("app.tools.transfers.settle", crashing)
        with pytest.raises(Crash):
            await stage.run(APPEND, "one", artifacts=["log"])
    assert await stage.names() == [("log", 1, "t0")]

    second = await stage.run(APPEND, "one", artifacts=["log"])
    third = await stage.run(APPEND, "one", artifacts=["log"])

    assert second == third
    assert await stage.names() == [("log", 1, "t0")]
    assert stage.kept() == {"log": b"x"}


async def test_who_may_not_read_files_gets_none_by_way_of_code(stage: Stage) -> None:
    """Uploads and the workspace are ``file_reader``'s; artifacts of the run are everybody's."""
    uploaded = await stage.upload("report.txt", b"secret")
    await stage.run("open('shared.txt', 'w').write('told')", who=OTHER, artifacts=["shared.txt"])
    without = replace(ME, tools=("code_interpreter",))

    for name in ("report.txt", uploaded, "in/a.csv"):
        with pytest.raises(ToolRefused, match="for tasks that may call file_reader"):
            await stage.run("1", run=name, who=without, files=[name])
    told = await stage.run("open('shared.txt').read()", who=without, files=["shared.txt"])
    assert told.content.startswith("'told'")
