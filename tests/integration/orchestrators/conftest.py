"""A service in the test's own loop, one a module, on a stage: its model does task by task as the test says."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.service import in_process
from tests.support.stage import Stage, accepted


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(tmp_path_factory.mktemp("data"), provider=stage.provider) as client:
        yield client


@pytest.fixture
async def agent(client: httpx2.AsyncClient, request: pytest.FixtureRequest) -> str:
    """An orchestrator of the test's own: the tests of a module share one service."""
    name = str(request.node.name).removeprefix("test_")[:150]
    accepted(await client.post("/v1/agents/create", json={"model": "any-name", "name": name}), 201)
    return name
