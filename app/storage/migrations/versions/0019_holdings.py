"""what each node holds of the budgets of keys and the credits of tenants"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "holdings",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("held_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("short_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("left_nano_usd", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "owner", "node"),
    )
    op.create_index("holdings_by_node", "holdings", ["node"])


def downgrade() -> None:
    op.drop_table("holdings")
