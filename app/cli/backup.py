"""``swarmd backup``: a copy of the database and of the files it refers to, of a running service or a stopped one."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import counted, say
from app.cli.settings_flags import read_settings
from app.domain.errors import SwarmdError

if TYPE_CHECKING:  # the commands start faster without
    from app.blobs.backup import ContentsBackup
    from app.storage.backup import Backup


def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes", show_default=False)],
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Directory of the database; default SWARMD_DATA_DIR or ./.swarmd")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists, once the copy is good")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Copy the database to FILE, artifacts and uploads to FILE.blobs, while the service runs or while it is stopped.

    The copy is consistent: everything as it was at one instant, with nothing half done. It is written to FILE.part,
    checked, synced and only then renamed, so FILE is always a whole backup. Of FILE.blobs only what a former backup
    did not leave there is copied; the directory is made when there is something to put there. What is lost or damaged
    in the service's own directory is told on stderr and left out.

    To restore: stop the service, move `DATA_DIR/swarmd.db` away together with the files `swarmd.db-wal` and
    `swarmd.db-shm` beside it (an old log would damage the restored file), put FILE at `DATA_DIR/swarmd.db` and what is
    in FILE.blobs into `DATA_DIR/swarmd.blobs`, and start the service. Unfinished runs go on from there; calls made
    since the backup are made again.

    On PostgreSQL (SWARMD_DATABASE_URL) there is nothing to copy here: artifacts and uploads stand in the database, too.
    pg_dump --format=custom makes the backup while services run; pg_restore, into an empty database, brings it back.

    Exit codes: 0 the backup is on the disk; 1 it could not be made, and FILE is as it was; 2 FILE exists (see --force).
    """
    from app.blobs.backup import copy_contents, remove_others
    from app.storage.backup import BackupExists, back_up

    settings = read_settings({"data_dir": data_dir})
    if settings.database_path is None:
        raise Failure(
            "the database is a PostgreSQL server's, which has a program of its own for that; artifacts and uploads are"
            f' in it, too:\n  pg_dump --format=custom --file={shlex.quote(str(file))} "$SWARMD_DATABASE_URL"',
            EXIT_USAGE,
        )
    contents_at = file.with_name(file.name + ".blobs")
    copied: list[ContentsBackup] = []

    def keep_contents(digests: frozenset[str]) -> None:
        copied.append(copy_contents(settings.blobs_path, contents_at, digests, _bar("copying files")))

    began = time.monotonic()
    try:
        made = back_up(
            settings.database_path,
            file,
            overwrite=force,
            on_progress=_bar("copying"),
            keep_contents=keep_contents,
        )
        remove_others(contents_at, made.contents)
    except BackupExists as exc:
        raise Failure(f"{exc.detail}; --force replaces it", EXIT_USAGE) from exc
    except SwarmdError as exc:
        raise Failure(exc.detail) from exc
    except OSError as exc:
        raise Failure(f"{exc.filename or contents_at}: {exc.strerror}") from exc
    took_s = round(time.monotonic() - began, 3)
    [contents] = copied
    for digest in contents.missing:
        say(f"the file of SHA-256 {digest} is not in {settings.blobs_path}: removed a moment ago, or lost")
    for digest in contents.damaged:
        say(f"the file of SHA-256 {digest} in {settings.blobs_path} is damaged, and not in the backup")
    if as_json:
        typer.echo(json.dumps(_report(made, contents) | {"took_s": took_s}))
        return
    files_said = f", {counted(contents.contents, 'file')} of {contents.size_bytes:,} bytes beside it"
    say(
        f"{made.path}: {made.size_bytes:,} bytes, {made.swarms:,} swarms{files_said if made.contents else ''},"
        f" in {took_s} s; checked and synced"
    )


def _report(made: Backup, contents: ContentsBackup) -> dict[str, Any]:
    return {
        "file": str(made.path),
        "size_bytes": made.size_bytes,
        "schema": made.revision,
        "swarms": made.swarms,
        "contents": contents.contents,
        "contents_bytes": contents.size_bytes,
        "missing": list(contents.missing),
        "damaged": list(contents.damaged),
    }


def _bar(label: str) -> Callable[[int, int], None]:
    """Progress on stderr, ended by the call that says all is done."""
    bar = typer.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())

    def show(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)
        if done == total:
            bar.render_finish()

    return show
