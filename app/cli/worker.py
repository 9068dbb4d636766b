"""``swarmd worker``: a process that does the jobs of sub-agents, in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal

import orjson

from app.cli.failures import EXIT_OK
from app.cli.messages import say
from app.cli.settings_flags import read_settings, with_renamed_flags


@with_renamed_flags(concurrency="worker_concurrency", tags="worker_tags", health_port="worker_port")
def worker(**overrides: object) -> None:
    """Do jobs of sub-agents that `swarmd serve` hands out over NATS, until Ctrl-C or SIGTERM.

    It needs the same settings as the service: the database (SWARMD_DATABASE_URL), NATS (SWARMD_NATS_URL), the providers
    and their keys, and the same data directory where tools keep files. Run as many as you like, anywhere; each asks for
    no more jobs than it has hands free.

    Asked to stop, it takes no further job, lets those in hand end for at most --drain-s seconds, gives the rest back
    for others to do, and exits with 0. A second signal ends it at once: others do what it had after ten seconds.

    Example: `swarmd worker --concurrency 300 --tags gpu,eu`
    """
    from app.cli.hosting import listen, startup_failure
    from app.telemetry import logs
    from app.worker import work

    tags = overrides.get("worker_tags")
    if isinstance(tags, str) and not tags.lstrip().startswith("["):
        overrides["worker_tags"] = orjson.dumps([tag.strip() for tag in tags.split(",") if tag.strip()]).decode()
    settings = read_settings(overrides)
    logs.configure(settings.log_level, settings.log_format)
    sock = listen(settings.host, settings.worker_port)
    where = f"http://{settings.host}:{sock.getsockname()[1]}"

    async def run() -> None:
        stop = asyncio.Event()

        def ask(number: int) -> None:
            if stop.is_set():
                os._exit(128 + number)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ask, number)
        await work(
            settings,
            sock,
            stop,
            lambda: say(f"working, {settings.worker_concurrency} jobs at once ({where}/readyz) -- Ctrl-C stops it"),
        )

    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(run())
    except Exception as exc:
        raise startup_failure(exc, settings.data_dir) from exc
    raise SystemExit(EXIT_OK)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ModuleNotFoundError:  # not on every platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
