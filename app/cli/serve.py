"""``swarmd serve``: the service in the foreground."""

from __future__ import annotations

import gc
import signal

from app.cli.failures import EXIT_OK
from app.cli.messages import say
from app.cli.settings_flags import read_settings, with_settings_flags


@with_settings_flags
def serve(**overrides: object) -> None:
    """Start the service and serve until Ctrl-C or SIGTERM.

    Asked to stop, it takes no new work, lets the model calls under way end and records them, for at most --drain-s
    seconds, and exits with 0. A second signal ends it at once; either way the next start goes on where it was.

    Every flag is also an environment variable, SWARMD_ and its name. API keys of model providers are never flags, since
    flags are visible to everybody on the machine: pass them by environment (MOONSHOT_API_KEY, OPENAI_API_KEY,
    DEEPSEEK_API_KEY, SWARMD_PROVIDER_API_KEY) or in the file named by --config.
    """
    gc.disable()  # modules and routes are there to stay: looking through them again and again would delay the start
    from app.cli.hosting import Host, listen

    settings = read_settings(overrides)
    sock = listen(settings.host, settings.port)

    def announce() -> None:
        say(f"listening on {host.url} (data: {settings.data_dir})")
        pages = [page for page in ("/docs", "/console") if page in host.paths]
        if pages:
            say(", ".join(f"{page.strip('/')}: {host.url}{page}" for page in pages) + " -- Ctrl-C stops the service")

    host = Host(settings, sock, announce)
    gc.enable()
    # uvicorn ends gracefully and then raises the signal again; having been asked to stop is no failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: host.stop())
    host.run()
    raise SystemExit(EXIT_OK)
