"""when a run that waits for its time starts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("swarms", sa.Column("start_at_ms", sa.BigInteger(), nullable=True))
    op.create_index("swarms_by_start", "swarms", ["start_at_ms"], sqlite_where=sa.text("start_at_ms IS NOT NULL"))
