"""Kinds of code findings and how much they weigh; shared by the reviewers and the merged reports."""

from __future__ import annotations

from dataclasses import dataclass

SEVERITY = {
    "syntax-error": 5,
    "eval-or-exec": 5,
    "shell-injection": 5,
    "unsafe-load": 5,
    "mutable-default": 4,
    "bare-except": 4,
    "swallowed-exception": 4,
    "broad-except": 3,
    "assert-on-tuple": 4,
    "long-function": 3,
    "deep-nesting": 3,
    "many-arguments": 2,
    "unused-import": 2,
    "star-import": 2,
    "to-do": 1,
    "missing-docstring": 1,
    "long-line": 1,
    "trailing-whitespace": 1,
}
"""Weight of each kind, 5 is worst. The order within a weight is the order of reports."""

ADVICE = {
    "syntax-error": "make the file parse again",
    "eval-or-exec": "replace `eval`/`exec` by parsing or a table of functions",
    "shell-injection": "pass a list of arguments instead of `shell=True`",
    "unsafe-load": "load untrusted data with a safe loader or as JSON",
    "mutable-default": "default to None and create the object inside",
    "bare-except": "name the exceptions that are meant",
    "swallowed-exception": "handle or log the exception instead of dropping it",
    "broad-except": "catch the narrowest exception that can be handled",
    "assert-on-tuple": "remove the parentheses: a tuple is always true",
    "long-function": "split the longest functions into named steps",
    "deep-nesting": "return early or extract the inner blocks",
    "many-arguments": "group arguments that travel together",
    "unused-import": "delete the unused imports",
    "star-import": "import the names that are used",
    "to-do": "turn the markers into issues or do them",
    "missing-docstring": "say in one line what each public name is for",
    "long-line": "wrap the long lines",
    "trailing-whitespace": "strip trailing white space",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding at one line (1 is the first)."""

    line: int
    kind: str
    message: str

    @property
    def weight(self) -> int:
        return weight(self.kind)


def weight(kind: str) -> int:
    """How much a kind matters; unknown kinds (from other reviewers) lie in the middle."""
    return SEVERITY.get(kind, 2)


@dataclass(slots=True)
class FileReview:
    """What was measured and found in one source file."""

    language: str
    lines: int
    blank: int
    comments: int
    functions: int
    classes: int
    findings: list[Finding]
    notes: list[str]
    purpose: str = ""

    @property
    def code(self) -> int:
        return max(self.lines - self.blank - self.comments, 0)
