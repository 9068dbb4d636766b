"""``swarmd keys``: mint, list and revoke API keys in the data directory, whether the service runs or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.failures import Failure
from app.domain.errors import SwarmdError
from app.domain.events import rfc3339
from app.services.keys import KeyService

keys = typer.Typer(help="Mint, list and revoke API keys.", no_args_is_help=True)

_DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of the database; default SWARMD_DATA_DIR or ./.swarmd")
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@keys.command()
def create(
    scopes: Annotated[str, typer.Option(help="Comma-separated: read, run, admin")] = "read,run",
    name: Annotated[str, typer.Option(help="What the key is for")] = "cli",
    tenant: Annotated[str, typer.Option(help="Tenant the key belongs to")] = "default",
    data_dir: _DataDir = None,
    as_json: _AsJson = False,
) -> None:
    """Mint a key and print it; it is shown this once. From then on every request needs a key."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    key, secret = _with_keys(data_dir, lambda service: service.create(tenant, name, wanted))
    if as_json:
        typer.echo(json.dumps({"id": key.key_id, "key": secret, "scopes": key.scopes, "tenant": key.tenant_id}))
    else:
        typer.echo(secret)


@keys.command("list")
def list_keys(data_dir: _DataDir = None, as_json: _AsJson = False) -> None:
    """List the keys, revoked ones included."""
    rows = _with_keys(data_dir, lambda service: service.list())
    entries = [
        {
            "id": row.key_id,
            "name": row.name,
            "tenant": row.tenant_id,
            "scopes": row.scopes,
            "created_at": rfc3339(row.created_at_ms),
            "revoked_at": None if row.revoked_at_ms is None else rfc3339(row.revoked_at_ms),
        }
        for row in rows
    ]
    if as_json:
        typer.echo(json.dumps(entries))
        return
    for entry in entries:
        state = f"revoked {entry['revoked_at']}" if entry["revoked_at"] else "live"
        typer.echo(f"{entry['id']}  {entry['tenant']}  {','.join(entry['scopes'])}  {state}  {entry['name']}")


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key (key_…)")], data_dir: _DataDir = None) -> None:
    """Revoke a key; a running service refuses it within two seconds."""
    _with_keys(data_dir, lambda service: service.revoke(key_id))
    typer.echo(f"revoked {key_id}")


def _with_keys(data_dir: Path | None, use: Callable[[KeyService], Coroutine[Any, Any, Any]]) -> Any:
    from app.settings import load_settings
    from app.storage.engine import open_keys
    from app.telemetry.system import SystemClock, SystemEntropy

    async def go() -> Any:
        async with open_keys(load_settings(data_dir=data_dir).database_path) as store:
            return await use(KeyService(store, SystemClock(), SystemEntropy()))

    try:
        return asyncio.run(go())
    except SwarmdError as exc:
        raise Failure(exc.detail) from exc
