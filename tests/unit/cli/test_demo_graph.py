"""The demo's swarm has the promised shape, whatever the tree, and stays inside the service's limits."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from app.cli import demo_graph
from app.cli.corpus import Corpus, TextFile
from app.cli.demo_graph import FINAL_TASK_ID, Plan, code_review, document_reading, short_id


def corpus(files: dict[str, str]) -> Corpus:
    return Corpus(root=Path("shop"), files=[TextFile(path=path, text=text) for path, text in files.items()])


def tasks(plan: Plan) -> dict[str, dict[str, Any]]:
    listed = plan.body["tasks"]
    by_id = {task["id"]: task for task in listed}
    assert len(by_id) == len(listed)
    known: set[str] = set()
    for task in listed:
        assert known.issuperset(task.get("depends_on", [])), "a task comes after its dependencies"
        known.add(task["id"])
    assert listed[-1]["id"] == FINAL_TASK_ID
    return by_id


def test_a_tree_becomes_reviewers_folder_aggregators_and_one_report() -> None:
    plan = code_review(
        corpus({"shop/a.py": "A\n", "shop/api/b.py": "B\n", "shop/api/c.go": "C\n"}), model="m", agents=7
    )
    by_id = tasks(plan)

    assert list(by_id) == ["shop/a.py", "shop/api/b.py", "shop/api/c.go", "shop/", "shop/api/", "report"]
    assert by_id["shop/api/"]["depends_on"] == ["shop/api/b.py", "shop/api/c.go"]
    assert by_id["report"]["depends_on"] == ["shop/", "shop/api/"]
    assert {task["role"] for task in by_id.values()} == {"reviewer", "synthesizer"}
    assert by_id["shop/api/c.go"]["data"] == {"path": "shop/api/c.go", "language": "Go", "source": "C\n"}
    assert plan.body["model"] == "m"
    assert plan.body["limits"] == {"max_parallel_agents": 7}
    assert (plan.files, plan.folders) == (3, 2)


def test_a_single_folder_goes_straight_to_the_report() -> None:
    by_id = tasks(code_review(corpus({"shop/a.py": "A", "shop/b.py": "B"}), model="m", agents=1))

    assert list(by_id) == ["shop/a.py", "shop/b.py", "report"]
    assert by_id["report"]["depends_on"] == ["shop/a.py", "shop/b.py"]


def test_aggregators_run_even_when_an_input_failed() -> None:
    by_id = tasks(code_review(corpus({"shop/a.py": "A", "shop/api/b.py": "B"}), model="m", agents=1))

    assert all(task["allow_failed_dependencies"] for task in by_id.values() if task.get("depends_on"))


def test_documents_are_merged_in_groups_of_at_most_25() -> None:
    plan = document_reading(corpus({f"peps/{n:02}.rst": f"text {n}" for n in range(60)}), model="m", agents=1)
    by_id = tasks(plan)

    groups = by_id["report"]["depends_on"]
    assert [len(by_id[group]["depends_on"]) for group in groups] == [20, 20, 20]
    assert by_id["peps/00.rst"]["data"] == {"path": "peps/00.rst", "text": "text 0"}


def test_html_is_sent_as_text_and_a_document_without_text_is_left_out() -> None:
    plan = document_reading(corpus({"d/a.html": "<p>Hello</p>", "d/b.htm": "<script>x</script>"}), model="m", agents=1)

    assert tasks(plan)["d/a.html"]["data"]["text"] == "Hello"
    assert plan.files == 1
    assert plan.notices == ("d/b.htm: no text in it, left out",)


def test_a_long_document_is_read_in_parts_that_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_graph, "MAX_TASK_TEXT_BYTES", 100)
    text = "".join(f"line {number}\n" for number in range(25))
    by_id = tasks(document_reading(corpus({"d/long.txt": text, "d/short.txt": "s"}), model="m", agents=1))

    parts = by_id["d/long.txt"]["depends_on"]
    assert parts == ["d/long.txt part 1", "d/long.txt part 2", "d/long.txt part 3"]
    assert "".join(by_id[part]["data"]["text"] for part in parts) == text
    assert by_id["report"]["depends_on"] == ["d/long.txt", "d/short.txt"]


def test_a_source_file_too_long_for_one_task_is_cut_with_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_graph, "MAX_TASK_TEXT_BYTES", 100)
    plan = code_review(corpus({"s/a.py": "x = 1\n" * 100}), model="m", agents=1)

    task = tasks(plan)["s/a.py"]
    assert len(orjson.dumps(task["data"]["source"])) <= 102
    assert "(the first 14 lines of it)" in task["prompt"]
    assert plan.notices == ("s/a.py: too long for one reviewer, only its first 14 lines are reviewed",)


def test_a_tree_too_large_for_a_request_goes_without_its_longest_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_graph, "MAX_CORPUS_BYTES", 1000)
    files = {f"s/{name}.py": "x" * size for name, size in {"a": 300, "b": 900, "c": 400, "d": 200, "e": 500}.items()}
    plan = code_review(corpus(files), model="m", agents=1)

    assert [task_id for task_id in tasks(plan) if task_id != FINAL_TASK_ID] == ["s/a.py", "s/c.py", "s/d.py"]
    assert plan.files == 3
    assert plan.notices == ("a request holds at most 0 MiB: left out the 2 longest files",)


def test_the_longest_documents_give_way_where_a_request_cannot_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_graph, "MAX_CORPUS_BYTES", 2000)
    plan = document_reading(corpus({"d/a.txt": "short", "d/b.txt": "long line\n" * 500}), model="m", agents=1)
    by_id = tasks(plan)

    assert by_id["d/a.txt"]["data"]["text"] == "short"
    assert 1900 < len(orjson.dumps(by_id["d/b.txt"]["data"]["text"])) <= 2002
    assert "1 long file read only up to" in plan.notices[0]


def test_no_aggregator_has_a_fan_in_its_context_could_not_hold() -> None:
    files = {f"s/{folder:03}/{name}.py": "x" for folder in range(150) for name in "ab"}
    files |= {f"s/big/{number:03}.py": "x" for number in range(150)}
    by_id = tasks(code_review(corpus(files), model="m", agents=1))

    fan_ins = [len(task["depends_on"]) for task in by_id.values() if task.get("depends_on")]
    assert max(fan_ins) <= 60
    reached = {FINAL_TASK_ID}
    for task_id in reversed(by_id):
        assert task_id in reached
        reached.update(by_id[task_id].get("depends_on", []))


def test_a_file_named_like_the_report_or_a_group_keeps_its_own_id() -> None:
    files = {"report": "x", "s/a.py": "x", "s/t/a.py": "x"}
    by_id = tasks(code_review(corpus(files), model="m", agents=1))

    assert by_id["report (2)"]["data"]["path"] == "report"


def test_ids_fit_the_service_and_stay_distinct() -> None:
    long = ["x" * 300 + str(number) + "/" + "y" * 300 for number in range(2)]

    assert short_id("a/b.py") == "a/b.py"
    assert all(len(short_id(text)) <= 256 for text in long)
    assert short_id(long[0]) != short_id(long[1])


def test_a_path_with_braces_is_no_template() -> None:
    by_id = tasks(document_reading(corpus({"{a}/{0}.txt": "x", "{b}/{name}.txt": "y"}), model="m", agents=1))

    assert "{0}.txt" in by_id["{a}/{0}.txt"]["prompt"]
    assert "{b}/" in by_id["{b}/"]["prompt"]
