"""nodes that share a database"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Rows that change with every commit stay on their page and leave its indexes alone.
        for table in ("swarms", "tasks", "usage", "nodes", "message_queues", "message_cursors"):
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 75)")


def downgrade() -> None:
    op.drop_table("duties")
    op.drop_table("nodes")
