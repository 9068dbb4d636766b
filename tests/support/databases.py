"""Databases for tests: fresh ones, migrated once a test run, then copied, which is fifty times quicker; and old ones.

An old one is kept as a SQL dump for each release, ``tests/fixtures/databases/<revision>.sql``, of a service that was
killed in the middle of a run. ``python -m tests.support.databases SWARMD.DB`` prints the dump of one more.
"""

import functools
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from app.storage.engine import migrate


def place_database(path: Path) -> Path:
    """Put an empty database of the newest version at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_template())
    return path


_DUMPS = Path(__file__).parents[1] / "fixtures" / "databases"


def place_old_database(path: Path, revision: str) -> Path:
    """Put the kept database of that version at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((_DUMPS / f"{revision}.sql").read_text(encoding="utf-8"))
    return path


def old_revisions() -> list[str]:
    return sorted(file.stem for file in _DUMPS.glob("*.sql"))


def dump_of(path: Path) -> str:
    """The database as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


@functools.cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        migrate(path)
        return path.read_bytes()


if __name__ == "__main__":
    sys.stdout.write(dump_of(Path(sys.argv[1])))
