"""Roles: a tenant's pool of profiles, which is the built-in ones and its own; changes hold for what starts next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from app.domain.errors import FieldError, InvalidRequest
from app.domain.roles import Role, pool
from app.ports.clock import Clock
from app.ports.provider import Models, UnknownModel
from app.ports.roles import RoleStore

MAX_OWN_ROLES = 200
"""Of one tenant: the whole pool is read when a run asks for a role."""


class RoleService:
    def __init__(self, store: RoleStore, models: Models, clock: Clock) -> None:
        self._store = store
        self._models = models
        self._clock = clock
        self._changing = asyncio.Lock()

    async def pool(self, tenant_id: str) -> Mapping[str, Role]:
        """Return all roles of a tenant by name, sorted.

        Raises:
            StoreUnavailable: they could not be read.
        """
        return pool(await self._store.list(tenant_id))

    async def merge(self, tenant_id: str, changes: Mapping[str, Role | None]) -> Mapping[str, Role]:
        """Put a tenant's roles, remove those that are None, and return its pool: durable before it returns.

        To remove what replaces a built-in role restores that; to remove what is not there changes nothing.

        Raises:
            InvalidRequest: a model that nobody serves, or more than 200 own roles; nothing was changed.
            StoreUnavailable: nothing was changed.
        """
        await self._check_models(changes)
        async with self._changing:  # else two changes that each keep to the limit could pass it together
            own = dict(await self._store.list(tenant_id))
            for name, role in changes.items():
                if role is None:
                    own.pop(name, None)
                else:
                    own[name] = replace(role, built_in=False)
            if len(own) > MAX_OWN_ROLES:
                detail = f"there would be {len(own)} roles of your own; at most {MAX_OWN_ROLES} are kept"
                raise InvalidRequest.field("", detail)
            await self._store.apply(tenant_id, changes, self._clock.now_ms())
        return pool(own)

    async def _check_models(self, changes: Mapping[str, Role | None]) -> None:
        for name, role in changes.items():
            if role is None or role.model is None:
                continue
            try:
                await self._models.resolve(role.model)
            except UnknownModel as exc:
                pointer = f"/{name.replace('~', '~0').replace('/', '~1')}/model"
                raise InvalidRequest(exc.detail, [FieldError(pointer, exc.detail)]) from exc
