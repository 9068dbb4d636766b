"""A tenant's pool of roles: the limit, unknown models, and changes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from app.domain.errors import InvalidRequest
from app.domain.roles import BUILT_IN, Role
from app.ports.provider import Route, UnknownModel
from app.providers.offline import OfflineProvider
from app.services.roles import MAX_OWN_ROLES, RoleService

pytestmark = pytest.mark.anyio


class Store:
    """Roles in memory; yields to others while it reads and writes, as a real one does."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Role]] = {}

    async def list(self, tenant_id: str) -> Mapping[str, Role]:
        await asyncio.sleep(0)
        return dict(self.kept.get(tenant_id, {}))

    async def apply(self, tenant_id: str, changes: Mapping[str, Role | None], at_ms: int) -> None:
        await asyncio.sleep(0)
        merged = {**self.kept.get(tenant_id, {}), **changes}
        self.kept[tenant_id] = {name: role for name, role in merged.items() if role is not None}


class Models:
    """Serves the model ``known``."""

    async def resolve(self, requested: str | None) -> Route:
        if requested != "known":
            raise UnknownModel(f"nobody serves {requested}")
        return Route(requested=requested, provider=OfflineProvider(), model=requested)

    async def names(self) -> Sequence[str]:
        return ["known"]


class Clock:
    def now_ms(self) -> int:
        return 1

    def monotonic(self) -> float:
        return 0.0


def made(name: str, model: str | None = None) -> Role:
    return Role(name=name, system_prompt="You are one.", model=model)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def service(store: Store) -> RoleService:
    return RoleService(store, Models(), Clock())


async def test_own_roles_join_and_replace_the_built_in_ones(service: RoleService) -> None:
    own = made("coder", "known")

    answered = await service.merge("acme", {"coder": own, "alchemist": made("alchemist")})

    assert answered == await service.pool("acme")
    assert answered["coder"] == own
    assert len(answered) == len(BUILT_IN) + 1
    assert await service.pool("other") == dict(BUILT_IN)


async def test_removing_what_replaces_a_built_in_role_restores_it(service: RoleService) -> None:
    await service.merge("acme", {"coder": made("coder")})

    answered = await service.merge("acme", {"coder": None, "writer": None, "never was": None})

    assert answered == await service.pool("acme") == dict(BUILT_IN)


async def test_a_model_that_nobody_serves_is_refused_and_nothing_changes(service: RoleService, store: Store) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await service.merge("acme", {"a": made("a"), "b/c~d": made("b/c~d", "unheard of")})

    assert [(error.pointer, error.detail) for error in caught.value.errors] == [
        ("/b~1c~0d/model", "nobody serves unheard of")
    ]
    assert store.kept == {}


async def test_a_tenant_keeps_only_so_many_roles_even_by_requests_at_once(service: RoleService, store: Store) -> None:
    names = [f"role {number}" for number in range(MAX_OWN_ROLES + 20)]

    answers = await asyncio.gather(
        *(service.merge("acme", {name: made(name)}) for name in names), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, InvalidRequest)]
    assert len(refused) == 20
    assert "at most 200" in refused[0].detail
    assert len(store.kept["acme"]) == MAX_OWN_ROLES
    await service.merge("acme", {"role 0": None, "one more": made("one more")})
    assert "one more" in store.kept["acme"]
