"""NATS as it is run in earnest: three servers, encrypted, with a password; and what is said where that goes wrong."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.brokers import certificate, nats_cluster, nats_server
from tests.support.cluster import cluster, layered, names
from tests.support.figures import report
from tests.support.postgres import server
from tests.support.service import ROOT, clean_environment, poll

pytestmark = pytest.mark.long

PASSWORD = "s3cret-w0rd"


def test_the_leader_of_an_encrypted_cluster_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    tasks = layered(600, 100)
    access = (*certificate(tmp_path / "tls"), "--user", "swarm", "--pass", PASSWORD)
    with nats_cluster(tmp_path / "brokers", *access) as brokers:
        urls = ",".join(f"tls://127.0.0.1:{broker.port}" for broker in brokers)
        with cluster(
            tmp_path,
            latency_ms=300,
            through=lambda _, to, url: urls if to == "broker" else url,
            SWARMD_NATS_USER="swarm",
            SWARMD_NATS_PASSWORD=PASSWORD,
            SWARMD_NATS_CA=str(tmp_path / "tls" / "certificate.pem"),
            SWARMD_NATS_REPLICAS="3",
        ) as nodes:
            swarm_id = nodes.post({"tasks": tasks})
            nodes.until_completed(swarm_id, 100)
            leader = poll(lambda: next((one for one in brokers if one.leads("swarmd-tasks")), None), what="a leader")
            leader.kill()
            killed_at = time.monotonic()

            nodes.until_ended(swarm_id)
            took_s = time.monotonic() - killed_at

            repeats = nodes.check(swarm_id, names(tasks), repeats=0)
            assert nodes.readiness()["broker"] == "connected"
            said = "".join(process.output for process in (*nodes.serves, *nodes.workers))
    report(3, f"leader of three NATS servers killed: 0 lost, {repeats} repeated, ended {took_s:.1f} s after the kill")
    assert PASSWORD not in said


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_wrong_password_ends_the_start_with_one_line(tmp_path: Path, command: str) -> None:
    with nats_server(tmp_path, "--user", "swarm", "--pass", PASSWORD) as broker, server().database() as database:
        env = {
            "SWARMD_DATABASE_URL": database,
            "SWARMD_NATS_URL": broker.url.replace("//", "//swarm:wr0ng-w0rd@"),
            "PYTHONPATH": str(ROOT),
        }
        port = "--port" if command == "serve" else "--health-port"
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli", command, port, "0", "--data-dir", str(tmp_path / "data")],
            env=clean_environment() | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    assert len(said.strip().splitlines()) == 1, said
    assert f"127.0.0.1:{broker.port} refuses who asks: check SWARMD_NATS_USER" in said
    assert "wr0ng" not in said
