"""contents of files in a database that several nodes share"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("taken_until_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("contents_by_taking", "contents", ["taken_until_ms"])
    op.create_table(
        "content_parts",
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "part"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Files are packed already, or are read as often as written.
        op.execute("ALTER TABLE content_parts ALTER COLUMN octets SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("content_parts")
    op.drop_table("contents")
