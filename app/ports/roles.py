"""Roles that tenants made or replaced, as they are kept; the built-in ones are code (``domain.roles``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from app.domain.roles import Role


class RoleStore(Protocol):
    """A tenant's own roles, by name."""

    async def list(self, tenant_id: str) -> Mapping[str, Role]:
        """Return them in the order of their names; ``built_in`` is False for each.

        Raises:
            StoreUnavailable: they could not be read.
        """
        ...

    async def apply(self, tenant_id: str, changes: Mapping[str, Role | None], at_ms: int) -> None:
        """Put roles under their names, and remove those that are None: all or none of them, durably.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        ...
