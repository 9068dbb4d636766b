"""The store as the service gets it: one attribute a noun, whichever database is behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.ports.blobs import Blobs
from app.ports.clock import Clock, Entropy
from app.storage.agents import Agents
from app.storage.artifacts import Artifacts
from app.storage.assignments import Assignments, Workers
from app.storage.audit import Audit
from app.storage.barriers import Barriers
from app.storage.blobs import DatabaseBlobs
from app.storage.credits import Credits
from app.storage.events import Events
from app.storage.files import Contents, Files
from app.storage.forks import Forks
from app.storage.fresh import FreshRuns
from app.storage.graphs import Graphs
from app.storage.holdings import Holdings
from app.storage.idempotency import IdempotencyKeys
from app.storage.keys import Keys
from app.storage.learned import Learned
from app.storage.memory import Memory
from app.storage.messages import Messages
from app.storage.nodes import Nodes
from app.storage.prices import Prices
from app.storage.reader import Reader
from app.storage.roles import Roles
from app.storage.runs import Runs
from app.storage.shares import Shares
from app.storage.signs import Signs
from app.storage.swarms import Swarms
from app.storage.tasks import Tasks
from app.storage.tickets import Tickets
from app.storage.usage import Usage
from app.storage.webhooks import Webhooks
from app.storage.writer import Writer


@dataclass(frozen=True, slots=True)
class Database:
    """The store, one attribute a noun."""

    runs: Runs
    swarms: Swarms
    tasks: Tasks
    events: Events
    keys: Keys
    agents: Agents
    barriers: Barriers
    prices: Prices
    roles: Roles
    forks: Forks
    usage: Usage
    idempotency: IdempotencyKeys
    memory: Memory
    messages: Messages
    artifacts: Artifacts
    files: Files
    contents: Contents
    credits: Credits
    audit: Audit
    webhooks: Webhooks
    graphs: Graphs
    assignments: Assignments
    workers: Workers
    nodes: Nodes | None
    shares: Shares
    signs: Signs
    learned: Learned
    holdings: Holdings | None
    tickets: Tickets | None
    blobs: Callable[[Clock, Entropy], Blobs] | None

    @classmethod
    def of(cls, writer: Writer, reader: Reader, *, lease_s: float | None = None) -> Database:
        """Args:
        lease_s: how long a node lives after each sign of life; None where no other process can have the database.
        """
        fresh = FreshRuns()
        nodes = None if lease_s is None else Nodes(writer, reader, lease_s)
        return cls(
            nodes=nodes,
            holdings=None if nodes is None else Holdings(writer, nodes),
            tickets=None if lease_s is None else Tickets(writer, reader),
            blobs=None if lease_s is None else partial(DatabaseBlobs, writer, reader),
            runs=Runs(writer, reader, fresh, nodes),
            swarms=Swarms(writer, reader, fresh),
            tasks=Tasks(reader),
            events=Events(reader),
            keys=Keys(writer, reader),
            agents=Agents(writer, reader),
            barriers=Barriers(writer, reader),
            prices=Prices(writer, reader),
            roles=Roles(writer, reader),
            forks=Forks(reader),
            usage=Usage(writer, reader),
            idempotency=IdempotencyKeys(writer, reader),
            memory=Memory(writer, reader),
            messages=Messages(writer, reader),
            artifacts=Artifacts(writer, reader),
            files=Files(writer, reader),
            contents=Contents(writer, reader),
            credits=Credits(writer, reader),
            audit=Audit(writer, reader),
            webhooks=Webhooks(writer, reader),
            graphs=Graphs(writer, reader),
            assignments=Assignments(writer, reader),
            workers=Workers(writer),
            shares=Shares(writer),
            signs=Signs(writer, reader),
            learned=Learned(writer),
        )


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the command line may change beside a running service."""

    keys: Keys
    credits: Credits
    audit: Audit

    @classmethod
    def of(cls, writer: Writer, reader: Reader) -> Accounts:
        return cls(Keys(writer, reader), Credits(writer, reader), Audit(writer, reader))
