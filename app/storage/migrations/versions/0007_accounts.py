"""limits, expiry and rotation of keys; prepaid credits; the audit log"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEY_COLUMNS = (
    ("prefix", sa.Text()),
    ("old_secret_hash", sa.Text()),
    ("old_secret_until_ms", sa.BigInteger()),
    ("max_requests_per_minute", sa.BigInteger()),
    ("max_parallel_agents", sa.BigInteger()),
    ("last_used_at_ms", sa.BigInteger()),
    ("expires_at_ms", sa.BigInteger()),
)


def upgrade() -> None:
    op.add_column("swarms", sa.Column("reserved_nano_usd", sa.BigInteger(), server_default="0", nullable=False))
    for name, kind in _KEY_COLUMNS:
        op.add_column("keys", sa.Column(name, kind, nullable=True))
    op.create_index("keys_by_old_hash", "keys", ["old_secret_hash"])
    op.create_index("keys_by_tenant", "keys", ["tenant_id", "id"])
    op.create_table(
        "credits",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("balance_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("usage_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("credits_by_reference", "credits", ["tenant_id", "reference"], unique=True)
    op.create_table(
        "audit",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("remote", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("audit_by_age", "audit", ["at_ms"])


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("credits")
    op.drop_index("keys_by_tenant", "keys")
    op.drop_index("keys_by_old_hash", "keys")
    op.drop_column("swarms", "reserved_nano_usd")
    with op.batch_alter_table("keys") as keys:
        for name, _ in _KEY_COLUMNS:
            keys.drop_column(name)
