"""What the commands about keys and credits share: the accounts in the data directory, beside a service or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.cli.failures import Failure
from app.cli.settings_flags import read_settings
from app.domain.errors import SwarmdError
from app.services.audit import AuditService
from app.services.credits import CreditService
from app.services.keys import KeyService

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Directory of the database; default SWARMD_DATA_DIR or ./.swarmd. SWARMD_DATABASE_URL wins over it",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Office:
    """What an operator at the machine may do; all of it stands in the audit log."""

    keys: KeyService
    credits: CreditService
    audit: AuditService


def with_accounts(data_dir: Path | None, use: Callable[[Office], Awaitable[Answer]]) -> Answer:
    """Run ``use`` on the accounts of the data directory, which is made where there is none yet.

    Raises:
        Failure: what was asked for cannot be.
    """
    from app.domain.usage import NANO_USD
    from app.storage.engine import open_accounts
    from app.telemetry.system import SystemClock, SystemEntropy

    settings = read_settings({"data_dir": data_dir})

    async def go() -> Answer:
        clock, entropy = SystemClock(), SystemEntropy()
        async with open_accounts(settings.database) as stores:
            free_nano_usd = int(settings.free_credits_usd * NANO_USD)
            office = Office(
                KeyService(stores.keys, clock, entropy),
                CreditService(stores.credits, clock, entropy, free_nano_usd=free_nano_usd),
                AuditService(stores.audit, clock, entropy, kept_days=settings.audit_days),
            )
            return await use(office)

    try:
        return asyncio.run(go())
    except (SwarmdError, ValueError) as exc:
        raise Failure(exc.detail if isinstance(exc, SwarmdError) else str(exc)) from exc


def dollars(flag: str, text: str | None) -> Decimal | None:
    """Read an amount of money."""
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as exc:
        raise Failure(f"{flag}: expected an amount in dollars such as 2.50, not {text!r}") from exc


def moment_ms(flag: str, text: str | None) -> int | None:
    """Read a time, or a day, which begins at midnight; without an offset it is UTC. In Unix milliseconds."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Failure(f"{flag}: expected a time such as 2026-12-31 or 2026-12-31T18:00:00Z, not {text!r}") from exc
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
