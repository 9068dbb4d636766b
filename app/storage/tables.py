"""The tables. Private to ``app.storage``; the migrations in ``migrations/versions`` build the same schema.

Times are Unix milliseconds, money nano-dollars, JSON columns are text that this service serialised. What never changes
after it was accepted (``task_inputs``) stands apart from what does: SQLite rewrites a whole row on every update, and an
input may be 1 MiB.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, text
from sqlmodel import Field, SQLModel


def _big(*, nullable: bool = False, default: int | None = None) -> Column[int]:
    return Column(BigInteger, nullable=nullable, server_default=None if default is None else str(default))


def _text(*, nullable: bool = True) -> Column[str]:
    return Column(Text, nullable=nullable)


class Swarms(SQLModel, table=True):
    """One row a run, written by its runner alone; what clients ask of a run stands in ``commands``.

    ``budget`` is JSON; ``unsettled_…`` is the worst case of calls whose bill will never be known, ``reserved_…`` of
    those under way. ``key_id`` is the API key that started it. ``labels`` is the client's ``metadata``; it stands apart
    from ``spec``, whose prompts may be megabytes that a list must not read.
    """

    __tablename__ = "swarms"
    __table_args__ = (
        Index("swarms_by_tenant", "tenant_id", "id"),
        Index("swarms_by_owner", "status", "lease_owner"),
        Index("swarms_by_agent", "agent_id", "status"),
        Index("swarms_by_start", "start_at_ms", sqlite_where=text("start_at_ms IS NOT NULL")),
    )

    id: str = Field(primary_key=True)
    tenant_id: str
    agent_id: str
    key_id: str | None = None
    name: str | None = None
    status: str
    kind: str
    labels: str = Field(sa_column=_text(nullable=False))
    spec: str = Field(sa_column=_text(nullable=False))
    created_at_ms: int = Field(sa_column=_big())
    started_at_ms: int = Field(sa_column=_big())
    start_at_ms: int | None = Field(sa_column=_big(nullable=True))
    ended_at_ms: int | None = Field(sa_column=_big(nullable=True))
    max_parallel_agents: int
    priority: int | None = None
    budget: str | None = Field(sa_column=_text())
    pause_reason: str | None = None
    unsettled_nano_usd: int = Field(sa_column=_big(default=0))
    unsettled_tokens: int = Field(sa_column=_big(default=0))
    reserved_nano_usd: int = Field(sa_column=_big(default=0))
    counts: str = Field(sa_column=_text(nullable=False))
    prompt_tokens: int = Field(sa_column=_big(default=0))
    completion_tokens: int = Field(sa_column=_big(default=0))
    cached_tokens: int = Field(sa_column=_big(default=0))
    cost_nano_usd: int = Field(sa_column=_big(default=0))
    steps: int = 0
    last_seq: int = 0
    error: str | None = Field(sa_column=_text())
    aggregated: str | None = Field(sa_column=_text())
    aggregation: str | None = Field(sa_column=_text())
    lease_owner: str | None = None
    lease_token: int = Field(sa_column=_big(default=0))


class Tasks(SQLModel, table=True):
    """One row a task; ``attempt`` is the fence: an outcome is written only while its attempt is the running one.

    ``awaits`` lists the dependencies that are tasks of other swarms, as JSON ``[[task id, swarm id, index], …]``.
    ``kind`` is task, planner or merge: only the first was asked for. ``weight`` of a vote is NULL for 1, ``score`` is a
    validator's, 0-1.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_by_client_id", "swarm_id", "task_id", unique=True),
        {"sqlite_with_rowid": False},
    )

    swarm_id: str = Field(primary_key=True)
    ix: int = Field(primary_key=True)
    task_id: str
    kind: str = Field(sa_column=Column(Text, nullable=False, server_default="task"))
    weight: float | None = None
    score: float | None = None
    type: str | None = None
    role: str | None = None
    priority: int
    complexity: int | None = None
    lane: str
    requested_model: str | None = None
    timeout_s: float
    max_retries: int
    depends_on: str = Field(sa_column=_text(nullable=False))
    awaits: str | None = Field(sa_column=_text())
    allow_failed_dependencies: bool = False
    status: str
    attempt: int = 0
    failures: int = 0
    queued_at_ms: int = Field(sa_column=_big(default=0))
    not_before_ms: int = Field(sa_column=_big(default=0))
    queue_ms: int | None = Field(sa_column=_big(nullable=True))
    started_at_ms: int | None = Field(sa_column=_big(nullable=True))
    attempt_started_at_ms: int | None = Field(sa_column=_big(nullable=True))
    ended_at_ms: int | None = Field(sa_column=_big(nullable=True))
    latency_ms: float | None = None
    output: str | None = Field(sa_column=_text())
    error: str | None = Field(sa_column=_text())
    error_type: str | None = None
    model: str | None = None
    prompt_tokens: int = Field(sa_column=_big(default=0))
    completion_tokens: int = Field(sa_column=_big(default=0))
    cached_tokens: int = Field(sa_column=_big(default=0))
    cost_nano_usd: int | None = Field(sa_column=_big(nullable=True))


class TaskInputs(SQLModel, table=True):
    """What a sub-agent reads, as accepted: one JSON object, never updated."""

    __tablename__ = "task_inputs"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    ix: int = Field(primary_key=True)
    payload: str = Field(sa_column=_text(nullable=False))


class Attempts(SQLModel, table=True):
    """The attempts that ended without an output. The running or completed one is told by the task's own row.

    So an attempt that succeeds, as most do, costs no write of its own.
    """

    __tablename__ = "attempts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    ix: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    status: str
    started_at_ms: int = Field(sa_column=_big())
    ended_at_ms: int | None = Field(sa_column=_big(nullable=True))
    queue_ms: int = Field(sa_column=_big(default=0))
    latency_ms: float | None = None
    model: str | None = None
    prompt_tokens: int = Field(sa_column=_big(default=0))
    completion_tokens: int = Field(sa_column=_big(default=0))
    cached_tokens: int = Field(sa_column=_big(default=0))
    cost_nano_usd: int | None = Field(sa_column=_big(nullable=True))
    error: str | None = Field(sa_column=_text())


class Steps(SQLModel, table=True):
    """The journal of tasks whose attempts take several calls: one row a call that was answered, never changed.

    ``record`` is JSON, what the next call needs of this one. A task that takes one call has no row.
    """

    __tablename__ = "steps"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    ix: int = Field(primary_key=True)
    step: int = Field(primary_key=True)
    attempt: int
    record: str = Field(sa_column=_text(nullable=False))
    model: str | None = None
    latency_ms: float
    at_ms: int = Field(sa_column=_big())
    prompt_tokens: int = Field(sa_column=_big(default=0))
    completion_tokens: int = Field(sa_column=_big(default=0))
    cached_tokens: int = Field(sa_column=_big(default=0))
    cost_nano_usd: int | None = Field(sa_column=_big(nullable=True))


class Events(SQLModel, table=True):
    """The event log: a row holds the events of one commit, or up to 256 of them, so a commit costs one row, not fifty.

    ``bodies`` is one frame a line, each byte for byte what watchers get.
    """

    __tablename__ = "events"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    first_seq: int = Field(primary_key=True)
    last_seq: int
    bodies: str = Field(sa_column=_text(nullable=False))


class Commands(SQLModel, table=True):
    """What clients asked of a run and its runner has not done yet; a command goes with the commit that does it."""

    __tablename__ = "commands"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    kind: str
    body: str = Field(sa_column=_text(nullable=False))


class IdempotencyKeys(SQLModel, table=True):
    """What a client's ``Idempotency-Key`` stands for: the run it started, or the answer it got.

    ``fingerprint`` is the SHA-256 of the request. Without an answer it is that of the run's results.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("idempotency_keys_by_age", "created_at_ms"),
        Index("idempotency_keys_by_swarm", "swarm_id"),
        {"sqlite_with_rowid": False},
    )

    tenant_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    swarm_id: str | None = None
    status: int | None = None
    answer: str | None = Field(sa_column=_text())
    created_at_ms: int = Field(sa_column=_big())


class Prices(SQLModel, table=True):
    """Prices set by API, in nano-dollars per million tokens; they win over the configured and the kept ones."""

    __tablename__ = "prices"

    model: str = Field(primary_key=True)
    input_nano_per_mtok: int = Field(sa_column=_big())
    cached_input_nano_per_mtok: int | None = Field(sa_column=_big(nullable=True))
    output_nano_per_mtok: int = Field(sa_column=_big())
    updated_at_ms: int = Field(sa_column=_big())


class Roles(SQLModel, table=True):
    """Roles that a tenant made or replaced by API; ``capability_tags`` is a JSON array."""

    __tablename__ = "roles"

    tenant_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    system_prompt: str = Field(sa_column=_text(nullable=False))
    capability_tags: str = Field(sa_column=_text(nullable=False))
    model: str | None = None
    tier: str | None = None
    updated_at_ms: int = Field(sa_column=_big())


class Usage(SQLModel, table=True):
    """What was used, summed up by day (UTC, ``2026-01-31``), key and model; written with the outcomes it counts.

    ``key_id`` is empty in local mode. ``unpriced_calls`` have no known price; ``unsettled_nano_usd`` is the worst case
    of calls whose bill will never be known.
    """

    __tablename__ = "usage"
    __table_args__ = (Index("usage_by_key", "key_id", "day"), {"sqlite_with_rowid": False})

    tenant_id: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    key_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    calls: int = Field(sa_column=_big())
    prompt_tokens: int = Field(sa_column=_big())
    completion_tokens: int = Field(sa_column=_big())
    cached_tokens: int = Field(sa_column=_big())
    cost_nano_usd: int = Field(sa_column=_big())
    unpriced_calls: int = Field(sa_column=_big())
    unsettled_nano_usd: int = Field(sa_column=_big())


class Keys(SQLModel, table=True):
    """API keys; only the SHA-256 of the secret is kept, and of the one before it while both work."""

    __tablename__ = "keys"
    __table_args__ = (
        Index("keys_by_hash", "secret_hash", unique=True),
        Index("keys_by_old_hash", "old_secret_hash"),
        Index("keys_by_tenant", "tenant_id", "id"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str
    name: str
    secret_hash: str
    scopes: str
    max_cost_per_day_nano_usd: int | None = Field(sa_column=_big(nullable=True))
    created_at_ms: int = Field(sa_column=_big())
    revoked_at_ms: int | None = Field(sa_column=_big(nullable=True))
    prefix: str | None = None
    old_secret_hash: str | None = None
    old_secret_until_ms: int | None = Field(sa_column=_big(nullable=True))
    max_requests_per_minute: int | None = Field(sa_column=_big(nullable=True))
    max_parallel_agents: int | None = Field(sa_column=_big(nullable=True))
    last_used_at_ms: int | None = Field(sa_column=_big(nullable=True))
    expires_at_ms: int | None = Field(sa_column=_big(nullable=True))


class Agents(SQLModel, table=True):
    """Orchestrators; ``config`` is what the client configured, as JSON."""

    __tablename__ = "agents"
    __table_args__ = (Index("agents_by_name", "tenant_id", "name", unique=True),)

    id: str = Field(primary_key=True)
    tenant_id: str
    name: str
    config: str = Field(sa_column=_text(nullable=False))
    max_parallel_agents: int
    created_at_ms: int = Field(sa_column=_big())
    updated_at_ms: int = Field(sa_column=_big())


class Barriers(SQLModel, table=True):
    """Barrier runs; the newest row of a name is the one that counts. Without a swarm the check before it failed."""

    __tablename__ = "barriers"
    __table_args__ = (
        Index("barriers_by_name", "tenant_id", "name", "id"),
        Index("barriers_by_agent", "agent_id", "prefix", "number", "id"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str
    agent_id: str
    name: str
    prefix: str
    number: int | None = Field(sa_column=_big(nullable=True))
    swarm_id: str | None = None
    total: int
    error: str | None = Field(sa_column=_text())
    created_at_ms: int = Field(sa_column=_big())


class AgentLog(SQLModel, table=True):
    """The order of commits among all swarms of an orchestrator: one row a commit, for its merged stream."""

    __tablename__ = "agent_log"
    __table_args__ = ({"sqlite_with_rowid": False},)

    agent_id: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    swarm_id: str
    first_seq: int
    last_seq: int


class TaskNames(SQLModel, table=True):
    """The newest task of each id that was given to an orchestrator, for ``depends_on`` across requests."""

    __tablename__ = "task_names"
    __table_args__ = ({"sqlite_with_rowid": False},)

    agent_id: str = Field(primary_key=True)
    task_id: str = Field(primary_key=True)
    swarm_id: str
    ix: int


class Probes(SQLModel, table=True):
    """One row, written by readiness checks: only a real write proves that the disk takes one."""

    __tablename__ = "probes"

    id: int = Field(primary_key=True)
    at_ms: int = Field(sa_column=_big())


SWARMS: Table = SQLModel.metadata.tables["swarms"]
TASKS: Table = SQLModel.metadata.tables["tasks"]
TASK_INPUTS: Table = SQLModel.metadata.tables["task_inputs"]
ATTEMPTS: Table = SQLModel.metadata.tables["attempts"]
STEPS: Table = SQLModel.metadata.tables["steps"]
EVENTS: Table = SQLModel.metadata.tables["events"]
COMMANDS: Table = SQLModel.metadata.tables["commands"]
IDEMPOTENCY_KEYS: Table = SQLModel.metadata.tables["idempotency_keys"]
PRICES: Table = SQLModel.metadata.tables["prices"]
ROLES: Table = SQLModel.metadata.tables["roles"]
USAGE: Table = SQLModel.metadata.tables["usage"]
KEYS: Table = SQLModel.metadata.tables["keys"]
AGENTS: Table = SQLModel.metadata.tables["agents"]
BARRIERS: Table = SQLModel.metadata.tables["barriers"]
AGENT_LOG: Table = SQLModel.metadata.tables["agent_log"]
PROBES: Table = SQLModel.metadata.tables["probes"]
TASK_NAMES: Table = SQLModel.metadata.tables["task_names"]
