"""A real service over real sockets, one a module: what it must survive, every test of the module sees."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.service import ServiceProcess


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture(scope="module")
def client(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client
