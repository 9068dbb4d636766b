"""What tenants' own roles rely on (``ports.roles.RoleStore``)."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.roles import Role
from app.ports.roles import RoleStore
from app.storage.database import Database

pytestmark = pytest.mark.anyio

FULL = Role(name="a", system_prompt='Ünïcode\n"quoted"', capability_tags=("x", "y z"), model="m", tier="light")
BARE = Role(name="b", system_prompt="You are b.")


@pytest.fixture
def roles(store: Database) -> RoleStore:
    return store.roles


async def test_roles_are_kept_as_they_are_in_the_order_of_their_names(roles: RoleStore) -> None:
    assert await roles.list("acme") == {}

    await roles.apply("acme", {"b": BARE, "a": FULL}, 1)

    found = await roles.list("acme")
    assert list(found.items()) == [("a", FULL), ("b", BARE)]


async def test_roles_are_replaced_and_removed_together(roles: RoleStore) -> None:
    await roles.apply("acme", {"a": FULL, "b": BARE}, 1)
    replaced = Role(name="a", system_prompt="Anew.")

    await roles.apply("acme", {"a": replaced, "b": None, "nothing": None}, 2)
    await roles.apply("acme", {}, 3)

    assert await roles.list("acme") == {"a": replaced}


async def test_a_tenant_sees_and_changes_its_own_roles_only(roles: RoleStore) -> None:
    await roles.apply("acme", {"a": FULL}, 1)
    await roles.apply("other", {"a": Role(name="a", system_prompt="Theirs.")}, 1)

    await roles.apply("other", {"a": None}, 2)

    assert await roles.list("acme") == {"a": FULL}
    assert await roles.list("other") == {}


async def test_of_a_change_that_cannot_be_stored_nothing_is(roles: RoleStore) -> None:
    await roles.apply("acme", {"a": FULL}, 1)

    with pytest.raises(OverflowError):
        await roles.apply("acme", {"a": None, "b": BARE}, 2**70)

    assert await roles.list("acme") == {"a": FULL}


async def test_changes_at_once_are_all_kept(roles: RoleStore) -> None:
    names = [f"role {number:03}" for number in range(100)]

    await asyncio.gather(*(roles.apply("acme", {name: Role(name=name, system_prompt="x")}, 1) for name in names))

    assert list(await roles.list("acme")) == names
