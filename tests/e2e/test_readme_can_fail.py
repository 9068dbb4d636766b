"""What runs the README finds each way in which a page can be wrong; these pages need no service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documents import Broken, Terminal, blocks_of


def read(folder: Path, page: str, *, not_run: tuple[str, ...] = ()) -> None:
    with Terminal(folder, not_run=dict.fromkeys(not_run, "a reason")) as terminal:
        for block in blocks_of("page.md", page):
            terminal.run(block)


def fenced(info: str, text: str) -> str:
    return f"```{info}\n{text}\n```\n"


GOOD = (
    fenced("sh", "NAME=lakes\nprintf 'one\\n%s\\n3 ms\\n' \"$NAME\" > said.txt")
    + "Some words.\n"
    + fenced("sh", 'cat said.txt && echo "$NAME swm_01M809QHTNP2NQCN4M2KWWQTT3 2026-11-22T00:15:38.889Z"')
    + fenced("text output", "…\nl…s\n3 ms\nlakes swm_01AAAAAAAAAAAAAAAAAAAAAAAA 2027-01-01T00:00:00Z")
    + fenced("text output numbers-vary", "one\n…\n17 ms\n…")
    + fenced("python", "print(open('said.txt').read())")
    + fenced("text output", "one\nlakes\n3 ms")
    + fenced("json file=body.json", '{"tasks": []}')
    + fenced("sh", "python3 -m json.tool body.json")
    + fenced("json body", '{"goal": "x", "budget": {"max_cost_usd": 1}}')
    + fenced("toml settings", 'log_level = "debug"')
    + fenced("text figure", "a -> b")
)


def test_a_page_that_is_right_passes(tmp_path: Path) -> None:
    read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (fenced("sh", "echo told; false\ntrue"), "ended with 1\ntold"),
        (fenced("sh", "false | true"), "ended with 1"),
        (fenced("sh", "swarmd runn"), "No such command 'runn'"),
        (fenced("sh", "curl -s http://127.0.0.1:8000/v1/swarms"), "ended with 7"),
        (fenced("sh refused", "true"), "ended with 0"),
        (fenced("python", "1 / 0"), "ZeroDivisionError"),
        (fenced("sh", "echo 1 run") + fenced("text output", "2 runs"), "shown is\n2 runs"),
        (fenced("sh", "echo one; echo two") + fenced("text output", "one"), "printed was\none\ntwo"),
        (fenced("sh", "echo a 1 b") + fenced("text output numbers-vary", "a 2 c"), "shown is\na 2 c"),
        (fenced("text output", "one"), "no block above that printed"),
        (fenced("json file=x.json", "{'a': 1}"), "Expecting property name"),
        (fenced("json body", '{"goal": "x", "budgets": {}}'), "budgets"),
        (fenced("toml settings", 'log_level = "loud"'), "log_level"),
        (fenced("json", "{}"), "nothing is known of a block of json"),
        (fenced("", "ls"), "nothing is known of a block of no kind"),
        (fenced("sh quietly", "ls"), "nothing is known of a block of sh quietly"),
        ("```sh\nls\n", "lines begin with a fence"),
        (fenced("sh background", "swarmd serve --no-such-flag"), "No such option"),
    ],
)
def test_a_page_that_is_wrong_is_found(tmp_path: Path, page: str, says: str) -> None:
    with pytest.raises(Broken) as broken:
        read(tmp_path, page)

    assert says in str(broken.value)


def test_what_is_not_run_is_parsed_at_least(tmp_path: Path) -> None:
    read(tmp_path, fenced("sh", "docker run\nfalse"), not_run=("docker run",))

    with pytest.raises(Broken, match="syntax error"):
        read(tmp_path / "2", fenced("sh", "docker run\nif"), not_run=("docker run",))
