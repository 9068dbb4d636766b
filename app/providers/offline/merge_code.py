"""Merging code reviews: kinds of findings, worst files and most serious findings, over any number of levels."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.providers.offline.findings import ADVICE, weight
from app.providers.offline.report import Report
from app.providers.offline.text import number
from app.providers.offline.totals import add, find_line, format_line, top

WORST_FILES = 10
SERIOUS_FINDINGS = 12
PER_KIND = 3
ADVISED = 4

_REVIEWED = re.compile(r"Review of `([^`\n]+)`")
_FILE_FINDING = re.compile(r"^- line (\d+), ([a-z-]+): (.*)$", re.MULTILINE)
_MERGED_FINDING = re.compile(r"^- ([^\n]+?):(\d+) ([a-z-]+): (.*)$", re.MULTILINE)
_MERGED_FILE = re.compile(
    r"^\d+\. `([^`\n]+)`: ([\d,]+) findings?, weight ([\d,]+), ([\d,]+) lines?(?:; mostly ([a-z-]+))?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class FileScore:
    """How one file did; ``weight`` adds up the severities of its findings."""

    path: str
    findings: int
    weight: int
    lines: int
    mostly: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """One finding of a merged report, ``path:line``."""

    path: str
    line: int
    kind: str
    message: str


def add_code_sections(report: Report, reviews: Sequence[tuple[str, str]]) -> str:
    """Add what the named ``reviews`` (of files, or merged ones) say together; the folder they are all of."""
    kinds: Counter[str] = Counter()
    files: dict[str, FileScore] = {}
    serious: list[Located] = []
    for name, text in reviews:
        add(kinds, find_line(text, "Findings"))
        for score in read_files(name, text):
            files[score.path] = score
        serious.extend(read_findings(name, text))
    if kinds:
        report.lead.append(format_line("Findings", top(kinds, len(kinds))))
    ranked = sorted(files.values(), key=lambda score: (-score.weight, -score.findings, score.path))
    worst = [score for score in ranked if score.findings][:WORST_FILES]
    report.add("What to do first", _advice(kinds, serious), keep=1)
    report.add("Files that need it most", [_file_line(at, score) for at, score in enumerate(worst, 1)], keep=len(worst))
    chosen = _most_serious(serious)
    lines = [f"- {found.path}:{found.line} {found.kind}: {found.message}" for found in chosen]
    report.add("Most serious findings", lines, keep=3)
    report.add("Findings by kind", _kind_table(kinds))
    return common_folder(list(files))


def read_files(name: str, text: str) -> list[FileScore]:
    """The files a review knows: the one it is of, or the worst that a merged one lists."""
    totals = find_line(text, "Totals")
    reviewed = _REVIEWED.search(text[:500])
    if totals.get("files") == 1 and reviewed is not None:
        kinds = find_line(text, "Findings")
        mostly = max(kinds, key=lambda kind: kinds[kind] * weight(kind)) if kinds else ""
        found, heavy, lines = (int(totals.get(label, 0)) for label in ("findings", "weight", "lines"))
        return [FileScore(reviewed.group(1), found, heavy, lines, mostly)]
    return [
        FileScore(path, _integer(found), _integer(heavy), _integer(lines), mostly)
        for path, found, heavy, lines, mostly in _MERGED_FILE.findall(text)
    ]


def _integer(text: str) -> int:
    return int(text.replace(",", "") or "0")


def read_findings(name: str, text: str) -> list[Located]:
    """The findings a review lists, with their files."""
    reviewed = _REVIEWED.search(text[:500])
    path = reviewed.group(1) if reviewed is not None else name
    found = [Located(path, int(line), kind, message) for line, kind, message in _FILE_FINDING.findall(text)]
    found += [Located(at, int(line), kind, message) for at, line, kind, message in _MERGED_FINDING.findall(text)]
    return found


def _file_line(rank: int, score: FileScore) -> str:
    noun = "finding" if score.findings == 1 else "findings"
    mostly = f"; mostly {score.mostly}" if score.mostly else ""
    lines = f"{number(score.lines)} {'line' if score.lines == 1 else 'lines'}"
    return f"{rank}. `{score.path}`: {number(score.findings)} {noun}, weight {number(score.weight)}, {lines}{mostly}"


def _most_serious(findings: Sequence[Located]) -> list[Located]:
    """The heaviest findings, but not one kind only while there are others."""
    heavy = {found for found in findings if weight(found.kind) > 1}
    ordered = sorted(heavy, key=lambda found: (-weight(found.kind), found.kind, found.path, found.line))
    shown: Counter[str] = Counter()
    chosen: list[Located] = []
    rest: list[Located] = []
    for found in ordered:
        shown[found.kind] += 1
        (chosen if shown[found.kind] <= PER_KIND else rest).append(found)
    picked = (chosen + rest)[:SERIOUS_FINDINGS]
    return sorted(picked, key=lambda found: (-weight(found.kind), found.kind, found.path, found.line))


def _kind_table(kinds: Counter[str]) -> list[str]:
    if not kinds:
        return []
    total = sum(kinds.values())
    shares = {kind: f"{100 * count / total:.0f} %" for kind, count in kinds.items()}
    rows = [f"| {kind} | {number(count)} | {shares[kind]} |" for kind, count in top(kinds, 18).items()]
    return ["| kind | findings | share |", "|---|---:|---:|", *rows]


def _advice(kinds: Counter[str], findings: Sequence[Located]) -> list[str]:
    """The kinds that weigh most in all, what helps against each, and where it is most frequent."""
    ordered = sorted(kinds, key=lambda kind: (-weight(kind) * min(kinds[kind], 50), kind))
    lines = []
    for kind in [kind for kind in ordered if kind in ADVICE][:ADVISED]:
        places = Counter(found.path for found in findings if found.kind == kind)
        most = max(sorted(places), key=lambda path: places[path]) if places else ""
        where = f", first in `{most}`" if most else ""
        lines.append(f"- {kind} ({number(kinds[kind])}): {ADVICE[kind]}{where}.")
    return lines


def common_folder(paths: Sequence[str]) -> str:
    """The folder that all ``paths`` lie under; empty when there is none."""
    folders = [path.rpartition("/")[0] for path in paths if "/" in path]
    return os.path.commonpath(folders) if folders and len({folder[:1] == "/" for folder in folders}) == 1 else ""
