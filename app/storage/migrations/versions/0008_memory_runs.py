"""which tool calls have written to shared memory"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memory_runs",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("run_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "version"),
        sqlite_with_rowid=False,
    )
    op.create_index("memory_runs_by_run", "memory_runs", ["agent_id", "run_key"], unique=True)


def downgrade() -> None:
    op.drop_table("memory_runs")
