"""Every adapter of the store, behind one fixture: a test that takes ``store`` runs once for each."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.storage.database import Database
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.postgres import server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """What ``open_database`` takes: an empty database of each kind."""
    if request.param == "sqlite":
        yield place_database(tmp_path / "x.db")
        return
    with server().database() as url:
        yield url


@pytest.fixture
async def store(place: Path | str) -> AsyncIterator[Database]:
    async with open_database(place) as database:
        yield database
