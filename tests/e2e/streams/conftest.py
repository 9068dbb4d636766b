"""A service and its model as processes, one of each a module, and a run that was watched from its start."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess
from tests.support.streaming import DIAMOND, Watched, check_log, run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "40") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    """Whatever clients do, it logs no fault."""
    with ServiceProcess(tmp_path_factory.mktemp("service"), *model.as_provider()) as process:
        yield process
        check_log(process)


@pytest.fixture(scope="module")
def client(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client


@pytest.fixture(scope="module")
def diamond(client: httpx2.Client, service: ServiceProcess) -> Watched:
    return run(client, service.url, DIAMOND)
