"""The tables of what sub-agents share: memory, messages, files. Private to ``app.storage``, as ``tables`` is.

Times are Unix milliseconds; contents of files stand on the disk (``app.blobs``), known here by their SHA-256.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlmodel import Field, SQLModel


def _big(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


class Memory(SQLModel, table=True):
    """Shared memory of an orchestrator; ``version`` orders its writes. ``run_key`` names the tool call that wrote."""

    __tablename__ = "memory"

    agent_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str = Field(sa_column=_text())
    version: int = Field(sa_column=_big())
    size_bytes: int = Field(sa_column=_big())
    updated_at_ms: int = Field(sa_column=_big())
    expires_at_ms: int | None = Field(sa_column=_big(nullable=True))
    run_key: str | None = None


class MemoryTotals(SQLModel, table=True):
    """What ``memory`` holds of an orchestrator, and the newest version: it must outlive the entry that had it."""

    __tablename__ = "memory_totals"
    __table_args__ = (Index("memory_totals_by_tenant", "tenant_id"),)

    agent_id: str = Field(primary_key=True)
    tenant_id: str
    last_version: int = Field(sa_column=_big())
    entries: int = Field(sa_column=_big())
    size_bytes: int = Field(sa_column=_big())


class MemoryRuns(SQLModel, table=True):
    """Tool calls that have written to ``memory``, the newest of each orchestrator, and the version each made."""

    __tablename__ = "memory_runs"
    __table_args__ = (
        Index("memory_runs_by_run", "agent_id", "run_key", unique=True),
        {"sqlite_with_rowid": False},
    )

    agent_id: str = Field(primary_key=True)
    version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    run_key: str


class Messages(SQLModel, table=True):
    """Messages of a swarm; ``topic``, or ``ix`` of the task it is for.

    With a rowid: without one SQLite would rather walk along the primary key than take the indexes, which here are what
    keeps a reader from looking at everybody's messages.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("messages_by_run", "swarm_id", "run_key", unique=True),
        Index("messages_by_task", "swarm_id", "ix", "position"),
        Index("messages_by_topic", "swarm_id", "topic", "position"),
    )

    swarm_id: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    sender: str
    sender_seq: int = Field(sa_column=_big())
    topic: str | None = None
    ix: int | None = None
    body: str = Field(sa_column=_text())
    size_bytes: int = Field(sa_column=_big())
    at_ms: int = Field(sa_column=_big())
    run_key: str


class MessageQueues(SQLModel, table=True):
    """What ``messages`` holds of a swarm, and the newest position: it must outlive the message that had it."""

    __tablename__ = "message_queues"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    last_position: int = Field(sa_column=_big())
    messages: int = Field(sa_column=_big())
    size_bytes: int = Field(sa_column=_big())


class MessageSenders(SQLModel, table=True):
    """How many messages each sender has sent."""

    __tablename__ = "message_senders"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    sender: str = Field(primary_key=True)
    last_seq: int = Field(sa_column=_big())


class MessageCursors(SQLModel, table=True):
    """How far each reader is. Direct messages of task ``ix`` have the topic and consumer '', topics the ``ix`` -1.

    Up to ``acked`` it has them for good, up to ``delivered`` they were given to the tool call ``delivered_by``.
    """

    __tablename__ = "message_cursors"
    __table_args__ = ({"sqlite_with_rowid": False},)

    swarm_id: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    ix: int = Field(primary_key=True)
    consumer: str = Field(primary_key=True)
    acked: int = Field(sa_column=_big())
    delivered: int = Field(sa_column=_big())
    delivered_by: str | None = None


class Artifacts(SQLModel, table=True):
    """Named outputs of tasks, one row a version."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("artifacts_by_run", "swarm_id", "run_key", unique=True),
        Index("artifacts_by_content", "sha256"),
        {"sqlite_with_rowid": False},
    )

    swarm_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    task_id: str
    media_type: str
    size_bytes: int = Field(sa_column=_big())
    sha256: str
    run_key: str
    created_at_ms: int = Field(sa_column=_big())


class Files(SQLModel, table=True):
    """Files that clients uploaded; ``once`` is the ``Idempotency-Key`` of the upload."""

    __tablename__ = "files"
    __table_args__ = (
        Index("files_by_tenant", "tenant_id", "id"),
        Index("files_by_name", "tenant_id", "name", "id"),
        Index("files_by_key", "tenant_id", "once", unique=True),
        Index("files_by_content", "sha256"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str
    name: str
    media_type: str
    size_bytes: int = Field(sa_column=_big())
    sha256: str
    once: str | None = None
    created_at_ms: int = Field(sa_column=_big())


class UnusedContents(SQLModel, table=True):
    """Contents that something no longer refers to: to be looked at, and removed where nothing else does."""

    __tablename__ = "unused_contents"

    sha256: str = Field(primary_key=True)


MEMORY: Table = SQLModel.metadata.tables["memory"]
MEMORY_TOTALS: Table = SQLModel.metadata.tables["memory_totals"]
MEMORY_RUNS: Table = SQLModel.metadata.tables["memory_runs"]
MESSAGES: Table = SQLModel.metadata.tables["messages"]
MESSAGE_QUEUES: Table = SQLModel.metadata.tables["message_queues"]
MESSAGE_SENDERS: Table = SQLModel.metadata.tables["message_senders"]
MESSAGE_CURSORS: Table = SQLModel.metadata.tables["message_cursors"]
ARTIFACTS: Table = SQLModel.metadata.tables["artifacts"]
FILES: Table = SQLModel.metadata.tables["files"]
UNUSED_CONTENTS: Table = SQLModel.metadata.tables["unused_contents"]
