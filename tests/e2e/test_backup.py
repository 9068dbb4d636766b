"""``swarmd backup``: a copy made under load is whole, and a service that starts on it goes on from there."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.dags import body_of, check_order, layered
from tests.support.databases import place_database
from tests.support.service import ROOT, MockModelProcess, ServiceProcess, clean_environment, events_of, poll

DAG = layered(seed=3, layers=14, width=40, fan_in=3)


def backup(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "backup", "--data-dir", str(data_dir), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
    )


def completed(path: Path) -> dict[str, str]:
    """Outputs of the tasks that the database holds as completed."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        return dict(connection.execute("SELECT task_id, output FROM tasks WHERE status = 'completed'").fetchall())


def test_a_run_goes_on_from_a_backup_that_was_made_while_it_ran(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    latency = ("--latency-ms", "40", "--latency-jitter-ms", "30")
    with MockModelProcess(tmp_path / "mock", *latency) as model:
        with (
            ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
            service.client() as client,
        ):
            body = body_of(DAG) | {"limits": {"max_parallel_agents": 50}}
            swarm_id = client.post("/v1/swarms", json=body).json()["swarm_id"]
            at = f"/v1/swarms/{swarm_id}"
            poll(lambda: client.get(at).json()["counts"]["completed"] > len(DAG) // 4, what="progress")

            model.configure(latency_ms=1000)  # it must not be over before the command has so much as started
            made = backup(service.data_dir, str(copy), "--json")

            assert made.returncode == 0, made.stderr
            assert client.get(at).json()["status"] == "running"  # it was made under load
        model.configure(latency_ms=40)
        kept = completed(copy)
        assert len(DAG) // 4 < len(kept) < len(DAG)
        facts = json.loads(made.stdout)
        assert (facts["file"], facts["size_bytes"], facts["swarms"]) == (str(copy), copy.stat().st_size, 1)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "mock", "service"]
        assert copy.stat().st_mode & 0o077 == 0

        restored = ServiceProcess(tmp_path / "restored", *model.as_provider())
        restored.data_dir.mkdir()
        shutil.copy(copy, restored.data_dir / "swarmd.db")
        before = len(model.calls())
        with restored, restored.client() as client:
            ended = poll(lambda: found if (found := client.get(at).json())["ended_at"] else None, what="the end")
            assert (ended["status"], ended["counts"]["completed"]) == ("completed", len(DAG)), ended
            check_order(DAG, events_of(client, swarm_id))
            outputs = {task["task_id"]: task["output"] for task in client.get(f"{at}/results").json()["outputs"]}
        called = {call["task_id"] for call in model.calls()[before:]}
        assert not called & kept.keys(), "a task recorded as completed was called again"
        assert {task_id: outputs[task_id] for task_id in kept} == {name: json.loads(kept[name]) for name in kept}


def test_a_file_is_replaced_only_by_force_and_only_by_a_good_copy(tmp_path: Path) -> None:
    source, copy = place_database(tmp_path / "data" / "swarmd.db"), tmp_path / "copy.db"
    copy.write_text("mine")

    refused = backup(tmp_path / "data", str(copy))
    assert (refused.returncode, copy.read_text()) == (2, "mine")
    assert "--force" in refused.stderr

    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    damaged = backup(tmp_path / "data", str(copy), "--force")
    assert (damaged.returncode, copy.read_text()) == (1, "mine")

    source.write_bytes(whole)
    assert backup(tmp_path / "data", str(copy), "--force").returncode == 0
    assert completed(copy) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "data"]


@pytest.mark.parametrize("target", ["missing/copy.db", "data", "data/swarmd.db"])
def test_a_place_where_nothing_can_be_written_is_an_error_in_one_line(tmp_path: Path, target: str) -> None:
    source = place_database(tmp_path / "data" / "swarmd.db")
    before = source.read_bytes()

    ended = backup(tmp_path / "data", str(tmp_path / target), "--force")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1
    assert source.read_bytes() == before


def test_a_data_directory_without_a_database_is_an_error(tmp_path: Path) -> None:
    ended = backup(tmp_path, str(tmp_path / "copy.db"))

    assert ended.returncode == 1
    assert "no database" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_uploads_are_in_the_backup_and_in_what_is_restored_from_it(tmp_path: Path) -> None:
    copy, contents_at = tmp_path / "copy.db", tmp_path / "copy.db.blobs"

    def contents() -> list[str]:
        return sorted(path.name for path in contents_at.rglob("*") if path.is_file())

    with ServiceProcess(tmp_path / "service") as service, service.client() as client:

        def upload(text: bytes) -> str:
            answer = client.post("/v1/files", files={"file": ("a.txt", text, "text/plain")})
            assert answer.status_code == 201, answer.text
            return str(answer.json()["file_id"])

        kept, gone = upload(b"first"), upload(b"second")
        assert backup(service.data_dir, str(copy)).returncode == 0
        assert contents() == sorted([sha256(b"first").hexdigest(), sha256(b"second").hexdigest()])
        assert all(path.stat().st_mode & 0o077 == 0 for path in contents_at.rglob("*"))

        assert client.delete(f"/v1/files/{gone}").status_code == 204
        third = upload(b"third" * 1_000_000)
        at = next(service.data_dir.rglob(sha256(b"third" * 1_000_000).hexdigest()))
        at.write_bytes(b"rotten" + at.read_bytes()[6:])
        made = backup(service.data_dir, str(copy), "--force", "--json")

        facts = json.loads(made.stdout)
        assert (made.returncode, facts["contents"], facts["contents_bytes"]) == (0, 1, 5)
        assert (facts["missing"], facts["damaged"]) == ([], [at.name])
        assert f"{at.name} in" in made.stderr
        assert contents() == [sha256(b"first").hexdigest()], "what the copy does not refer to any more is still there"

    restored = ServiceProcess(tmp_path / "restored")
    restored.data_dir.mkdir()
    shutil.copy(copy, restored.data_dir / "swarmd.db")
    shutil.copytree(contents_at, restored.data_dir / "swarmd.blobs")
    with restored, restored.client() as client:
        assert client.get(f"/v1/files/{kept}/content").content == b"first"
        assert client.get(f"/v1/files/{third}/content").status_code == 404
