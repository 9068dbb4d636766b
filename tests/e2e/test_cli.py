"""The commands as a user runs them: real processes, a real service, real signals."""

import json
import re
import signal
import socket
from pathlib import Path

import httpx2
import pytest

from tests.support.terminal import Start, mock_model, serving


def failed_start(start: Start, *flags: str) -> str:
    """The one line ``swarmd serve`` leaves when it cannot start."""
    command = start("serve", *flags)
    assert command.end() in {1, 2}, command.err
    lines = command.err.splitlines()
    assert len(lines) == 1, command.err
    assert lines[0].startswith("swarmd: error: ")
    return lines[0]


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A swarm file: two tasks, one after the other."""
    file = tmp_path / "chain.json"
    tasks = [{"id": "a", "prompt": "Say hello."}, {"id": "b", "prompt": "Merge.", "depends_on": ["a"]}]
    file.write_text(json.dumps({"name": "chain", "tasks": tasks, "retry": {"max_retries": 0}}))
    return file


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "api").mkdir(parents=True)
    (root / "cart.py").write_text("def total(prices):\n    return sum(prices)\n")
    (root / "api" / "orders.py").write_text("ORDERS = []\n\n\ndef add(order):\n    ORDERS.append(order)\n")
    return root


def test_a_file_runs_on_a_running_service(start: Start, tmp_path: Path, chain: Path) -> None:
    with serving(start, tmp_path / "data") as url:
        command = start("run", str(chain), "--url", url)

        assert command.end() == 0, command.err
        results = json.loads(command.out)
        assert [output["task_id"] for output in results["outputs"]] == ["a", "b"]
        assert all(output["output"] for output in results["outputs"])
        assert "2/2 done (100 %)" in command.err


def test_stdin_text_format_an_output_file_and_detaching(start: Start, tmp_path: Path, chain: Path) -> None:
    with serving(start, tmp_path / "data") as url:
        out = tmp_path / "out.md"
        flags = ("--format", "text", "--out", str(out), "--no-progress", "--max-parallel", "1", "--model", "offline")
        command = start("run", "-", *flags, stdin=chain.read_text(), SWARMD_URL=url)
        detached = start("run", str(chain), "--url", url, "--detach")

        assert (command.end(), command.out, command.err) == (0, "", "")
        assert out.read_text().startswith("## a\n")
        assert detached.end() == 0
        assert httpx2.get(f"{url}/v1/swarms/{detached.out.strip()}").json()["name"] == "chain"


def test_a_service_with_keys_asks_for_one(start: Start, tmp_path: Path, chain: Path) -> None:
    minting = start("keys", "create", "--scopes", "read,run", "--json", "--data-dir", str(tmp_path / "data"))
    assert minting.end() == 0, minting.err
    with serving(start, tmp_path / "data", "--host", "0.0.0.0") as url:
        refused = start("run", str(chain), "--url", url)
        allowed = start("run", str(chain), "--url", url, SWARMD_API_KEY=json.loads(minting.out)["key"])

        assert refused.end() == 1
        assert "pass a key with SWARMD_API_KEY or --api-key" in refused.err
        assert allowed.end() == 0, allowed.err


def test_a_refused_file_is_explained(start: Start, tmp_path: Path) -> None:
    cycle = {
        "tasks": [{"id": "a", "prompt": "x", "depends_on": ["b"]}, {"id": "b", "prompt": "x", "depends_on": ["a"]}]
    }
    with serving(start, tmp_path / "data") as url:
        command = start("run", "-", "--url", url, stdin=json.dumps(cycle))

        assert command.end() == 2
        assert re.search(r"a -> b -> a|b -> a -> b", command.err)
        assert "Traceback" not in command.err


def test_nobody_at_the_given_url_is_an_error(start: Start, chain: Path) -> None:
    command = start("run", str(chain), "--url", "http://127.0.0.1:9")

    assert command.end() == 1
    assert command.err == (
        "swarmd: error: no swarmd service answers at http://127.0.0.1:9\n"
        "  start one with `swarmd serve`, or name another with SWARMD_URL or --url\n"
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_without_a_service_the_command_runs_one_for_the_duration(start: Start, tmp_path: Path, chain: Path) -> None:
    env = {"SWARMD_PORT": str(free_port()), "SWARMD_DATA_DIR": str(tmp_path / "data")}
    command = start("run", str(chain), **env)

    assert command.end() == 0, command.err
    assert "running one here for the duration" in command.err
    assert len(json.loads(command.out)["outputs"]) == 2
    assert not (tmp_path / "data" / "service.json").exists()


def test_without_a_service_nothing_can_be_left_running(start: Start, tmp_path: Path, chain: Path) -> None:
    command = start("run", str(chain), "--detach", SWARMD_PORT=str(free_port()), SWARMD_DATA_DIR=str(tmp_path / "data"))

    assert command.end() == 1
    assert "no swarmd service answers at" in command.err


def test_an_interrupted_demo_leaves_nothing_to_go_on_with(start: Start, tmp_path: Path, tree: Path) -> None:
    with mock_model(start, "--hang-rate", "1") as upstream:
        env = {"SWARMD_PROVIDER_BASE_URL": upstream, "SWARMD_DEFAULT_MODEL": "mock"}
        command = start("demo", str(tree), "--data-dir", str(tmp_path / "data"), "--model", "mock", **env)
        command.wait_for(r"0/5 done")
        command.process.send_signal(signal.SIGINT)

        assert command.end() == 130, command.err
        assert re.search(r"swm_\w+ is cancelled", command.err)
        assert "Traceback" not in command.err


def test_a_run_outlives_a_crash_of_its_service(start: Start, tmp_path: Path, chain: Path) -> None:
    port, data_dir = free_port(), str(tmp_path / "data")
    flags = ("serve", "--port", str(port), "--data-dir", data_dir, "--default-model", "mock")
    with mock_model(start, "--latency-ms", "1500") as upstream:
        first = start(*flags, "--provider-base-url", upstream)
        url = first.wait_for(r"listening on (http://\S+)")
        command = start("run", str(chain), "--url", url)
        command.wait_for(r"0/2 done")
        first.kill()
        second = start(*flags, "--provider-base-url", upstream)
        second.wait_for(r"listening on (http://\S+)")

        assert command.end() == 0, command.err
        assert len(json.loads(command.out)["outputs"]) == 2


def test_a_swarm_whose_tasks_all_fail_exits_with_4(start: Start, tmp_path: Path, chain: Path) -> None:
    with mock_model(start, "--error-rate", "1") as upstream:
        flags = ("--provider-base-url", upstream, "--default-model", "mock")
        with serving(start, tmp_path / "data", *flags) as url:
            command = start("run", str(chain), "--url", url)

            assert command.end() == 4, command.err
            assert {output["status"] for output in json.loads(command.out)["outputs"]} == {"failed", "skipped"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_cancels_the_swarm(
    start: Start, tmp_path: Path, chain: Path, number: signal.Signals, code: int
) -> None:
    with mock_model(start, "--hang-rate", "1") as upstream:
        flags = ("--provider-base-url", upstream, "--default-model", "mock")
        with serving(start, tmp_path / "data", *flags) as url:
            command = start("run", str(chain), "--url", url)
            command.wait_for(r"0/2 done")
            command.process.send_signal(number)

            assert command.end() == code, command.err
            swarm_id = command.wait_for(r"cancelling (\S+)")
            assert httpx2.get(f"{url}/v1/swarms/{swarm_id}").json()["status"] == "cancelled"


def test_the_demo_reviews_a_tree_and_keeps_the_swarm(start: Start, tmp_path: Path, tree: Path) -> None:
    out = tmp_path / "report.md"
    command = start("demo", str(tree), "--data-dir", str(tmp_path / "data"), "--out", str(out))

    assert command.end() == 0, command.err
    assert "shop/cart.py" in command.out
    assert "orders.py" in command.out
    assert out.read_text() == command.out
    assert "5 of 5 sub-agents completed" in command.err
    swarm_id = command.wait_for(r"(swm_\w+) completed")
    with serving(start, tmp_path / "data") as url:
        assert httpx2.get(f"{url}/v1/swarms/{swarm_id}").json()["counts"]["completed"] == 5


def test_the_demo_reads_documents(start: Start, tmp_path: Path) -> None:
    documents = tmp_path / "letters"
    documents.mkdir()
    (documents / "one.html").write_text("<script>no()</script><p>Revenue grew by 12% to $40 million in 2024.</p>")
    (documents / "two.md").write_text("# Outlook\n\nThe company expects 15% growth in 2025.\n")
    command = start("demo", "--documents", str(documents), "--data-dir", str(tmp_path / "data"), "--no-progress")

    assert command.end() == 0, command.err
    assert "one.html" in command.out
    assert "no()" not in command.out


def test_the_demo_uses_the_service_that_has_the_data_directory(start: Start, tmp_path: Path, tree: Path) -> None:
    with serving(start, tmp_path / "data") as url:
        command = start("demo", str(tree), "--data-dir", str(tmp_path / "data"))

        assert command.end() == 0, command.err
        assert f"is in use: using the service at {url}" in command.err
        swarm_id = command.wait_for(r"(swm_\w+) completed")
        assert httpx2.get(f"{url}/v1/swarms/{swarm_id}").json()["status"] == "completed"


def test_the_demo_works_elsewhere_when_that_service_does_not_answer(start: Start, tmp_path: Path, tree: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(start, data_dir):
        (data_dir / "service.json").unlink()
        command = start("demo", str(tree), "--data-dir", str(data_dir))

        assert command.end() == 0, command.err
        assert re.search(r"is in use .* working in \S+ instead", command.err)


def test_a_kept_demo_serves_until_it_is_interrupted(start: Start, tmp_path: Path, tree: Path) -> None:
    command = start("demo", str(tree), "--data-dir", str(tmp_path / "data"), "--keep")
    page = command.wait_for(r"open (http://\S+/console/runs/swm_\w+) or http://\S+/docs")

    assert httpx2.get(page).headers["content-type"].startswith("text/html")
    command.process.send_signal(signal.SIGINT)
    assert command.end() == 0, command.err


def test_nothing_to_review_is_a_usage_error(start: Start, tmp_path: Path) -> None:
    command = start("demo", str(tmp_path), "--data-dir", str(tmp_path / "data"))

    assert command.end() == 2
    assert "no source files to read in" in command.err


def test_a_port_in_use_is_one_line(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = failed_start(start, "--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert f"port {port} of 127.0.0.1 is in use" in line


def test_a_data_directory_in_use_is_one_line(start: Start, tmp_path: Path) -> None:
    with serving(start, tmp_path / "data"):
        line = failed_start(start, "--port", "0", "--data-dir", str(tmp_path / "data"))

    assert "is in use by another running service" in line


def test_a_data_directory_that_cannot_be_one_is_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    line = failed_start(start, "--port", "0", "--data-dir", str(tmp_path / "file" / "data"))

    assert str(tmp_path / "file" / "data") in line


def test_a_wrong_setting_names_itself(start: Start) -> None:
    command = start("serve", "--port", "99999")

    assert command.end() == 2
    assert "SWARMD_PORT (--port): " in command.err


def test_an_open_address_without_a_key_is_refused(start: Start, tmp_path: Path) -> None:
    line = failed_start(start, "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path / "data"))

    assert "key" in line


def test_the_openapi_document_is_the_same_bytes_every_time(start: Start, tmp_path: Path) -> None:
    out = tmp_path / "openapi.json"
    printed = start("openapi", PYTHONHASHSEED="1", SWARMD_MAX_TASKS="5")
    written = start("openapi", "--out", str(out), PYTHONHASHSEED="2")

    assert (printed.end(), written.end()) == (0, 0)
    assert printed.out == out.read_text()
    document = json.loads(printed.out)
    assert "/v1/swarms" in document["paths"]
    assert printed.out == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_version_is_printed_both_ways(start: Start) -> None:
    commands = [start("version"), start("--version")]

    assert [command.end() for command in commands] == [0, 0]
    assert re.fullmatch(r"swarmd \d+\.\d+\.\d+\n", commands[0].out)
    assert commands[0].out == commands[1].out
