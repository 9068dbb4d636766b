"""Two services and two workers that are unlike each other, one set for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster, cluster


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The first worker has the tags gpu and fast, the second eu and fast; and no bubblewrap on its machine."""
    tags = [{"SWARMD_WORKER_TAGS": '["gpu", "fast"]'}, {"SWARMD_WORKER_TAGS": '["eu", "fast"]'}]
    folder = tmp_path_factory.mktemp("nodes")
    with cluster(
        folder, latency_ms=10, concurrency=40, worker_env=tags, without_sandbox={1}, flags=("--webhook-private",)
    ) as found:
        yield found
