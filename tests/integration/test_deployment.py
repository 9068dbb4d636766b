"""What the deployment files do when they run: the proxy, the image's command, the first key."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
import websockets.sync.client
import yaml

from tests.support.certificates import self_signed
from tests.support.databases import database_env
from tests.support.deployment import free_port, mint, needed, started, swarmd
from tests.support.service import DEADLINE_S, ROOT, MockModelProcess, ServiceProcess, clean_environment, poll

DEPLOY = ROOT / "scripts" / "deploy"


# --- nginx -----------------------------------------------------------------------------------------------------------


@contextmanager
def proxied(folder: Path, service: ServiceProcess) -> Iterator[tuple[str, ssl.SSLContext]]:
    """nginx with the file as it is, but for its port, its certificate and where the service listens."""
    nginx = needed("nginx", "nginx")
    needed("openssl", "openssl")
    made, key = self_signed(folder, "DNS:swarmd.example.com,DNS:localhost", subject="swarmd.example.com")
    made.rename(folder / "fullchain.pem")
    key.rename(folder / "privkey.pem")
    port = free_port()
    text = (DEPLOY / "nginx" / "swarmd.conf").read_text(encoding="utf-8")
    text = text.replace("listen [::]:443 ssl http2;", "").replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    text = text.replace("/etc/letsencrypt/live/swarmd.example.com/", f"{folder}/")
    text = text.replace("server 127.0.0.1:8000;", f"server {service.url.removeprefix('http://')};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        f"{user} pid {folder}/pid; daemon off; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places}\n{text}\n}}\n"
    )
    command = [nginx, "-p", str(folder), "-c", str(config)]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    trusting = ssl.create_default_context(cafile=folder / "fullchain.pem")
    with started(command, folder):
        url = f"https://localhost:{port}"
        poll(lambda: reached(url, trusting), what="nginx")
        yield url, trusting


def reached(url: str, trusting: ssl.SSLContext) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", verify=trusting).status_code in {200, 403}
    except httpx2.TransportError:
        return False


def test_the_proxy_passes_requests_and_streams_as_they_come(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as service, proxied(tmp_path / "nginx", service) as (url, trusting):
        key = mint(service, "read,run")
        headers = {"Authorization": f"Bearer {key}"}
        with httpx2.Client(base_url=url, verify=trusting, headers=headers, timeout=DEADLINE_S) as client:
            body = {"tasks": [{"prompt": "x"}]}
            swarm_id = client.post("/v1/swarms?wait=20", json=body).json()["swarm_id"]

            with client.stream(
                "GET", f"/v1/swarms/{swarm_id}/events", headers={"Accept": "text/event-stream"}
            ) as events:
                assert events.headers["content-type"].startswith("text/event-stream")
                assert "swarm_completed" in "".join(events.iter_text())

            address = url.replace("https", "wss") + f"/v1/swarms/{swarm_id}/stream"
            with websockets.sync.client.connect(address, ssl=trusting, additional_headers=headers) as stream:
                told = [json.loads(frame)["type"] for frame in stream]
            assert (told[0], told[-1]) == ("swarm_started", "swarm_completed")

            chat = {"model": "offline", "messages": [{"role": "user", "content": "Hello."}], "stream": True}
            with client.stream("POST", "/v1/chat/completions", json=chat) as answer:
                assert "data: [DONE]" in "".join(answer.iter_text())

            assert client.post("/v1/files", files={"file": ("a.txt", b"x" * 3_000_000)}).status_code == 201
            assert client.get("/metrics").status_code == 404
            assert httpx2.get(f"{url}/v1/swarms", verify=trusting).status_code == 401


def test_events_come_through_the_proxy_while_the_run_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        model = stack.enter_context(MockModelProcess(tmp_path, "--hang-rate", "1"))
        service = stack.enter_context(ServiceProcess(tmp_path, *model.as_provider()))
        url, trusting = stack.enter_context(proxied(tmp_path / "nginx", service))
        headers = {"Authorization": f"Bearer {mint(service, 'read,run')}"}
        client = stack.enter_context(httpx2.Client(base_url=url, verify=trusting, headers=headers, timeout=DEADLINE_S))
        swarm_id = client.post("/v1/swarms", json={"tasks": [{"prompt": "x"}]}).json()["swarm_id"]

        address = url.replace("https", "wss") + f"/v1/swarms/{swarm_id}/stream"
        with websockets.sync.client.connect(address, ssl=trusting, additional_headers=headers) as stream:
            assert json.loads(stream.recv(DEADLINE_S))["type"] == "swarm_started"
        server_sent = {"Accept": "text/event-stream"}
        with client.stream("GET", f"/v1/swarms/{swarm_id}/events", headers=server_sent) as events:
            assert any("swarm_started" in line for line in events.iter_lines())
        assert client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "running"


def test_the_proxy_opens_no_service_without_keys(tmp_path: Path) -> None:
    """On loopback and without keys it serves every program of its machine: what the proxy brings must not be one."""
    needed("nginx", "nginx")
    with ServiceProcess(tmp_path) as service, proxied(tmp_path / "nginx", service) as (url, trusting):
        others = {"Host": "swarmd.example.com"}
        answer = httpx2.get(f"{url}/v1/swarms", verify=trusting, headers=others)

    assert answer.status_code == 403


# --- the image and the first key -------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_images_command_runs_as_its_user_with_only_the_data_to_write(tmp_path: Path) -> None:
    """As near to the container as it gets without an engine: its user, its command and its health check, on a root
    file system that is read-only but for the volume."""
    bwrap = needed("bwrap", "bubblewrap")
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    [uid, gid] = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)[0]
    [entry] = re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)
    [arguments] = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    [check] = re.findall(r"^HEALTHCHECK [^\n]*\n\s+CMD (\[.*\])$", text, re.MULTILINE)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    port = free_port()
    confined = [bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", str(data), "/srv"]
    confined += ["--unshare-user", "--unshare-pid", "--uid", uid, "--gid", gid, "--chdir", "/srv", "--die-with-parent"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"SWARMD_DATA_DIR": "/srv", "SWARMD_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", "PATH": path}
    env |= {"PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}

    def once(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*confined, *command], capture_output=True, text=True, check=False, env={**clean_environment(), **env}
        )

    refused = once([*json.loads(entry), *json.loads(arguments)])
    assert refused.returncode != 0
    assert "swarmd keys create" in refused.stderr
    key = json.loads(once([*json.loads(entry), "keys", "create", "--json"]).stdout)["key"]
    assert once(json.loads(check)).returncode != 0, "nothing runs yet"
    with started([*confined, *json.loads(entry), *json.loads(arguments)], tmp_path, **env):
        poll(lambda: once(json.loads(check)).returncode == 0, what="its health")
        headers = {"Authorization": f"Bearer {key}"}
        body = {"tasks": [{"prompt": "x"}]}
        run = httpx2.post(f"http://127.0.0.1:{port}/v1/swarms?wait=20", json=body, headers=headers, timeout=DEADLINE_S)
        assert run.json()["status"] == "completed"
    assert (data / "swarmd.db").exists()


def test_the_first_start_in_kubernetes_makes_one_key_and_no_more(tmp_path: Path) -> None:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes" / "swarmd.yaml").read_text(encoding="utf-8"))
    [workload] = [document for document in documents if document["kind"] == "StatefulSet"]
    [container] = workload["spec"]["template"]["spec"]["initContainers"]
    [script] = container["args"]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "swarmd").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app.cli "$@"\n')
    (programs / "swarmd").chmod(0o755)
    env = {**clean_environment(), **database_env(tmp_path), "PYTHONPATH": str(ROOT), "SWARMD_DATA_DIR": str(tmp_path)}
    env["PATH"] = f"{programs}:{os.environ['PATH']}"
    command = [*container["command"], script.replace("/data/", f"{tmp_path}/")]

    subprocess.run(command, check=True, env=env, cwd=tmp_path)
    made = (tmp_path / "first-key.json").read_text()
    subprocess.run(command, check=True, env=env, cwd=tmp_path)

    assert json.loads(made)["scopes"] == ["read", "run", "admin"]
    assert (tmp_path / "first-key.json").read_text() == made
    assert (tmp_path / "first-key.json").stat().st_mode & 0o077 == 0
    assert len(json.loads(swarmd(tmp_path, "keys", "list", "--json"))) == 1
