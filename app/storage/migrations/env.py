"""Alembic's entry point: runs the migrations over the connection that ``storage.engine`` hands in."""

from alembic import context
from sqlmodel import SQLModel

from app.storage import tables

assert tables.SWARMS is not None  # importing the tables fills the metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
