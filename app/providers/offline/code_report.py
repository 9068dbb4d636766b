"""The review of one source file as a report that people read and that ``merge_code`` adds up."""

from __future__ import annotations

from collections import Counter

from app.providers.offline.findings import FileReview, Finding
from app.providers.offline.report import Report
from app.providers.offline.text import number
from app.providers.offline.totals import format_line, top

LISTED_PER_KIND = 8
"""Findings of one kind that are listed; the rest only count."""


def code_report(name: str, review: FileReview) -> Report:
    """What was found in one file, most serious first."""
    kinds = Counter(finding.kind for finding in review.findings)
    weight = sum(finding.weight for finding in review.findings)
    counts = {
        "files": 1, "lines": review.lines, "code lines": review.code, "comment lines": review.comments,
        "functions": review.functions, "classes": review.classes, "findings": len(review.findings), "weight": weight,
    }  # fmt: skip
    title = f"Review of `{name}`" if name else "Code review"
    report = Report(title, [_opening(review), format_line("Totals", counts)])
    if kinds:
        report.lead.append(format_line("Findings", top(kinds, len(kinds))))
    lines, hidden = _listed(review.findings)
    if hidden:
        lines.append(f"- {number(hidden)} more of the kinds above")
    report.add("Findings", lines)
    report.add("Measures", [f"- {note}" for note in review.notes])
    return report


def _opening(review: FileReview) -> str:
    purpose = f"{review.purpose.rstrip('.')}. " if review.purpose else ""
    if not review.findings:
        return f"{purpose}Nothing to report in {number(review.lines)} lines of {review.language}."
    worst = max(review.findings, key=lambda finding: finding.weight)
    noun = "finding" if len(review.findings) == 1 else "findings"
    return (
        f"{purpose}{number(len(review.findings))} {noun} in {number(review.lines)} lines of {review.language}; "
        f"the most serious is {worst.kind} at line {worst.line}."
    )


def _listed(findings: list[Finding]) -> tuple[list[str], int]:
    shown: Counter[str] = Counter()
    lines: list[str] = []
    for finding in sorted(findings, key=lambda finding: (-finding.weight, finding.kind, finding.line)):
        shown[finding.kind] += 1
        if shown[finding.kind] <= LISTED_PER_KIND:
            lines.append(f"- line {finding.line}, {finding.kind}: {finding.message}")
    return lines, sum(max(0, count - LISTED_PER_KIND) for count in shown.values())
