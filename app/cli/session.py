"""Which service a command talks to: one that runs already, or one of its own for the duration."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli import service_record
from app.cli.client import Answer, ServiceClient
from app.cli.failures import DataDirInUse, Failure
from app.cli.messages import command, say


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A service that answers.

    Attributes:
        data_dir: of an embedded service; None when somebody else runs it.
        is_temporary: the data directory goes away with the command.
        wait: blocks for as long as the embedded service serves; returns at once when somebody else runs it.
    """

    client: ServiceClient
    data_dir: Path | None = None
    is_temporary: bool = False
    wait: Callable[[], None] = lambda: None

    @property
    def is_embedded(self) -> bool:
        return self.data_dir is not None


@contextmanager
def connect(url: str | None, key: str | None, *, may_embed: bool = True) -> Iterator[Session]:
    """The service at ``url``; without one the service on the usual port; without that an embedded one, if it may be.

    Where none may be embedded, the service that has the usual data directory will do, wherever it listens.

    Raises:
        Failure: nobody answers at ``url``, or no service can be started.
    """
    with ExitStack() as stack:
        client = stack.enter_context(ServiceClient(url or usual_url(), key))
        answer = client.probe()
        if answer is Answer.NONE and not (url is None and may_embed):
            recorded = _recorded(stack, usual_data_dir(), key, or_refused=True) if url is None else None
            if recorded is None:
                raise Failure(
                    f"no swarmd service answers at {client.base_url}\n"
                    f"  start one with `{command()} serve`, or name another with SWARMD_URL or --url"
                )
            say(f"no service at {client.base_url}: using the one at {recorded.client.base_url}")
            yield recorded
            return
        if answer is not Answer.NONE:
            yield Session(client=client)
            return
        try:
            session = _embed(stack, None, 0, key)
        except DataDirInUse as exc:
            running = _recorded(stack, exc.data_dir, key)
            if running is None:
                raise
            session = running
            say(f"using the service at {session.client.base_url}, which has {exc.data_dir} in use")
        else:
            say(f"no service at {client.base_url}: running one here for the duration (data: {session.data_dir})")
        yield session


def usual_url() -> str:
    """Where ``swarmd serve`` listens on this machine when nothing else is said."""
    from app.cli.settings_flags import read_settings

    return f"http://127.0.0.1:{read_settings({}).port}"


def usual_data_dir() -> Path:
    """The data directory when nothing else is said."""
    from app.cli.settings_flags import read_settings

    return read_settings({}).data_dir


@contextmanager
def embedded_or_running(data_dir: Path | None, port: int, key: str | None) -> Iterator[Session]:
    """An embedded service on the data directory; where that is taken, the service that has it, else a temporary one."""
    with ExitStack() as stack:
        try:
            session = _embed(stack, data_dir, port, key)
            say(f"service at {session.client.base_url} (data: {session.data_dir})")
        except DataDirInUse as exc:
            running = _recorded(stack, exc.data_dir, key)
            if running is not None:
                session = running
                say(f"{exc.data_dir} is in use: using the service at {session.client.base_url}")
            else:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swarmd-")))
                session = _embed(stack, folder, port, key, is_temporary=True)
                say(f"{exc.data_dir} is in use by a service that does not take requests: working in {folder} instead")
        yield session


def _embed(
    stack: ExitStack, data_dir: Path | None, port: int, key: str | None, *, is_temporary: bool = False
) -> Session:
    from app.cli.hosting import EmbeddedService, listen
    from app.cli.settings_flags import read_settings

    wanted: dict[str, object] = {"host": "127.0.0.1", "port": port, "log_level": "error", "data_dir": data_dir}
    if is_temporary:  # a database named by the environment is the one in use
        wanted["database_url"] = f"sqlite:///{data_dir}/swarmd.db"
    settings = read_settings(wanted)
    service = stack.enter_context(EmbeddedService(settings, listen("127.0.0.1", port)))
    client = stack.enter_context(ServiceClient(service.url, key))
    return Session(client=client, data_dir=settings.data_dir, is_temporary=is_temporary, wait=service.wait)


def _recorded(stack: ExitStack, data_dir: Path, key: str | None, *, or_refused: bool = False) -> Session | None:
    """The service that recorded itself in the directory, if it takes requests, or at least answers them."""
    url = service_record.read(data_dir)
    if url is None:
        return None
    client = stack.enter_context(ServiceClient(url, key))
    answer = client.probe()
    return Session(client=client) if answer is Answer.READY or (or_refused and answer is Answer.REFUSED) else None
