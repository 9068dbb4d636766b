"""``swarmd artifacts``: what the sub-agents of a run saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import say
from app.cli.options import ApiKey, AsJson, SwarmId, Url

if TYPE_CHECKING:
    from app.cli.client import JsonObject


def artifacts(
    swarm_id: SwarmId,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Download this one, instead of listing all.")
    ] = None,
    zip_file: Annotated[
        Path | None, typer.Option("--zip", metavar="FILE", help="Download all of them as a zip archive.")
    ] = None,
    task: Annotated[str | None, typer.Option(metavar="ID", help="Only what this task saved.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="With NAME: this version; default: the newest.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With NAME: write to this file instead of stdout.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """List what the sub-agents of a run saved, the newest version of each name; or download it.

    Exit code: 0, also where there is nothing; 1 there is no such run or artifact, or no service; 2 the call is wrong.

    Example: `swarmd artifacts swm_01J9Z3K8Q4 --zip artifacts.zip`
    """
    from app.cli.client import swarm_path
    from app.cli.downloading import download
    from app.cli.finding import hints
    from app.cli.interrupts import Interrupts
    from app.cli.results import as_json as json_text
    from app.cli.results import check_writable
    from app.cli.session import connect

    if name is None and (version is not None or out is not None):
        raise Failure("--version and --out go with NAME; all of them go to --zip FILE", EXIT_USAGE)
    if name is not None and (zip_file is not None or task is not None):
        raise Failure("NAME goes without --zip and --task", EXIT_USAGE)
    target = zip_file or out
    if target is not None:
        check_writable(target)
    with Interrupts(), connect(url, key, may_embed=False) as session, hints(session.client, swarm_id):
        if name is not None:
            size = download(session.client, swarm_path(swarm_id, "artifacts", name), out, version=version)
        elif zip_file is not None:
            size = download(session.client, swarm_path(swarm_id, "artifacts.zip"), zip_file, task_id=task)
        else:
            pages = session.client.pages(swarm_path(swarm_id, "artifacts"), task_id=task, limit=1000)
            items = [item for page in pages for item in page["items"]]
            typer.echo(json_text({"items": items, "next_cursor": None}) if as_json else listed(items), nl=False)
    if target is not None:
        say(f"{target}: {size:,} bytes")


def listed(items: list[JsonObject]) -> str:
    """A line for each artifact."""
    from app.cli.tables import table

    columns = ("name", "version", "size_bytes", "media_type", "task_id", "created_at")
    heads = ("name", "version", "bytes", "type", "task", "created")
    return table(heads, [[item[column] for column in columns] for item in items])
