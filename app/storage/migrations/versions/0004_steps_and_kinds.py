"""a journal of steps; planners and merges beside tasks; weights and scores"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "steps",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("ix", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("swarm_id", "ix", "step"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("kind", sa.Text(), server_default="task", nullable=False))
        tasks.add_column(sa.Column("weight", sa.Float(), nullable=True))
        tasks.add_column(sa.Column("score", sa.Float(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("an older version of swarmd would take planners and merges for tasks; restore a backup")
