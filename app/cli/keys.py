"""``swarmd keys``: mint, list and revoke API keys in the data directory, whether the service runs or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.failures import Failure
from app.domain.errors import SwarmdError
from app.domain.events import rfc3339
from app.domain.usage import usd
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
    max_cost_per_day: Annotated[
        str | None, typer.Option(metavar="USD", help="Most that work with this key may cost a day (UTC)")
    ] = None,
    data_dir: _DataDir = None,
    as_json: _AsJson = False,
) -> None:
    """Mint a key and print it; it is shown this once. From then on every request needs a key."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    cap = _dollars(max_cost_per_day)
    key, secret = _with_keys(data_dir, lambda service: service.create(tenant, name, wanted, max_cost_per_day_usd=cap))
    if as_json:
        made = {"id": key.key_id, "key": secret, "scopes": key.scopes, "tenant": key.tenant_id}
        typer.echo(json.dumps(made | {"max_cost_per_day_usd": usd(key.max_cost_per_day_nano_usd)}))
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
            "max_cost_per_day_usd": usd(row.max_cost_per_day_nano_usd),
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
        cap = "no cap" if entry["max_cost_per_day_usd"] is None else f"${entry['max_cost_per_day_usd']:,.10g} a day"
        typer.echo(f"{entry['id']}  {entry['tenant']}  {','.join(entry['scopes'])}  {cap}  {state}  {entry['name']}")


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key (key_…)")], data_dir: _DataDir = None) -> None:
    """Revoke a key; a running service refuses it within two seconds."""
    _with_keys(data_dir, lambda service: service.revoke(key_id))
    typer.echo(f"revoked {key_id}")


def _dollars(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as exc:
        raise Failure(f"--max-cost-per-day: expected an amount in dollars such as 2.50, not {text!r}") from exc


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
