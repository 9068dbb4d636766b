"""events packed by commit; commands, budgets, prices, usage, idempotency keys"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PACK = 256


def upgrade() -> None:
    op.create_table(
        "commands",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("swarm_id", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("swarm_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at_ms"], unique=False)
    op.create_index("idempotency_keys_by_swarm", "idempotency_keys", ["swarm_id"], unique=False)
    op.create_table(
        "prices",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_nano_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_nano_per_mtok", sa.BigInteger(), nullable=True),
        sa.Column("output_nano_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
    op.create_table(
        "usage",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("unpriced_calls", sa.BigInteger(), nullable=False),
        sa.Column("unsettled_nano_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "day", "key_id", "model"),
        sqlite_with_rowid=False,
    )
    op.create_index("usage_by_key", "usage", ["key_id", "day"], unique=False)
    op.add_column("keys", sa.Column("max_cost_per_day_nano_usd", sa.BigInteger(), nullable=True))

    op.execute(
        "INSERT INTO commands (swarm_id, position, kind, body)"
        " SELECT id, 1, 'cancel', '{}' FROM swarms WHERE cancel_requested AND ended_at_ms IS NULL"
    )
    op.execute("UPDATE swarms SET lease_owner = NULL WHERE ended_at_ms IS NOT NULL")
    with op.batch_alter_table("swarms") as swarms:
        swarms.drop_column("cancel_requested")
        swarms.add_column(sa.Column("key_id", sa.Text(), nullable=True))
        swarms.add_column(sa.Column("priority", sa.Integer(), nullable=True))
        swarms.add_column(sa.Column("budget", sa.Text(), nullable=True))
        swarms.add_column(sa.Column("pause_reason", sa.Text(), nullable=True))
        swarms.add_column(sa.Column("unsettled_nano_usd", sa.BigInteger(), server_default="0", nullable=False))
        swarms.add_column(sa.Column("unsettled_tokens", sa.BigInteger(), server_default="0", nullable=False))
    _pack_events()


def _pack_events() -> None:
    op.rename_table("events", "single_events")
    packed = op.create_table(
        "events",
        sa.Column("swarm_id", sa.Text(), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("bodies", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("swarm_id", "first_seq"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    # A pack never spans two entries of an orchestrator's log, whose readers look packs up by those entries' ends.
    entries = connection.execute(sa.text("SELECT swarm_id, first_seq, last_seq FROM agent_log")).all()
    events = sa.text(
        "SELECT seq, body FROM single_events WHERE swarm_id = :swarm_id AND seq BETWEEN :first AND :last ORDER BY seq"
    )
    for swarm_id, first, last in entries:
        for start in range(first, last + 1, _PACK):
            end = min(start + _PACK - 1, last)
            rows = connection.execute(events, {"swarm_id": swarm_id, "first": start, "last": end}).all()
            if not rows:  # a deleted swarm leaves its last entry, which keeps the orchestrator's positions rising
                continue
            bodies = "\n".join([row.body for row in rows])
            pack = {"swarm_id": swarm_id, "first_seq": start, "last_seq": end, "bodies": bodies}
            connection.execute(sa.insert(packed).values(pack))
    op.drop_table("single_events")


def downgrade() -> None:
    raise NotImplementedError("an older version of swarmd cannot read packed events; restore a backup instead")
