"""Which writes of tools are remembered, so that a crash does not make them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ports.memory import MemoryCaps, MemoryEntry, MemoryWrite
from app.storage import memory
from app.storage.database import Database
from app.storage.engine import open_database

pytestmark = pytest.mark.anyio


async def put(store: Database, run_key: str) -> MemoryEntry | None:
    write = MemoryWrite(
        key="k", value_json=f'"{run_key}"', size_bytes=9, if_version=None, expires_at_ms=None, run_key=run_key
    )
    return await store.memory.put("acme", "agt_a", write, MemoryCaps(), 0)


async def test_only_the_newest_writes_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_REMEMBERED_RUNS", 4)
    monkeypatch.setattr(memory, "_FORGET_EVERY", 2)
    async with open_database(tmp_path / "x.db") as store:
        for nth in range(1, 11):
            await put(store, f"run {nth}")
        kept = [await put(store, f"run {nth}") for nth in (7, 10)]
        again = await put(store, "run 3")  # long ago: nobody knows of it any more

    assert [entry and entry.version for entry in kept] == [7, 10]
    assert again is not None
    assert again.version == 11
