"""the tasks of a swarm are found by their index alone, whatever PostgreSQL has heard of the table"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A plan that was made while the table was empty holds for as long as the connection. With two indexes that begin
    with the swarm it may have chosen the wrong one, and reads all tasks of the swarm for each that it writes: 2.0
    instead of 0.2 ms of PostgreSQL's time a task in a run of 5,000.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("tasks_by_client_id", table_name="tasks")
        op.create_index("tasks_by_client_id", "tasks", ["task_id", "swarm_id"], unique=True)
