"""What can be said about source of any language from its lines alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.providers.offline.findings import FileReview, Finding
from app.providers.offline.text import count_lines, shorten

LONG_LINE = 120
MAX_LINE_FINDINGS = 500
"""Findings of one kind that are listed for a file; generated files would otherwise be nothing but findings."""

LANGUAGES = {
    "py": "Python", "pyi": "Python", "js": "JavaScript", "mjs": "JavaScript", "cjs": "JavaScript", "jsx": "JavaScript",
    "ts": "TypeScript", "tsx": "TypeScript", "go": "Go", "rs": "Rust", "c": "C", "h": "C", "cc": "C++", "cpp": "C++",
    "hpp": "C++", "cs": "C#", "java": "Java", "kt": "Kotlin", "rb": "Ruby", "php": "PHP", "swift": "Swift",
    "scala": "Scala", "sh": "Shell", "bash": "Shell", "pl": "Perl", "lua": "Lua", "r": "R", "jl": "Julia",
    "hs": "Haskell", "ex": "Elixir", "exs": "Elixir", "sql": "SQL", "css": "CSS", "scss": "CSS", "toml": "TOML",
    "yaml": "YAML", "yml": "YAML", "vue": "Vue", "dart": "Dart", "zig": "Zig", "tf": "Terraform", "mk": "Make",
}  # fmt: skip

_HASH_COMMENTS = frozenset(
    {"Python", "Ruby", "Shell", "Perl", "R", "Julia", "Elixir", "TOML", "YAML", "Terraform", "Make"}
)
_DASH_COMMENTS = frozenset({"SQL", "Lua", "Haskell"})
_MARKER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b[:\s(]?(.{0,80})")
_FUNCTION = re.compile(
    r"^\s*(?:export\s+|default\s+|pub(?:\([a-z]+\))?\s+|public\s+|private\s+|protected\s+|static\s+|async\s+|unsafe\s+)*"
    r"(?:function\b|func\s|fn\s|def\s|sub\s|fun\s)"
)
_CLASS = re.compile(
    r"^\s*(?:export\s+|default\s+|pub\s+|public\s+|private\s+|abstract\s+|final\s+)*"
    r"(?:class|struct|interface|trait|enum|impl|module)\s+\w"
)


def language_of(path: str) -> str:
    """The language of a file by its name; empty when it is no known source file."""
    name = path.rpartition("/")[2]
    if name in {"Makefile", "Dockerfile"}:
        return name
    return LANGUAGES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def comment_marks(language: str) -> tuple[str, ...]:
    """How comment lines of a language begin."""
    if language in _HASH_COMMENTS or language in {"Makefile", "Dockerfile"}:
        return ("#",)
    return ("--",) if language in _DASH_COMMENTS else ("//", "/*", "*")


def count_comments(source: str, marks: tuple[str, ...]) -> int:
    """Lines that hold nothing but a comment."""
    return sum(1 for line in source.split("\n") if line.lstrip().startswith(marks))


def line_findings(source: str, marks: Sequence[str]) -> list[Finding]:
    """Long lines, trailing white space (one finding a file) and to-do markers in comments."""
    findings: list[Finding] = []
    long_lines = markers = trailing = first_trailing = 0
    for at, line in enumerate(source.split("\n"), start=1):
        line = line.removesuffix("\r")  # noqa: PLW2901
        if len(line) > LONG_LINE:
            long_lines += 1
            if long_lines <= MAX_LINE_FINDINGS:
                findings.append(Finding(at, "long-line", f"{len(line)} characters"))
        if line[-1:] in {" ", "\t"}:
            trailing += 1
            first_trailing = first_trailing or at
        if markers < MAX_LINE_FINDINGS and (found := _MARKER.search(line[:2000])):
            before = line[: found.start()]
            if any(mark in before for mark in marks):
                markers += 1
                note = shorten(found.group(2).strip(" :()-"), 60)
                findings.append(Finding(at, "to-do", f"{found.group(1)}: {note}" if note else found.group(1)))
    if trailing:
        findings.append(Finding(first_trailing, "trailing-whitespace", f"{trailing} lines end in white space"))
    return findings


def review_lines(source: str, language: str) -> FileReview:
    """Review source of a language that is not parsed here."""
    lines = source.split("\n")
    marks = comment_marks(language)
    review = FileReview(
        language=language or "text",
        lines=count_lines(source),
        blank=sum(1 for line in lines if not line.strip()) - (1 if source.endswith("\n") else 0),
        comments=count_comments(source, marks),
        functions=sum(1 for line in lines if _FUNCTION.match(line[:500])),
        classes=sum(1 for line in lines if _CLASS.match(line[:500])),
        findings=line_findings(source, marks),
        notes=[],
    )
    longest = max(range(len(lines)), key=lambda index: len(lines[index]))
    if lines[longest]:
        review.notes.append(f"Longest line: {len(lines[longest])} characters, line {longest + 1}.")
    return review
