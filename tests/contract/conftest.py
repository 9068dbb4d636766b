"""Every adapter of the store, behind one fixture: a test that takes ``store`` runs once for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.storage.engine import Database, open_database
from tests.support.databases import place_database


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    assert request.param == "sqlite"
    async with open_database(place_database(tmp_path / "x.db")) as database:
        yield database
