"""``swarmd export``: every row of a run, for a spreadsheet or another program."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import say
from app.cli.options import ApiKey, SwarmId, Url


class Kind(StrEnum):
    TASKS = "tasks"
    EVENTS = "events"
    METRICS = "metrics"
    ATTEMPTS = "attempts"


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


def export(
    swarm_id: SwarmId,
    kind: Annotated[Kind, typer.Option(help="What the rows are.")] = Kind.TASKS,
    file_format: Annotated[Format, typer.Option("--format", help="csv, with a header; or json.")] = Format.CSV,
    interval_s: Annotated[
        int | None, typer.Option(min=1, max=86_400, help="With --kind metrics: seconds a row; default: 1.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file instead of stdout; it is replaced.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Write all tasks, events, metrics or attempts of a run, streamed: there may be any number of them.

    FILE is there, or replaced, only when everything has arrived.

    Exit code: 0 all rows are written; 1 there is no such run, or no service, or it broke off; 2 the call is wrong.

    Example: `swarmd export swm_01J9Z3K8Q4 --kind attempts --format csv --out attempts.csv`
    """
    from app.cli.client import swarm_path
    from app.cli.downloading import download
    from app.cli.finding import hints
    from app.cli.interrupts import Interrupts
    from app.cli.results import check_writable
    from app.cli.session import connect

    if interval_s is not None and kind is not Kind.METRICS:
        raise Failure("--interval-s goes with --kind metrics", EXIT_USAGE)
    if out is not None:
        check_writable(out)
    with Interrupts(), connect(url, key, may_embed=False) as session, hints(session.client, swarm_id):
        path = swarm_path(swarm_id, "export")
        wanted = {"kind": kind.value, "format": file_format.value, "interval_s": interval_s}
        size = download(session.client, path, out, **wanted)
    if out is not None:
        say(f"{out}: {size:,} bytes")
