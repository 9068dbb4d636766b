"""``swarmd backup``: a copy of the database, of a running service or of one that is stopped."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import say
from app.domain.errors import SwarmdError


def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes", show_default=False)],
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Directory of the database; default SWARMD_DATA_DIR or ./.swarmd")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists, once the copy is good")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Copy the database to FILE while the service runs, or while it is stopped.

    The copy is consistent: everything as it was at one instant, with nothing half done. It is written to FILE.part,
    checked, synced and only then renamed, so FILE is always a whole backup.

    To restore: stop the service, move `DATA_DIR/swarmd.db` away together with the files `swarmd.db-wal` and
    `swarmd.db-shm` beside it (an old log would damage the restored file), put FILE at `DATA_DIR/swarmd.db`, and start
    the service. Unfinished runs go on from there; calls made since the backup are made again.

    Exit codes: 0 the backup is on the disk; 1 it could not be made, and FILE is as it was; 2 FILE exists (see --force).
    """
    from app.settings import load_settings
    from app.storage.backup import BackupExists, back_up

    source = load_settings(data_dir=data_dir).database_path
    began = time.monotonic()
    try:
        with typer.progressbar(length=1, label="copying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

            def show(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            made = back_up(source, file, overwrite=force, on_progress=show)
    except BackupExists as exc:
        raise Failure(f"{exc.detail}; --force replaces it", EXIT_USAGE) from exc
    except SwarmdError as exc:
        raise Failure(exc.detail) from exc
    took_s = round(time.monotonic() - began, 3)
    if as_json:
        answer = {"file": str(made.path), "size_bytes": made.size_bytes, "schema": made.revision, "swarms": made.swarms}
        typer.echo(json.dumps(answer | {"took_s": took_s}))
    else:
        say(f"{made.path}: {made.size_bytes:,} bytes, {made.swarms:,} swarms, in {took_s} s; checked and synced")
