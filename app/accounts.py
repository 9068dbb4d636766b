"""Keys, credits and the audit log, and what the scheduler hears of them. Part of the wiring, as ``main`` is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from app.domain.limiter import UNLIMITED
from app.domain.swarm import PAUSED_BY_CREDITS, PAUSED_BY_KEY
from app.domain.usage import NANO_USD
from app.ports.allowances import Terms
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import Doorbell
from app.ports.keys import KeyRow
from app.scheduler.admission import Admission
from app.scheduler.allowances import Allowances
from app.scheduler.holdings import HeldAllowances
from app.services.audit import AuditService
from app.services.credits import CreditService
from app.services.keys import KeyService
from app.settings import Settings
from app.storage.database import Database


@dataclass(frozen=True, slots=True)
class Accounts:
    """What ``main`` hands on."""

    credits: CreditService
    audit: AuditService
    allowances: Allowances


@asynccontextmanager
async def open_accounts(
    settings: Settings,
    database: Database,
    keys: KeyService,
    admission: Admission,
    clock: Clock,
    entropy: Entropy,
    doorbell: Doorbell,
    owner: str,
) -> AsyncIterator[Accounts]:
    """Let the limits of keys and the credits of tenants hold while the context lasts.

    To be entered before the scheduler runs: unfinished runs go on at once, and within their limits.

    Args:
        owner: names this process; where several share the database each holds a part of what is left.
    """
    credit_service = credits_of(settings, database, clock, entropy)
    audit = AuditService(database.audit, clock, entropy, kept_days=settings.audit_days)

    def limit(key: KeyRow) -> None:
        admission.set_group_limit(key.key_id, key.max_parallel_agents or UNLIMITED)

    terms = partial(_terms, database, limit)
    tenants = partial(_credit_terms, database, credit_service) if settings.credits else None
    allowances = Allowances(clock, terms, tenants)
    if database.holdings is not None:
        allowances = HeldAllowances(clock, terms, tenants, database.holdings, doorbell, owner)
    credit_service.attach(allowances, partial(allowances.refresh, PAUSED_BY_CREDITS))

    async def changed(key: KeyRow) -> None:
        await allowances.refresh(PAUSED_BY_KEY, key.key_id)

    keys.attach(limit, changed)
    async with AsyncExitStack() as stack:
        for service in (allowances, keys, audit):
            await stack.enter_async_context(service.running())
        if settings.credits:
            await stack.enter_async_context(credit_service.running())
        yield Accounts(credit_service, audit, allowances)


def credits_of(settings: Settings, database: Database, clock: Clock, entropy: Entropy) -> CreditService:
    free_nano_usd = int(settings.free_credits_usd * NANO_USD)
    return CreditService(database.credits, clock, entropy, free_nano_usd=free_nano_usd)


async def _terms(database: Database, limit: Callable[[KeyRow], None], key_id: str, day: str) -> Terms:
    key = await database.keys.get(key_id)
    if key is not None:
        limit(key)  # the run may have been accepted by another process, and this one may never have seen the key
    cap = None if key is None else key.max_cost_per_day_nano_usd
    if cap is None:
        return Terms(None, 0)
    # Read first: what was reserved is settled into the usage, and is counted twice rather than not at all.
    reserved_nano_usd = await database.usage.reserved(key_id=key_id)
    return Terms(cap, await database.usage.spent_today(key_id, day), reserved_nano_usd)


async def _credit_terms(database: Database, service: CreditService, tenant_id: str) -> Terms:
    reserved_nano_usd = await database.usage.reserved(tenant_id=tenant_id)
    return replace(await service.terms(tenant_id), reserved_nano_usd=reserved_nano_usd)
