"""shared memory, messages, artifacts and uploaded files"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memory",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("run_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("agent_id", "key"),
    )
    op.create_table(
        "memory_totals",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("last_version", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id"),
    )
    op.create_index("memory_totals_by_tenant", "memory_totals", ["tenant_id"])
    op.create_table(
        "messages",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_seq", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("ix", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("run_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("swarm_id", "position"),
    )
    op.create_index("messages_by_run", "messages", ["swarm_id", "run_key"], unique=True)
    op.create_index("messages_by_task", "messages", ["swarm_id", "ix", "position"])
    op.create_index("messages_by_topic", "messages", ["swarm_id", "topic", "position"])
    op.create_table(
        "message_queues",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("swarm_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message_senders",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("swarm_id", "sender"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message_cursors",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("ix", sa.Integer(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("acked", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("delivered_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("swarm_id", "topic", "ix", "consumer"),
        sqlite_with_rowid=False,
    )
    _create_contents()


def _create_contents() -> None:
    op.create_table(
        "artifacts",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("run_key", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("swarm_id", "name", "version"),
        sqlite_with_rowid=False,
    )
    op.create_index("artifacts_by_run", "artifacts", ["swarm_id", "run_key"], unique=True)
    op.create_index("artifacts_by_content", "artifacts", ["sha256"])
    op.create_table(
        "files",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("once", sa.Text(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("files_by_tenant", "files", ["tenant_id", "id"])
    op.create_index("files_by_name", "files", ["tenant_id", "name", "id"])
    op.create_index("files_by_key", "files", ["tenant_id", "once"], unique=True)
    op.create_index("files_by_content", "files", ["sha256"])
    op.create_table(
        "unused_contents",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )


def downgrade() -> None:
    for table in (
        "unused_contents",
        "files",
        "artifacts",
        "message_cursors",
        "message_senders",
        "message_queues",
        "messages",
        "memory_totals",
        "memory",
    ):
        op.drop_table(table)
