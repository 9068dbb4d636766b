"""A client as users write them: the ``openai`` package of Node.js; only its base URL is ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.accounts import bearer
from tests.support.keys import mint
from tests.support.sdks import TYPESCRIPT_SDK, Guarded, typescript_sdk
from tests.support.service import MockModelProcess, ServiceProcess

PROMISES = re.findall(
    r'^  async "?([^"(]+)"?\(\) \{$', (TYPESCRIPT_SDK / "tests/openai.mjs").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "20") as process:
        yield process


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[Guarded]:
    prices = '{"mock": {"input_per_mtok": 1, "output_per_mtok": 2}}'
    service = ServiceProcess(tmp_path_factory.mktemp("service"), *model.as_provider(), SWARMD_PRICES=prices)
    key = mint(service.data_dir, "default", "read,run")["key"]
    with service:
        yield Guarded(service, key)


def test_the_node_package_works_with_only_its_base_url_changed(
    guarded: Guarded, model: MockModelProcess, tmp_path: Path
) -> None:
    """Plain, streamed, tools, ``response_format``, the models, errors, retries, time-outs, a swarm as a model."""
    with httpx2.Client(base_url=guarded.url, headers=bearer(guarded.key)) as client:
        client.post("/v1/agents/create", json={"name": "team", "model": "offline"}).raise_for_status()

    said = typescript_sdk(tmp_path).run("openai", guarded.url, guarded.key, model.root_url)

    assert len(PROMISES) > 10
    assert said.splitlines() == [f"ok: {promise}" for promise in PROMISES]
