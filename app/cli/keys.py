"""``swarmd keys``: mint, list, rotate and revoke API keys in the data directory, whether the service runs or not."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from app.cli.accounts import AsJson, DataDir, Office, dollars, moment_ms, with_accounts
from app.domain.events import rfc3339
from app.domain.usage import usd
from app.ports.keys import KeyRow

keys = typer.Typer(help="Mint, list, rotate and revoke API keys.", no_args_is_help=True)

_PAGE = 1000

_KeyId = Annotated[str, typer.Argument(help="Id of the key (key_…)")]


@keys.command()
def create(
    scopes: Annotated[str, typer.Option(help="Comma-separated: read, run, admin")] = "read,run",
    name: Annotated[str, typer.Option(help="What the key is for")] = "cli",
    tenant: Annotated[str, typer.Option(help="Tenant the key belongs to; it exists by its keys")] = "default",
    max_cost_per_day: Annotated[
        str | None, typer.Option(metavar="USD", help="Most that work with this key may cost a day (UTC)")
    ] = None,
    max_requests_per_minute: Annotated[int | None, typer.Option(help="HTTP requests a minute")] = None,
    max_parallel_agents: Annotated[int | None, typer.Option(help="Model calls at once of all its work")] = None,
    expires_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="It works no longer from then on, e.g. 2026-12-31")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Mint a key and print it; it is shown this once. From then on every request needs a key."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    limits: dict[str, Any] = {
        "max_cost_per_day_usd": dollars("--max-cost-per-day", max_cost_per_day),
        "max_requests_per_minute": max_requests_per_minute,
        "max_parallel_agents": max_parallel_agents,
        "expires_at_ms": moment_ms("--expires-at", expires_at),
    }

    async def mint(office: Office) -> tuple[KeyRow, str]:
        key, secret = await office.keys.create(tenant, name, wanted, **limits)
        await office.audit.note(tenant, "key.created", object=key.key_id, detail={"name": name, "scopes": key.scopes})
        return key, secret

    _print_secret(*with_accounts(data_dir, mint), as_json)


@keys.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the keys, revoked ones included."""

    async def read(office: Office) -> list[KeyRow]:
        rows: list[KeyRow] = []
        cursor: str | None = None
        while True:
            page = await office.keys.list(tenant, limit=_PAGE, cursor=cursor)
            rows += page.items
            cursor = page.next_cursor
            if cursor is None:
                return rows

    rows = with_accounts(data_dir, read)
    if as_json:
        typer.echo(json.dumps([_entry(row) for row in rows]))
        return
    for row in rows:
        typer.echo("  ".join((row.key_id, row.tenant_id, ",".join(row.scopes), *_limits(row), _state(row), row.name)))


@keys.command()
def rotate(
    key_id: _KeyId,
    grace: Annotated[float, typer.Option(metavar="SECONDS", help="For so long the old secret works, too")] = 0.0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret and print it; name, scopes, limits and history stay."""

    async def turn(office: Office) -> tuple[KeyRow, str]:
        key, secret = await office.keys.rotate(None, key_id, grace_s=grace)
        await office.audit.note(key.tenant_id, "key.rotated", object=key_id, detail={"grace_s": grace})
        return key, secret

    _print_secret(*with_accounts(data_dir, turn), as_json)


@keys.command()
def revoke(key_id: _KeyId, data_dir: DataDir = None) -> None:
    """Revoke a key; a running service refuses it within two seconds."""

    async def end(office: Office) -> None:
        key = await office.keys.get(None, key_id)
        await office.keys.revoke(None, key_id)
        await office.audit.note(key.tenant_id, "key.revoked", object=key_id)

    with_accounts(data_dir, end)
    typer.echo(f"revoked {key_id}")


def _print_secret(key: KeyRow, secret: str, as_json: bool) -> None:
    typer.echo(json.dumps(_entry(key) | {"key": secret}) if as_json else secret)


def _entry(row: KeyRow) -> dict[str, Any]:
    return {
        "id": row.key_id,
        "name": row.name,
        "tenant": row.tenant_id,
        "prefix": row.prefix,
        "scopes": row.scopes,
        "max_cost_per_day_usd": usd(row.max_cost_per_day_nano_usd),
        "max_requests_per_minute": row.max_requests_per_minute,
        "max_parallel_agents": row.max_parallel_agents,
        "created_at": rfc3339(row.created_at_ms),
        "last_used_at": _moment(row.last_used_at_ms),
        "expires_at": _moment(row.expires_at_ms),
        "revoked_at": _moment(row.revoked_at_ms),
    }


def _limits(row: KeyRow) -> list[str]:
    cap = usd(row.max_cost_per_day_nano_usd)
    shown = ["no cap" if cap is None else f"${cap:,.10g} a day"]
    if row.max_requests_per_minute is not None:
        shown.append(f"{row.max_requests_per_minute} requests/min")
    if row.max_parallel_agents is not None:
        shown.append(f"{row.max_parallel_agents} agents")
    return shown


def _state(row: KeyRow) -> str:
    if row.revoked_at_ms is not None:
        return f"revoked {rfc3339(row.revoked_at_ms)}"
    return "live" if row.expires_at_ms is None else f"until {rfc3339(row.expires_at_ms)}"


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
