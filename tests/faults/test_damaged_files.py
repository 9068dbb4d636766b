"""Damage to the files of the database: it is refused in one line, with exit code 1, and nothing is overwritten."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.domain.errors import StoreUnavailable
from app.storage.damage import check_content, check_kind, check_log
from app.storage.engine import migrate, open_database
from app.storage.seal import check_seal
from tests.support.dags import layered
from tests.support.databases import place_database
from tests.support.driving import run, serving, start
from tests.support.figures import report
from tests.support.providers import Call, ScriptedProvider
from tests.support.runs import new_swarm
from tests.support.scheduling import scheduling
from tests.support.service import ROOT, clean_environment

pytestmark = pytest.mark.anyio

FLIPS = 400


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a data directory but the lock, and the index of the log, which SQLite makes anew."""
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.is_file() and not file.name.endswith((".lock", "-shm"))
    }


def serve(data_dir: Path) -> subprocess.CompletedProcess[str]:
    """``swarmd serve`` on a data directory that it has to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--data-dir", str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
    )


# --- files that cannot be a database of ours -------------------------------------------------------------------------


def _truncated(path: Path) -> None:
    with place_database(path).open("r+b") as file:
        file.truncate(path.stat().st_size // 3)


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def _only_a_log(path: Path) -> None:
    path.with_name("swarmd.db-wal").write_bytes(b"x" * 5000)


def _broken_log(path: Path) -> None:
    place_database(path)
    path.with_name("swarmd.db-wal").write_bytes(b"x" * 5000)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_truncated, "swarmd.db"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "directory": (lambda path: path.mkdir(), "is a directory"),
    "text": (lambda path: path.write_text("Dear diary, " * 1000), "not a SQLite database"),
    "foreign": (_foreign, "another program"),
    "only a log": (_only_a_log, "is missing"),
    "broken log": (_broken_log, "swarmd.db-wal is damaged"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_service_refuses_in_one_line_and_leaves_everything_as_it_was(tmp_path: Path, name: str) -> None:
    make, reason = FILES[name]
    make(tmp_path / "swarmd.db")
    before = contents(tmp_path)

    ended = serve(tmp_path)

    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith("swarmd: error: ")
    assert reason in line
    assert contents(tmp_path) == before


# --- flipped bits ----------------------------------------------------------------------------------------------------


async def a_database(path: Path, *, runs: int = 4) -> None:
    async def behaviour(call: Call) -> str:
        return "word " * random.Random(call.task_id).randint(5, 400)

    async with scheduling(path, ScriptedProvider(behaviour)) as work:
        for number in range(1, runs + 1):
            swarm = new_swarm(layered(number, 6, 20, 3), number=number)
            await work.add(swarm)
            await work.end(swarm.state.swarm_id)


def is_refused(check: Callable[[Path], object], path: Path) -> bool:
    try:
        check(path)
    except (StoreUnavailable, sqlite3.DatabaseError):
        return True
    return False


def rows(path: Path) -> str | None:
    """Everything that can be read, or None where it cannot."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return repr({name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names})
        except (sqlite3.DatabaseError, UnicodeError):
            return None


def quick_check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreUnavailable(verdict)


async def test_a_flipped_bit_in_a_closed_database_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole" / "x.db"
    await a_database(whole)
    path = tmp_path / "x.db"
    shutil.copy(whole.with_name("x.db.seal"), tmp_path)
    shutil.copy(whole, path)
    assert check_seal(path)
    intact, data = rows(path), whole.read_bytes()
    rng = random.Random(17)
    found: Counter[str] = Counter()

    for _ in range(FLIPS):
        bit = rng.randrange(len(data) * 8)
        if 60 <= bit // 8 < 64:
            continue  # the mark that tells which file a seal is of
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        found["flips"] += 1
        found["sealed"] += is_refused(migrate, path)
        assert path.read_bytes() == bytes(flipped)
        found["quick_check"] += is_refused(quick_check, path)
        seen = is_refused(check_kind, path) or is_refused(check_content, path)
        found["integrity_check"] += seen
        if not seen:
            found["harmless" if rows(path) == intact else "missed"] += 1

    flips = found["flips"]
    report(17, f"single flipped bits refused after an orderly stop (seal) = {found['sealed']} of {flips}")
    report(
        17,
        f"the same after a crash (integrity_check) = {found['integrity_check']} of {flips}"
        f" (quick_check {found['quick_check']}); of the others {found['harmless']} change no row,"
        f" {found['missed']} change one unnoticed",
    )
    assert found["sealed"] == flips
    assert found["integrity_check"] >= found["quick_check"]


async def test_a_seal_is_off_while_the_service_runs_and_says_nothing_of_another_file(tmp_path: Path) -> None:
    path, other = tmp_path / "x.db", tmp_path / "other.db"
    seal = tmp_path / "x.db.seal"
    async with open_database(path):
        assert not seal.exists()
    assert check_seal(path)

    place_database(other).replace(path)

    assert not check_seal(path)
    migrate(path)
    assert not seal.exists()


# --- the write-ahead log ---------------------------------------------------------------------------------------------


def logged(path: Path) -> bytes:
    """Make the log of a service that was killed after five commits; return it."""
    place_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for number in range(5):
            connection.execute("INSERT INTO probes VALUES (?, ?)", (number + 100, number))
        return path.with_name(path.name + "-wal").read_bytes()


def test_a_log_with_a_flipped_bit_before_its_last_commit_is_refused(tmp_path: Path) -> None:
    log = logged(tmp_path / "x.db")
    damaged = tmp_path / "damaged-wal"
    frame = 24 + 4096
    assert len(log) == 32 + 5 * frame
    rng = random.Random(5)
    damaged.write_bytes(log)
    check_log(damaged)

    refused = 0
    for _ in range(200):
        bit = rng.randrange((32 + 3 * frame) * 8)
        flipped = bytearray(log)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.write_bytes(flipped)
        refused += is_refused(check_log, damaged)

    report(17, f"flipped bits in the log before the last two commits refused = {refused} of 200")
    assert refused == 200


@pytest.mark.parametrize("cut", [0, 10, 32, 40, 4000, 32 + 2 * 4120 + 100])
def test_a_log_that_a_crash_cut_short_is_taken(tmp_path: Path, cut: int) -> None:
    log = tmp_path / "x.db-wal"
    log.write_bytes(logged(tmp_path / "x.db")[:cut])

    check_log(log)


# --- damage inside a row ---------------------------------------------------------------------------------------------


async def test_a_damaged_row_is_told_and_stops_nothing_else(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        at = await start(client, [{"id": "a"}], metadata={"k": "v"})
        assert (await client.get(f"{at}?wait=10")).status_code == 200
    with closing(sqlite3.connect(tmp_path / "swarmd.db")) as connection:
        connection.execute("UPDATE swarms SET labels = '{\"k', spec = '{\"k'")
        connection.execute("UPDATE swarms SET status = 'running', ended_at_ms = NULL, lease_owner = NULL")
        connection.commit()
    (tmp_path / "swarmd.db.seal").unlink(missing_ok=True)

    with capture_logs() as logs:
        async with serving(tmp_path) as (client, _):
            answer = await client.get(at)
            assert (answer.status_code, answer.json()["code"]) == (500, "internal")
            assert (await run(client, [{"id": "b"}]))["status"] == "completed"
            assert (await client.get("/readyz")).status_code == 200

    told = [log["event"] for log in logs]
    assert 1 <= told.count("runner_fell_over") <= 4  # it is tried again ever more rarely
    assert "request_crashed" in told
