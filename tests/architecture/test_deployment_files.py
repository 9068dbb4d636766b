"""What the deployment files name exists: settings, ports, paths, metrics, files, users.

What they do when they run is in ``tests/integration/test_deployment.py``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import __version__
from app.cli.hosting import STOP_TIMEOUT_S
from app.cli.settings_reference import reference
from app.main import create_app
from app.settings import WELL_KNOWN, PriceSettings, ProviderSettings, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "scripts" / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES: dict[str, Any] = {
    document["kind"]: document
    for document in yaml.safe_load_all((DEPLOY / "kubernetes" / "swarmd.yaml").read_text(encoding="utf-8"))
}
POD: dict[str, Any] = KUBERNETES["StatefulSet"]["spec"]["template"]["spec"]
UNIT = (DEPLOY / "systemd" / "swarmd.service").read_text(encoding="utf-8")
VARIABLES = {f"SWARMD_{name.upper()}" for name in Settings.model_fields} | {entry[0] for entry in WELL_KNOWN.values()}
DEFAULTS = Settings.model_construct()
NEEDED_TO_STOP_S = DEFAULTS.drain_s + STOP_TIMEOUT_S


def paths_served() -> set[str]:
    return set(create_app(DEFAULTS).openapi()["paths"])


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_reference_is_that_of_the_settings() -> None:
    written = (DEPLOY / "settings.md").read_text(encoding="utf-8")

    assert written == reference(), "write it anew: swarmd settings --out scripts/deploy/settings.md"


@pytest.mark.parametrize("model", [Settings, ProviderSettings, PriceSettings])
def test_every_setting_says_what_it_is(model: Any) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_no_deployment_file_sets_what_nothing_reads() -> None:
    texts = {
        path: path.read_text(encoding="utf-8") for path in [*DEPLOY.rglob("*"), ROOT / "compose.yaml"] if path.is_file()
    }
    named = {word for text in texts.values() for word in re.findall(r"\bSWARMD_[A-Z_]+", text)}

    assert named - VARIABLES <= {"SWARMD_PUBLISH", "SWARMD_PORT"}


# --- image and compose -----------------------------------------------------------------------------------------------


def test_the_image_is_not_roots_and_looks_after_itself() -> None:
    [user] = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert re.search(r"^HEALTHCHECK ", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE) == ["/data"]
    assert re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE) == [str(DEFAULTS.port)]


def test_the_image_is_made_of_what_it_copies_and_nothing_else_is_sent_to_the_builder() -> None:
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied == let_in
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_compose_starts_the_service_alone_and_the_rest_on_request() -> None:
    services = COMPOSE["services"]

    assert {name for name, service in services.items() if "profiles" not in service} == {"swarmd"}
    assert services["swarmd"]["image"] == f"swarmd:{__version__}"
    assert "/data" in {volume.split(":")[1] for volume in services["swarmd"]["volumes"]}
    assert services["swarmd"]["read_only"]
    assert float(services["swarmd"]["stop_grace_period"].rstrip("s")) > NEEDED_TO_STOP_S
    assert set(services["swarmd"]["environment"]) <= VARIABLES


def test_compose_opens_ports_to_this_machine_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]

    assert [port for port in ports if "127.0.0.1:" not in port] == []


def test_compose_mounts_what_is_there() -> None:
    mounted = [
        volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service.get("volumes", ())
    ]

    assert [name for name in mounted if name.startswith("./") and not (ROOT / name).is_dir()] == []
    assert {name for name in mounted if not name.startswith("./")} == set(COMPOSE["volumes"])


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def test_there_is_one_replica_with_a_volume_of_its_own() -> None:
    spec = KUBERNETES["StatefulSet"]["spec"]

    assert spec["replicas"] == 1
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["data"]
    assert POD["terminationGracePeriodSeconds"] > NEEDED_TO_STOP_S


def test_the_pod_may_do_nothing_that_it_need_not() -> None:
    [uid, gid] = map(int, re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[0])

    assert POD["securityContext"]["runAsNonRoot"]
    assert (POD["securityContext"]["runAsUser"], POD["securityContext"]["fsGroup"]) == (uid, gid)
    assert POD["enableServiceLinks"] is False, "its service is called swarmd, so SWARMD_PORT would be set to an address"
    for container in [*POD["initContainers"], *POD["containers"]]:
        assert container["image"] == f"swarmd:{__version__}"
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_probes_and_ports_are_those_of_the_service() -> None:
    [container] = POD["containers"]
    [port] = container["ports"]
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}

    assert {probe["path"] for probe in probes.values()} <= paths_served()
    assert probes["readiness"]["path"] == "/readyz"
    assert probes["liveness"]["path"] == "/healthz", "a full disk is no reason to restart"
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert str(port["containerPort"]) in container["args"]
    assert KUBERNETES["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]


def test_labels_and_names_in_the_manifests_meet() -> None:
    labels = KUBERNETES["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    declared = {volume["name"] for volume in POD["volumes"]} | {"data"}
    mounted = {mount["name"] for each in [*POD["initContainers"], *POD["containers"]] for mount in each["volumeMounts"]}

    assert KUBERNETES["Service"]["spec"]["selector"] == labels
    assert KUBERNETES["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert mounted == declared


def test_the_configuration_in_the_manifests_is_taken() -> None:
    settings = Settings(**tomllib.loads(KUBERNETES["ConfigMap"]["data"]["swarmd.toml"]))

    assert settings.drain_s == DEFAULTS.drain_s
    assert set(KUBERNETES["Secret"]["stringData"]) <= VARIABLES


# --- several nodes ---------------------------------------------------------------------------------------------------


NODES: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "distributed.yaml").read_text(encoding="utf-8"))
)


def test_compose_starts_several_nodes_on_one_database_and_one_broker() -> None:
    services = {name: one for name, one in COMPOSE["services"].items() if "distributed" in one.get("profiles", ())}

    assert set(services) == {"postgres", "nats", "swarmd-a", "swarmd-b", "worker"}
    nodes = [services[name] for name in ("swarmd-a", "swarmd-b", "worker")]
    assert all(set(node["environment"]) <= VARIABLES for node in nodes)
    assert {node["environment"]["SWARMD_NATS_URL"] for node in nodes} == {"nats://nats:4222"}
    assert len({node["environment"]["SWARMD_DATABASE_URL"] for node in nodes}) == 1
    assert {node["image"] for node in nodes} == {f"swarmd:{__version__}"}
    assert {tuple(node["volumes"]) for node in nodes} == {("data:/data",)}, "files are shared"
    assert services["worker"]["command"][0] == "worker"
    assert str(DEFAULTS.worker_port) in services["worker"]["healthcheck"]["test"][-1]


def test_the_manifests_of_several_nodes_hold_together() -> None:
    [config] = [one for one in NODES if one["kind"] == "ConfigMap"]
    deployments = {one["metadata"]["name"]: one["spec"] for one in NODES if one["kind"] == "Deployment"}
    [claim] = [one for one in NODES if one["kind"] == "PersistentVolumeClaim"]

    Settings(**tomllib.loads(config["data"]["swarmd.toml"]))
    assert set(deployments) == {"swarmd", "swarmd-worker"}
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for name, spec in deployments.items():
        labels = spec["template"]["metadata"]["labels"]
        pod = spec["template"]["spec"]
        [container] = pod["containers"]
        [port] = container["ports"]
        assert spec["selector"]["matchLabels"] == labels, name
        assert pod["terminationGracePeriodSeconds"] > NEEDED_TO_STOP_S
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert container["image"] == f"swarmd:{__version__}"
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert port["containerPort"] == (DEFAULTS.worker_port if name == "swarmd-worker" else DEFAULTS.port)
        probed = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")}
        assert probed == {"/healthz", "/readyz"}


# --- systemd, nginx, monitoring --------------------------------------------------------------------------------------


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (apt-get install systemd)")
    program = ROOT / ".venv" / "bin" / "swarmd"
    unit = tmp_path / "swarmd.service"
    unit.write_text(UNIT.replace("/opt/swarmd/bin/swarmd", str(program)), encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_waits_for_the_drain_and_sets_what_is_read() -> None:
    [stop_s] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    [command] = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)

    assert int(stop_s) > NEEDED_TO_STOP_S
    assert command.split()[1:] == ["serve"]
    assert "User=root" not in UNIT


def test_nginx_hands_on_to_the_default_port() -> None:
    text = (DEPLOY / "nginx" / "swarmd.conf").read_text(encoding="utf-8")

    assert f"server 127.0.0.1:{DEFAULTS.port};" in text


def test_prometheus_asks_for_what_is_there() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]
    [secret] = COMPOSE["services"]["prometheus"]["secrets"]

    assert all((DEPLOY / "prometheus" / name).is_file() for name in config["rule_files"])
    assert job["metrics_path"] in paths_served()
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    assert job["static_configs"] == [{"targets": [f"swarmd:{DEFAULTS.port}"]}]


def test_grafana_is_given_a_dashboard_and_where_to_ask() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "swarmd.yaml").read_text())["providers"]
    volumes = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "swarmd.json").read_text(encoding="utf-8"))

    assert source["url"] == "http://prometheus:9090"
    assert volumes["./scripts/deploy/grafana/dashboards"] == provider["options"]["path"]
    assert volumes["./scripts/deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(identities) == len(set(identities))
    assert list(overlapping(dashboard["panels"])) == []


def overlapping(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for place in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if place in taken:
                yield taken[place], panel["title"]
            taken[place] = panel["title"]
