"""shares of whatever is limited, not only of providers

What stood in the table were leases of processes that have ended: the new ones begin with none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("shares")
    op.create_table(
        "shares",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("demand", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "node"),
    )


def downgrade() -> None:
    op.drop_table("shares")
    op.create_table(
        "shares",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("demand", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "node"),
    )
