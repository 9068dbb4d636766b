"""The files of the database are deleted, replaced or made read-only under the running service.

What is written then would be gone after a restart, so nothing is acknowledged any more and readiness says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.databases import place_database
from tests.support.driving import ended, many, serving, start, until
from tests.support.figures import report
from tests.support.providers import hang

pytestmark = pytest.mark.anyio

NOBODY = 65534


def _delete(path: Path) -> None:
    path.unlink()


def _delete_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def _replace(path: Path) -> None:
    place_database(path.with_name("other.db")).replace(path)


def _remove_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


TAKEN: dict[str, Callable[[Path], None]] = {
    "database deleted": _delete,
    "log deleted": _delete_log,
    "database replaced": _replace,
    "directory gone": _remove_directory,
}


@pytest.mark.parametrize("name", TAKEN)
async def test_files_that_are_gone_turn_readiness_red_and_nothing_is_acknowledged(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path / "data", hang) as (client, provider):
        await start(client, many(2))
        await until(lambda: len(provider.running) == 2)
        assert (await client.get("/readyz")).status_code == 200

        TAKEN[name](tmp_path / "data" / "swarmd.db")

        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "store_unavailable")
        assert str(tmp_path) not in ready.text
        refused = await client.post("/v1/swarms", json={"tasks": [{}]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert (await client.get("/healthz")).status_code == 200
    report(6, f"{name} under the service: readiness after it, and new work = 503, 503")


async def test_a_directory_that_comes_back_is_taken_up_again(tmp_path: Path) -> None:
    data, away = tmp_path / "data", tmp_path / "away"
    async with serving(data) as (client, _):
        data.rename(away)
        assert (await client.get("/readyz")).status_code == 503
        away.rename(data)
        assert (await client.get("/readyz")).status_code == 200
        found = await ended(client, await start(client, many(3)))
        assert found["status"] == "completed"


async def test_a_read_only_directory_turns_readiness_red(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as (client, _):
        assert (await client.get("/readyz")).status_code == 200
        (tmp_path / "data").chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:  # whom no mode of a directory stops
            tmp_path.chmod(0o711)
            os.seteuid(NOBODY)
        try:
            ready = await client.get("/readyz")
        finally:
            if is_root:
                os.seteuid(0)
            (tmp_path / "data").chmod(0o755)

        assert (ready.status_code, ready.json()["code"]) == (503, "store_unavailable")
        assert (await client.get("/readyz")).status_code == 200
