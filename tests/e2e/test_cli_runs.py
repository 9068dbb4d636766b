"""The commands that look at runs and steer them, against a service of its own process."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx2
import pytest

from tests.support.scripted_model import MODEL, Message, calling, scripted_model
from tests.support.service import ServiceProcess
from tests.support.terminal import DEADLINE_S, run_swarmd

SAVED = "metric,value\nrevenue,12\n"
STRICT = {"type": "object", "required": ["never"]}
"""What this model never answers: a task with this schema fails."""

LET_GO = threading.Event()
"""Set at the end: until then a call for a task that is to be held does not end."""


def said(messages: Sequence[Message]) -> dict[str, Any]:
    """The model of these tests: saves a file, or takes its time, where it is asked to, and else says yes."""
    text = json.dumps(messages)
    if "save it" in text and messages[-1]["role"] != "tool":
        return calling(("save_artifact", {"name": "tables/ratios.csv", "content": SAVED}))
    if "hold it" in text:
        LET_GO.wait(DEADLINE_S)
    return {"content": "yes"}


class Terminal:
    """Commands in a folder, each run to its end, against one service."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def __call__(self, *arguments: str) -> CompletedProcess[str]:
        return run_swarmd(*arguments, cwd=self.folder, SWARMD_URL=self.url)

    def out(self, *arguments: str) -> str:
        """Stdout of a command that must succeed."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.out(*arguments, "--json"))

    def start(self, *, wait: int = 20, **body: Any) -> str:
        """Start a run over HTTP, and wait for its end."""
        wanted = {"model": MODEL, "retry": {"max_retries": 0}, **body}
        response = httpx2.post(f"{self.url}/v1/swarms?wait={wait}", json=wanted, timeout=40)
        assert response.status_code == 201, response.text
        return str(response.json()["swarm_id"])


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("terminal")
    with (
        scripted_model(said) as model,
        ServiceProcess(folder, "--provider-base-url", model, "--default-model", MODEL) as service,
    ):
        yield Terminal(folder, service.url)
        LET_GO.set()


@pytest.fixture(scope="module")
def done(terminal: Terminal) -> str:
    """A run of three tasks, one of which saved a file, one of which failed."""
    tasks = [
        {"id": "numbers", "role": "analyzer", "prompt": "save it", "tools": ["save_artifact"]},
        {"id": "words", "prompt": "Say yes."},
        {"id": "trouble", "prompt": "x", "output_schema": STRICT},
    ]
    return terminal.start(name="three views", tasks=tasks)


@pytest.fixture
def held(terminal: Terminal) -> str:
    """A run whose first task is under way until ``LET_GO``, and whose second waits for it."""
    tasks = [{"id": "a", "prompt": "hold it"}, {"id": "b", "prompt": "x", "depends_on": ["a"]}]
    return terminal.start(wait=0, name="held", tasks=tasks)


# --- ls ---------------------------------------------------------------------------------------------------------------


def test_runs_are_listed_with_filters(terminal: Terminal, done: str) -> None:
    heads, *rows = terminal.out("ls", "--name", "three views").splitlines()

    assert heads.split()[:4] == ["ID", "STATUS", "DONE", "FAILED"]
    assert [row.split()[:4] for row in rows] == [[done, "partial", "3/3", "1"]]
    assert terminal.json("ls", "--name", "three views", "--status", "failed")["items"] == []
    assert terminal.json("ls", "--name", "three views", "--since", "1h")["items"][0]["swarm_id"] == done
    assert terminal.json("ls", "--name", "three views", "--until", "1h")["items"] == []
    assert terminal.json("ls", "--agent", "nobody")["items"] == []
    assert "'nope' is not one of" in terminal("ls", "--status", "nope").stderr


def test_a_long_list_comes_in_pages(terminal: Terminal) -> None:
    ids = [terminal.start(name="pages", tasks=[{"id": "a", "prompt": "x"}]) for _ in range(3)][::-1]

    first = terminal("ls", "--name", "pages", "--limit", "2")
    cursor = terminal.json("ls", "--name", "pages", "--limit", "2")["next_cursor"]
    rest = terminal.json("ls", "--name", "pages", "--limit", "2", "--cursor", cursor)
    everything = terminal.json("ls", "--name", "pages", "--all")

    assert [line.split()[0] for line in first.stdout.splitlines()[1:]] == ids[:2]
    assert f"--cursor {cursor} goes on" in first.stderr
    assert [item["swarm_id"] for item in rest["items"]] == ids[2:]
    assert ([item["swarm_id"] for item in everything["items"]], everything["next_cursor"]) == (ids, None)


# --- get --------------------------------------------------------------------------------------------------------------


def test_a_run_is_shown(terminal: Terminal, done: str) -> None:
    text = terminal.out("get", done)

    assert "three views" in text
    assert "3: 2 completed, 1 failed" in text
    assert terminal.json("get", done)["counts"]["total"] == 3


def test_a_task_is_shown_with_its_steps_and_tool_calls(terminal: Terminal, done: str) -> None:
    text = terminal.out("get", done, "--task", "numbers")

    assert 'save_artifact {"name": "tables/ratios.csv"' in text
    assert "Attempts\nATTEMPT" in text
    assert "Steps\nSTEP" in text
    assert text.endswith("Output\nyes\n")
    assert terminal.json("get", done, "--task", "trouble")["status"] == "failed"


def test_tasks_are_listed_by_state(terminal: Terminal, done: str) -> None:
    _, *rows = terminal.out("get", done, "--tasks").splitlines()

    assert [row.split()[:2] for row in rows] == [
        ["numbers", "completed"],
        ["words", "completed"],
        ["trouble", "failed"],
    ]
    assert [item["task_id"] for item in terminal.json("get", done, "--tasks", "--state", "failed")["items"]] == [
        "trouble"
    ]


def test_results_go_to_stdout_or_a_file(terminal: Terminal, done: str) -> None:
    out = terminal.folder / "answer.md"

    assert terminal.out("get", done, "--results").startswith("## numbers\n\nyes\n")
    assert terminal.out("get", done, "--results", "--out", str(out)) == ""
    assert out.read_text().startswith("## numbers\n\nyes\n")
    assert terminal.json("get", done, "--results")["missing"] == ["trouble"]


def test_what_does_not_go_together_is_a_usage_error(terminal: Terminal, done: str) -> None:
    both = terminal("get", done, "--results", "--tasks")

    assert (both.returncode, both.stderr) == (2, "swarmd: error: give one of --task, --tasks and --results\n")
    assert terminal("get", done, "--state", "failed").returncode == 2
    assert terminal("artifacts", done, "--out", "x").returncode == 2
    assert terminal("export", done, "--interval-s", "5").returncode == 2
    assert terminal("watch", done, "--after", "3").returncode == 2


def test_an_id_that_is_not_there_is_answered_with_the_nearest(terminal: Terminal, done: str) -> None:
    run, named, task = (
        terminal("get", done[:-1]),
        terminal("watch", "three views"),
        terminal("get", done, "--task", "word"),
    )

    assert (run.returncode, named.returncode, task.returncode) == (1, 1, 1)
    assert f"did you mean {done} (three views)" in run.stderr
    assert f"did you mean {done} (three views)" in named.stderr
    assert "did you mean words?" in task.stderr
    assert "Traceback" not in run.stderr + named.stderr + task.stderr


# --- logs -------------------------------------------------------------------------------------------------------------


def test_the_log_is_printed_and_filtered(terminal: Terminal, done: str) -> None:
    lines = terminal.out("logs", done).splitlines()
    later = [json.loads(line) for line in terminal.out("logs", done, "--after", "3", "--json").splitlines()]
    failed = terminal.out("logs", done, "--follow", "--type", "agent_failed").splitlines()
    words = terminal.out("logs", done, "--task", "words").splitlines()

    assert [line.split()[1] for line in lines] == [str(seq) for seq in range(1, len(lines) + 1)]
    assert [event["seq"] for event in later] == list(range(4, len(lines) + 1))
    assert [line.split()[2:4] for line in failed] == [["agent_failed", "trouble"]]
    assert [line.split()[2] for line in words] == ["task_queued", "agent_spawned", "agent_completed"]


# --- cancel, pause, resume, retry -------------------------------------------------------------------------------------


def test_a_run_is_paused_resumed_and_cancelled(terminal: Terminal, held: str) -> None:
    paused = terminal("pause", held)
    assert (paused.returncode, paused.stdout) == (0, "")
    assert f"{held} is paused: 0 of 2 completed, 2 tasks left" in paused.stderr
    assert terminal.json("resume", held)["status"] == "running"
    assert terminal("cancel", held).returncode == 0
    assert terminal("watch", held).returncode == 5
    assert terminal("cancel", held).returncode == 0
    refused = terminal("pause", held)

    assert refused.returncode == 2
    assert "409" in refused.stderr


def test_one_task_is_cancelled(terminal: Terminal, held: str) -> None:
    assert terminal("cancel", held, "--task", "b").returncode == 0

    states = {item["task_id"]: item["status"] for item in terminal.json("get", held, "--tasks")["items"]}
    assert states == {"a": "running", "b": "cancelled"}


def test_failed_tasks_run_again(terminal: Terminal) -> None:
    swarm_id = terminal.start(tasks=[{"id": "a", "prompt": "x"}, {"id": "bad", "prompt": "x", "output_schema": STRICT}])

    nothing = terminal("retry", swarm_id, "--error", "timeout")
    again = terminal("retry", swarm_id, "--task", "bad", "--state", "failed")

    assert nothing.returncode == 2, nothing.stderr
    assert again.returncode == 0, again.stderr
    assert terminal("watch", swarm_id).returncode == 3
    assert terminal.json("get", swarm_id, "--task", "bad")["attempts"] == 2


# --- artifacts, export, usage -----------------------------------------------------------------------------------------


def test_artifacts_are_listed_and_downloaded(terminal: Terminal, done: str) -> None:
    archive, file = terminal.folder / "all.zip", terminal.folder / "ratios.csv"

    _, row = terminal.out("artifacts", done).splitlines()
    terminal.out("artifacts", done, "--zip", str(archive))
    terminal.out("artifacts", done, "tables/ratios.csv", "--out", str(file))

    assert row.split()[:3] == ["tables/ratios.csv", "1", str(len(SAVED))]
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.read("tables/ratios.csv").decode() == SAVED
    assert file.read_text() == SAVED
    assert terminal.out("artifacts", done, "tables/ratios.csv") == SAVED
    assert terminal.json("artifacts", done, "--task", "words")["items"] == []
    assert terminal("artifacts", done, "none.csv").returncode == 1


@pytest.mark.parametrize(("kind", "rows"), [("tasks", 3), ("attempts", 3), ("events", 11)])
def test_all_rows_are_exported_in_both_formats(terminal: Terminal, done: str, kind: str, rows: int) -> None:
    out = terminal.folder / f"{kind}.csv"

    told = terminal("export", done, "--kind", kind, "--format", "csv", "--out", str(out))
    table = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"), newline="")))
    objects = json.loads(terminal.out("export", done, "--kind", kind, "--format", "json"))

    assert told.stderr == f"swarmd: {out}: {out.stat().st_size:,} bytes\n"
    assert len(table) == len(objects) >= rows
    assert {row["task_id"] for row in table} >= {"numbers", "words", "trouble"}


def test_metrics_are_exported_at_the_interval_that_is_asked_for(terminal: Terminal, done: str) -> None:
    fine = json.loads(terminal.out("export", done, "--kind", "metrics", "--format", "json"))
    coarse = json.loads(terminal.out("export", done, "--kind", "metrics", "--format", "json", "--interval-s", "3600"))

    assert len(fine) >= len(coarse) >= 1


@pytest.mark.parametrize("group", ["model", "key", "day", "swarm"])
def test_usage_is_summed_up(terminal: Terminal, done: str, group: str) -> None:
    heads, *rows = terminal.out("usage", "--group-by", group).splitlines()
    document = terminal.json("usage", "--group-by", group, "--all")

    assert heads.split()[:2] == [group.upper(), "CALLS"]
    assert rows[-1].split()[0] == "total"
    assert document["total"]["calls"] == sum(item["calls"] for item in document["items"])
    if group == "swarm":
        assert done in {item["swarm_id"] for item in document["items"]}


def test_usage_of_days_that_are_none_is_refused(terminal: Terminal) -> None:
    refused = terminal("usage", "--from", "2026-02-31")

    assert refused.returncode == 2
    assert "/from" in refused.stderr


# --- where the service is ---------------------------------------------------------------------------------------------


def test_without_a_service_it_is_told_what_to_start(tmp_path: Path) -> None:
    done = run_swarmd("ls", cwd=tmp_path, SWARMD_PORT="9", SWARMD_DATA_DIR=str(tmp_path / "none"))

    assert done.returncode == 1
    assert done.stderr == (
        "swarmd: error: no swarmd service answers at http://127.0.0.1:9\n"
        "  start one with `swarmd serve`, or name another with SWARMD_URL or --url\n"
    )


def test_the_service_of_the_data_directory_is_found_on_any_port(terminal: Terminal, done: str) -> None:
    listed = run_swarmd(
        "ls", "--json", cwd=terminal.folder, SWARMD_PORT="9", SWARMD_DATA_DIR=str(terminal.folder / "data")
    )

    assert listed.returncode == 0, listed.stderr
    assert f"no service at http://127.0.0.1:9: using the one at {terminal.url}" in listed.stderr
    assert done in listed.stdout
