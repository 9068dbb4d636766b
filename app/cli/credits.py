"""``swarmd credits``: show and top up what a tenant has prepaid, whether the service runs or not."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from app.cli.accounts import AsJson, DataDir, Office, dollars, with_accounts
from app.cli.failures import Failure
from app.domain.events import rfc3339
from app.domain.usage import usd
from app.ports.credits import CreditRow, CreditStanding

credits = typer.Typer(help="Show and top up what a tenant has prepaid.", no_args_is_help=True)  # noqa: A001

_OPERATOR = "default"
"""The operator's own tenant, in whose audit log it stands; the other sees the row in its ledger."""

_Tenant = Annotated[str, typer.Option(help="Whose credits")]


@credits.command()
def add(
    amount: Annotated[str, typer.Argument(metavar="USD", help="How much, e.g. 25.00")],
    reference: Annotated[str, typer.Option(help="Of the payment: the same again adds nothing")],
    tenant: _Tenant = "default",
    note: Annotated[str | None, typer.Option(help="For whoever reads the ledger")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add to a tenant's credits; a running service lets paused work go on within five seconds."""
    given = dollars("USD", amount)
    if given is None or not reference or not tenant:
        raise Failure("expected an amount, --reference and --tenant")

    async def top_up(office: Office) -> tuple[CreditRow, bool]:
        row, is_new = await office.credits.add(tenant, given, reference, note=note)
        if is_new:
            detail = {"amount_usd": str(given), "reference": reference}
            await office.audit.note(_OPERATOR, "credits.added", object=tenant, detail=detail)
        return row, is_new

    row, is_new = with_accounts(data_dir, top_up)
    if as_json:
        typer.echo(json.dumps(_entry(row) | {"new": is_new}))
    else:
        done = "added" if is_new else "was there already:"
        typer.echo(f"{done} ${usd(row.amount_nano_usd)}  {tenant}  balance ${usd(row.balance_nano_usd)}")


@credits.command()
def show(
    tenant: _Tenant = "default",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest rows of the ledger")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what is left and the newest rows of the ledger; what calls under way hold, the service knows alone."""

    async def read(office: Office) -> tuple[CreditStanding, list[CreditRow]]:
        page = await office.credits.list(tenant, limit=limit, cursor=None)
        return await office.credits.standing(tenant), list(page.items)

    standing, rows = with_accounts(data_dir, read)
    if as_json:
        sums = {
            "balance_usd": usd(standing.balance_nano_usd),
            "pending_usd": usd(standing.pending_nano_usd),
            "left_usd": usd(standing.left_nano_usd),
        }
        typer.echo(json.dumps({"tenant": tenant} | sums | {"items": [_entry(row) for row in rows]}))
        return
    typer.echo(f"{tenant}  ${usd(standing.left_nano_usd)} left")
    for row in rows:
        shown = (rfc3339(row.at_ms), row.kind.value, f"{usd(row.amount_nano_usd):+.9g}", f"{usd(row.balance_nano_usd)}")
        typer.echo("  ".join((*shown, row.reference or "-", row.note or "")).rstrip())


def _entry(row: CreditRow) -> dict[str, Any]:
    return {
        "entry_id": row.entry_id,
        "tenant": row.tenant_id,
        "kind": row.kind.value,
        "amount_usd": usd(row.amount_nano_usd),
        "balance_usd": usd(row.balance_nano_usd),
        "reference": row.reference,
        "note": row.note,
        "created_at": rfc3339(row.at_ms),
    }
