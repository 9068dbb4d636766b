"""What the command line makes of a recipe or a goal, and what it refuses before anything is sent."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from app.cli import requests
from app.cli.failures import EXIT_USAGE, Failure
from app.cli.recipe_inputs import read_files, read_inputs, rows_in
from app.cli.recipes import description_of, inputs_line, recipes
from app.cli.requests import goal_request, parameters_of, recipe_request
from app.cli.results import as_text
from app.cli.run import Planner, request_of
from app.recipes.inputs import InputFile
from app.recipes.loading import load
from app.recipes.recipe import Reads


def failure_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(Failure) as failure:
        call(*arguments)
    assert failure.value.exit_code == EXIT_USAGE
    return failure.value.message


def rows(path: str, text: str) -> list[Any]:
    return rows_in(InputFile(path=path, text=text))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# A\n")
    (tmp_path / "notes" / "b.html").write_text("<p>B</p>\n")
    (tmp_path / "notes" / "c.py").write_text("C = 1\n")
    return tmp_path


def test_a_goal_alone_is_a_goal() -> None:
    assert orjson.loads(goal_request("Find out.", None, []).body) == {"goal": "Find out."}
    assert failure_of(goal_request, "  ", None, []) == "--goal: expected some words"


def test_attached_files_and_folders_are_sent_as_they_are(folder: Path) -> None:
    body = orjson.loads(goal_request("Find out.", "orchestrator", [folder / "notes", folder / "notes" / "c.py"]).body)

    assert body == {
        "goal": "Find out.",
        "planner": "orchestrator",
        "attachments": {
            "files": [
                {"name": "notes/a.md", "content": "# A\n"},
                {"name": "notes/b.html", "content": "<p>B</p>\n"},
                {"name": "c.py", "content": "C = 1\n"},
            ]
        },
    }


def test_a_recipe_gets_its_goal_and_planner_by_flag(folder: Path) -> None:
    request = request_of("research", "Find out.", [folder / "notes"], [], Planner.ORCHESTRATOR, ["agents=7"])
    body = orjson.loads(request.body)

    assert (body["goal"], body["planner"]) == ("Find out.", "orchestrator")
    assert body["limits"] == {"max_parallel_agents": 7}
    assert [file["name"] for file in body["attachments"]["files"]] == ["notes/a.md", "notes/b.html"]
    assert request.shows == ()


def test_a_review_shows_its_report_and_its_validation(folder: Path) -> None:
    assert recipe_request("review", {}, [folder / "notes"]).shows == ("report", "validation")

    (folder / "notes" / "c.py").rename(folder / "notes" / "c.go")
    assert recipe_request("review", {}, [folder / "notes"]).shows == ("report",)


def test_a_folder_inside_of_a_package_keeps_the_names_by_which_it_is_imported(tmp_path: Path) -> None:
    inner = tmp_path / "shop" / "api"
    inner.mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").write_text("")
    (inner / "orders.py").write_text("ORDERS = []\n")

    assert [file.path for file in read_files([inner], lambda path: True, "files")] == ["shop/api/orders.py"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((None, "g", [Path("a.md")], [], None, []), "--goal and a.md: give the files"),
        ((None, "g", [], [], None, ["a=b"]), "--set goes with --recipe"),
        (("research", "g", [], [], None, ["goal=h"]), "--goal and --set goal=…: give one of them"),
        (("data", "g", [], [], None, []), "the recipe data has no parameter 'goal'"),
        (("data", None, [], [], None, []), "this recipe reads files: give PATHs of tables"),
        (("nothing", None, [], [], None, []), "there is no recipe 'nothing': there are data"),
        (("data", None, [Path("absent.csv")], [], None, []), "absent.csv: No such file"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: Any, says: str) -> None:
    assert says in failure_of(request_of, *arguments)


def test_assignments_are_names_and_values() -> None:
    assert parameters_of(["a=1", " b =x=y"]) == {"a": "1", "b": "x=y"}
    for wrong in (["a"], ["=1"], ["a=1", "a=2"]):
        failure_of(parameters_of, wrong)


def test_csv_becomes_rows_with_numbers() -> None:
    expected = [{"name": "a", "n": 10, "p": 2.5, "code": "007"}, {"name": "b; c", "n": -1, "p": "", "code": "1e5"}]

    assert rows("t.csv", "name,n,p,code\na,10,2.5,007\n\nb; c,-1,,1e5\n") == expected
    assert rows("t.tsv", "a\tb,c\n1\t2\n") == [{"a": 1, "b,c": 2}]
    assert rows("t.csv", "a;b\r\n1;2,5\r\n") == [{"a": 1, "b": "2,5"}]
    assert rows("t.csv", 'a,b\n"x\ny",2\n') == [{"a": "x\ny", "b": 2}]


def test_json_becomes_rows() -> None:
    expected = [{"a": 1}, {"a": 2}]

    assert rows("t.json", '[{"a": 1}, {"a": 2}]') == expected
    assert rows("t.json", '{"count": 2, "rows": [{"a": 1}, {"a": 2}]}') == expected
    assert rows("t.jsonl", '{"a": 1}\n\n{"a": 2}\n') == expected
    assert rows("t.jsonl", '{"a": 1}\n') == [{"a": 1}]


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("t.csv", "a,b\n1,2,3\n", "t.csv: line 2 has 3 cells, the first line 2"),
        ("t.csv", "a,a\n1,2\n", "must name each column"),
        ("t.csv", "a,\n1,2\n", "must name each column"),
        ("t.csv", "a,b\n", "then rows"),
        ("t.csv", f"a\n{'x' * 200_000}\n", "line 2: field larger than field limit"),
        ("t.json", "[1, 2", "not JSON"),
        ("t.json", "[]", "expected a list of rows, got list"),
        ("t.json", "5", "expected a list of rows, got int"),
        ("t.jsonl", '{"a": 1}\n{"a": \n', "line 2 is not JSON"),
    ],
)
def test_what_is_no_table_says_where(path: str, text: str, says: str) -> None:
    assert says in failure_of(rows, path, text)


def test_files_that_cannot_be_sent_are_told(folder: Path) -> None:
    (folder / "binary.md").write_bytes(b"a\0b")
    (folder / "empty.md").write_text(" \n")
    (folder / "other").mkdir()
    (folder / "other" / "a.md").write_text("A")

    assert "binary, not text" in failure_of(read_inputs, Reads.DOCUMENTS, [folder / "binary.md"])
    assert "there is nothing in it" in failure_of(read_inputs, Reads.DOCUMENTS, [folder / "empty.md"])
    assert "expected exactly one file, got 2" in failure_of(read_inputs, Reads.DOCUMENT, [folder / "notes"])
    twice = [folder / "notes" / "a.md", folder / "other" / "a.md"]
    assert "a.md: two of the files have this name" in failure_of(read_inputs, Reads.DOCUMENTS, twice)


def test_more_than_a_request_takes_is_refused_with_the_largest_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_BODY_BYTES", 2 * 2**20)
    (folder / "large.md").write_text("x" * (3 * 2**20))

    said = failure_of(goal_request, "Find out.", None, [folder / "large.md", folder / "notes"])

    assert said.startswith(
        "the files make a request of 3.0 MiB; the service takes 2 MiB; the largest files are large.md"
    )


def test_the_list_and_a_recipe_are_shown() -> None:
    runner = CliRunner()

    listed = runner.invoke(recipes, []).stdout
    assert [line.split()[0] for line in listed.splitlines()[::2]] == [
        "data",
        "documents",
        "formats",
        "research",
        "review",
    ]
    assert "reads documents (PATH..., may be left out); takes goal [planner] [agents] [rubric]" in listed
    assert runner.invoke(recipes, ["show", "data"]).stdout == description_of(load("data")) + "\n"


def test_a_description_holds_parameters_example_and_template() -> None:
    told = description_of(load("research"))

    assert "  goal (text; required)\n" in told
    assert "  planner (supervisor|orchestrator; default: supervisor)\n" in told
    assert "  agents (integer 1-1,000; default: 100)\n" in told
    assert orjson.loads(told[told.index("\n{") :])["goal"] == "${goal}"
    assert inputs_line(load("formats")).startswith("reads one document (PATH); takes [formats]")


def test_only_the_wanted_outputs_are_told() -> None:
    outputs = [{"task_id": name, "status": "completed", "output": f"text of {name}"} for name in "abc"]

    assert as_text({"outputs": outputs}, ["c", "a", "absent"]) == "## c\n\ntext of c\n\n## a\n\ntext of a\n"
