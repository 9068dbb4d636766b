"""Code reviews: every finding is computed from the text and names its line."""

from __future__ import annotations

import pytest

from app.providers.offline.code_lines import review_lines
from app.providers.offline.code_python import review_python
from app.providers.offline.findings import ADVICE, SEVERITY
from tests.support.offline_asking import ask_text

SOURCE = '''"""Pays people."""
import os
import subprocess
from json import *

def pay(who, log=[]):
    try:
        subprocess.run(who, shell=True)
    except Exception:
        pass
    try:
        return eval(who)
    except:
        return None  # TODO: tell someone


class Bank:
    def balance(self):
        assert (self, "never")
        if 1:
            for _ in ():
                while 1:
                    with self:
                        if 2:
                            return 3
'''


def _kinds(source: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for finding in review_python(source).findings:
        found.setdefault(finding.kind, []).append(finding.line)
    return found


@pytest.mark.filterwarnings("ignore:assertion is always true:SyntaxWarning")
def test_each_kind_of_finding_with_its_line() -> None:
    assert _kinds(SOURCE) == {
        "unused-import": [2],
        "star-import": [4],
        "missing-docstring": [6, 17, 18],
        "mutable-default": [6],
        "shell-injection": [8],
        "broad-except": [9],
        "swallowed-exception": [9],
        "eval-or-exec": [12],
        "bare-except": [13],
        "to-do": [14],
        "assert-on-tuple": [19],
        "deep-nesting": [24],
    }


def test_clean_code_has_nothing_to_report() -> None:
    source = '"""Adds."""\n\n\ndef add(a: int, b: int) -> int:\n    """The sum."""\n    return a + b\n'
    review = review_python(source)
    assert review.findings == []
    assert (review.lines, review.blank, review.functions, review.classes) == (6, 2, 1, 0)
    assert "Nothing to report in 6 lines of Python." in ask_text(
        "Review", task={"id": "a", "data": {"path": "add.py", "source": source}}
    )


@pytest.mark.parametrize(
    "source",
    [
        'import typing\n__all__ = ["typing"]\n',
        "import json as json\n",
        'import json\ndef f(x: "json.JSONDecoder") -> None:\n    """D."""\n',
        "from __future__ import annotations\n",
    ],
)
def test_imports_that_are_used_in_other_ways_are_no_findings(source: str) -> None:
    assert "unused-import" not in _kinds(source)


def test_a_handler_that_raises_again_is_not_broad() -> None:
    assert not {"broad-except", "bare-except"} & _kinds("try:\n    x()\nexcept Exception:\n    raise\n").keys()


def test_long_functions_and_lines_and_many_arguments() -> None:
    body = "".join(f"    x{n} = {n}\n" for n in range(70))
    source = f'"""M."""\n\ndef _long(a, b, c, d, e, f, g, h, i):\n{body}\n\ny = "{"z" * 130}"\n'
    assert _kinds(source) == {"long-function": [3], "many-arguments": [3], "long-line": [76]}
    assert "Longest function: `_long`, 71 lines, starting at line 3." in review_python(source).notes


def test_a_file_that_does_not_parse_says_where() -> None:
    assert _kinds("x = 1\ndef broken(:\n")["syntax-error"] == [2]


@pytest.mark.parametrize("source", ["(" * 100_000, "\0", "x = " + "-" * 50_000 + "1", "é\ud800", "", "\n" * 100])
def test_source_that_the_parser_cannot_take_is_still_reviewed(source: str) -> None:
    assert review_python(source).language == "Python"


def test_invalid_escapes_in_reviewed_source_warn_nobody() -> None:
    assert review_python('x = "\\d"\n').functions == 0


def test_other_languages_get_the_measures_of_their_lines() -> None:
    source = "// sum\nexport function sum(a, b) {\n  return a + b; // FIXME: overflow\n}\n\nclass A {\n}\n"
    review = review_lines(source, "JavaScript")
    assert (review.lines, review.blank, review.comments, review.functions, review.classes) == (7, 1, 1, 1, 1)
    assert [(finding.line, finding.kind) for finding in review.findings] == [(3, "to-do")]
    text = ask_text("Review", task={"id": "a", "data": {"path": "sum.js", "source": source}})
    assert "Totals: files 1 · lines 7" in text
    assert "Longest line: 34 characters, line 3." in text


def test_pasted_code_is_recognised_without_a_name() -> None:
    assert "mutable-default" in ask_text("What is wrong here?\n\n```\ndef f(x={}):\n    return x\n```")
    assert "files 1" in ask_text("Review this:\n\n```go\nfunc main() {\n}\n```")


def test_every_kind_has_advice() -> None:
    assert SEVERITY.keys() == ADVICE.keys()
