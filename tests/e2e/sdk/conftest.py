"""Both SDKs, installed once, and a service that asks for a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.keys import mint
from tests.support.sdks import SDKS, Guarded, Sdk, typescript_sdk
from tests.support.service import ServiceProcess


@pytest.fixture(scope="session", params=SDKS)
def sdk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sdk:
    return SDKS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Sdk:
    return typescript_sdk(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    service = ServiceProcess(tmp_path_factory.mktemp("service"))
    key = mint(service.data_dir, "default", "read,run")["key"]
    with service:
        yield Guarded(service, key)
