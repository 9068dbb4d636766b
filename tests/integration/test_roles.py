"""``/v1/roles``: the built-in roles and a tenant's own ones, kept over a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

CONFIG: dict[str, Any] = {
    "default_model": "m1",
    "providers": {"mine": {"base_url": "http://127.0.0.1:9/v1", "models": ["m1"]}},
}


async def roles(client: httpx2.AsyncClient) -> dict[str, Any]:
    response = await client.get("/v1/roles")
    assert response.status_code == 200
    page = response.json()
    assert page["next_cursor"] is None
    names = [role["name"] for role in page["items"]]
    assert names == sorted(names)
    return {role.pop("name"): role for role in page["items"]}


async def test_the_built_in_roles_are_there_with_their_prompts(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        found = await roles(client)

    assert {"researcher", "analyzer", "synthesizer", "validator", "coder", "reviewer"} <= set(found)
    assert all(
        role["built_in"] and len(role["system_prompt"]) > 200 and role["capability_tags"] for role in found.values()
    )


async def test_a_put_merges_over_the_pool_and_null_restores_what_was_built_in(tmp_path: Path) -> None:
    own = {"system_prompt": "You know wine.", "capability_tags": ["wine"], "model": "m1", "tier": "instant"}
    async with in_process(tmp_path, **CONFIG) as client:
        before = await roles(client)
        answer = await client.put("/v1/roles", json={"sommelier": own, "coder": {"system_prompt": "Code."}})
        assert answer.status_code == 200
        assert answer.json() == (await client.get("/v1/roles")).json()
    async with in_process(tmp_path, **CONFIG) as client:
        kept = await roles(client)
        await client.put("/v1/roles", json={"coder": None, "sommelier": None, "never": None})
        restored = await roles(client)

    assert kept["sommelier"] == own | {"built_in": False}
    assert kept["coder"] == {
        "system_prompt": "Code.",
        "capability_tags": [],
        "model": None,
        "tier": None,
        "built_in": False,
    }
    assert restored == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"a": {"system_prompt": "x", "model": "unheard of"}}, "/a/model"),
        ({"a": {"system_prompt": "x"}, "b": {"tier": "light"}}, "/b/system_prompt"),
        ({f"role {n}": {"system_prompt": "x"} for n in range(201)}, ""),
    ],
)
async def test_of_a_wrong_body_nothing_is_kept(tmp_path: Path, body: Any, pointer: str) -> None:
    async with in_process(tmp_path, **CONFIG) as client:
        before = await roles(client)
        refused = problem(await client.put("/v1/roles", json=body), 422)
        after = await roles(client)

    assert pointers(refused) == [pointer]
    assert after == before


async def test_each_tenant_has_a_pool_of_its_own(tmp_path: Path) -> None:
    mine = {"Authorization": f"Bearer {mint(tmp_path, 'acme', 'read,run')['key']}"}
    theirs = {"Authorization": f"Bearer {mint(tmp_path, 'other', 'read')['key']}"}
    body = {"sommelier": {"system_prompt": "You know wine."}}
    async with in_process(tmp_path) as client:
        assert (await client.put("/v1/roles", json=body, headers=mine)).status_code == 200
        problem(await client.put("/v1/roles", json=body, headers=theirs), 403)
        seen = [(await client.get("/v1/roles", headers=headers)).json()["items"] for headers in (mine, theirs)]

    assert [len(items) for items in seen] == [12, 11]
