"""A real service over real sockets, one a module: what it must survive, every test of the module sees."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx2
import pytest

from app.domain.events import Event
from tests.support.documented import Told, faults
from tests.support.service import ServiceProcess


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture(scope="module")
def client(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client


@pytest.fixture(autouse=True)
def told() -> Iterator[Told]:
    """Every event of every run is what the AsyncAPI document says: what is not there fails the test."""
    found = Told()
    written = Event.as_frame

    def as_frame(event: Event, swarm_id: str) -> dict[str, Any]:
        frame = written(event, swarm_id)
        found.frames.append(frame)
        return frame

    with mock.patch.object(Event, "as_frame", as_frame):
        yield found
    assert [fault for frame in found.frames for fault in faults(frame)] == []
