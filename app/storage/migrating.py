"""Brings a schema to the newest version, with Alembic, in the transaction that the caller has begun."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from app.storage import tables

MIGRATIONS = Path(__file__).with_name("migrations")

assert tables.SWARMS is not None  # importing the tables fills the metadata

_UNSORTED = text("""
    SELECT quote_ident(table_name), quote_ident(column_name) FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = ANY(:ours) AND data_type IN ('text', 'character varying')
      AND collation_name IS DISTINCT FROM 'C'
""")
"""Whatever else is in the schema, an extension's views for example, is not ours to change."""


def upgrade(connection: Connection) -> None:
    """Raises alembic.util.CommandError where the schema is that of another version of swarmd."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upgrade_server(connection: Connection, lock: int) -> None:
    """Upgrade a PostgreSQL database. Of several that begin at once one does, and the others wait for it.

    Texts are made to compare byte by byte, which rewrites nothing but indexes, those of new columns: the order of pages
    does not depend on the locale of the server, and a new version of its libraries breaks no index.

    Args:
        lock: number of the advisory lock.
    """
    for waiting in ("lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {waiting} = 0"))  # others that begin wait, however long it takes
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
    upgrade(connection)
    ours = sorted(SQLModel.metadata.tables)
    for table, column in connection.execute(_UNSORTED, {"ours": ours}).all():
        connection.execute(text(f'ALTER TABLE {table} ALTER COLUMN {column} TYPE TEXT COLLATE "C"'))
