"""One process among several, or alone: its doorbell and where its jobs are done. Part of the wiring, as ``main`` is.

Alone everything stays in the process, and nothing of NATS is imported.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from app.dispatch.local import LocalDispatch, LocalDoorbell
from app.domain.errors import SwarmdError
from app.ports.assignments import WorkerRow
from app.ports.dispatch import Dispatch
from app.ports.doorbell import Doorbell
from app.ports.tools import Tools
from app.scheduler.executor import Executor
from app.settings import Settings
from app.storage.database import Database
from app.toolbox import mcp_servers_here

if TYPE_CHECKING:
    from app.dispatch.broker import Broker
    from app.dispatch.nats import NatsDispatch
    from app.dispatch.worker import Worker

_ONLY_SOMEWHERE = ("code_interpreter",)
"""Tools that need something of the machine: a worker that has them says so."""


class NatsMissing(SwarmdError):
    """A server is configured, and the optional package is not installed."""

    code = "nats_missing"


class Node:
    """Args:
    owner: names this process in leases; no two have the same.
    """

    def __init__(self, settings: Settings, owner: str) -> None:
        self._settings = settings
        self._owner = owner
        self.broker: Broker | None = None
        self.worker: Worker | None = None
        self._dispatch: NatsDispatch | None = None
        self.doorbell: Doorbell = LocalDoorbell()
        if settings.nats_url is not None:
            self.broker = _broker(settings, owner)
            from app.dispatch.doorbell import NatsDoorbell

            self._nats_doorbell = NatsDoorbell(self.broker, owner)
            self.doorbell = self._nats_doorbell

    def dispatch(self, executor: Executor, tools: Tools, database: Database) -> Dispatch:
        """Return where runners of this process have their jobs done."""
        if self.broker is None:
            return LocalDispatch(executor)
        from app.dispatch.nats import NatsDispatch

        def server_of(name: str) -> str | None:
            tool = tools.find(name)
            return None if tool is None else tool.spec.server

        self._dispatch = NatsDispatch(self.broker, database.assignments, database.workers, self._owner, server_of)
        return self._dispatch

    def employ(
        self,
        executor: Executor,
        tools: Tools,
        database: Database,
        slots: int,
        tags: Sequence[str] = (),
        done: Callable[[bool], None] = lambda recorded: None,
    ) -> Worker:
        """Have jobs done by this process, too."""
        from app.dispatch.staff import tag_of
        from app.dispatch.worker import Worker

        assert self.broker is not None
        found = {name: tools.find(name) for name in _ONLY_SOMEWHERE}
        able = [name for name, tool in found.items() if tool is not None and tool.unavailable() is None]
        able += map(tag_of, mcp_servers_here(self._settings))
        row = WorkerRow(worker_id=self._owner, name=self._owner, slots=slots, tags=tuple(dict.fromkeys((*tags, *able))))
        self.worker = Worker(self.broker, database.assignments, database.workers, executor, row, done)
        return self.worker

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        """Be in touch with the others, and do jobs, while the context lasts; to be entered once all of it is made."""
        async with AsyncExitStack() as stack:
            if self.broker is not None:
                await stack.enter_async_context(self.broker.running())
                await stack.enter_async_context(self._nats_doorbell.running())
            if self._dispatch is not None:
                await stack.enter_async_context(self._dispatch.running())
            if self.worker is not None:
                await stack.enter_async_context(self.worker.working())
            yield self

    async def drain(self, timeout_s: float) -> None:
        """Take no further jobs of others, and let those in hand end."""
        if self.worker is not None:
            await self.worker.drain(timeout_s)

    @property
    def broker_connected(self) -> Callable[[], bool] | None:
        """What tells whether NATS can be reached; None where there is none."""
        broker = self.broker
        return None if broker is None else lambda: broker.connected

    @property
    def workers(self) -> Callable[[], int] | None:
        """What tells how many processes are there to do jobs; None where they are done here."""
        dispatch = self._dispatch
        return None if dispatch is None else lambda: dispatch.workers

    @property
    def out(self) -> int:
        """Jobs that are out at workers."""
        return 0 if self._dispatch is None else self._dispatch.out


def _broker(settings: Settings, owner: str) -> Broker:
    try:
        from app.dispatch.broker import Broker
        from app.dispatch.connecting import BrokerSettings
    except ModuleNotFoundError as exc:
        raise NatsMissing(f"the package {exc.name} is missing: pip install 'swarmd[nats]'") from exc
    assert settings.nats_url is not None
    password = settings.nats_password
    return Broker(
        BrokerSettings(
            url=settings.nats_url.get_secret_value(),
            user=settings.nats_user,
            password=None if password is None else password.get_secret_value(),
            credentials=settings.nats_credentials,
            ca=settings.nats_ca,
            prefix=settings.nats_prefix,
            replicas=settings.nats_replicas,
            max_bytes=settings.nats_max_bytes,
        ),
        owner,
    )
