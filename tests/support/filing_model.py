"""A model's server, OpenAI-shaped, that is asked for the ratios of annual reports and has but its tools to know them.

What it says follows from the conversation alone. Every figure in it comes out of an answer of ``file_reader``, every
ratio out of one of ``code_interpreter``; it knows how such reports name things, and nothing of any one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import Any

from tests.support.scripted_model import asked, calling, scripted_model

FIGURES = {
    "current_assets": ("Total current assets", ["total current assets"]),
    "current_liabilities": ("Total current liabilities", ["total current liabilities"]),
    "total_assets": ("Total assets", ["total assets"]),
    "revenue": ("Total revenue", ["total (?:operating )?revenues?"]),
    "net_income": (
        "Net income",
        ["(?:consolidated )?net income attributable to (?!.*noncontrolling)[^|]+?", "net income"],
    ),
}
"""By the name of a column: which words to look for, and how the row of the statement begins, the better one first.

Where others hold a part of a subsidiary, the company's own net income is what is attributable to it.
"""
RATIOS = {
    "current_ratio": ("current_assets", "current_liabilities"),
    "net_margin": ("net_income", "revenue"),
    "return_on_assets": ("net_income", "total_assets"),
}
NOT_FOUND = "not found"
_ELSEWHERE = "incorporated by reference"

_COMPUTE = """
import json
from pathlib import Path

filing, figures, ratios = {filing!r}, {figures!r}, {ratios!r}
text = Path(filing).read_text(encoding="utf-8")
for figure in filter(None, figures.values()):
    assert figure in text, figure
numbers = {{name: figure and int(figure.replace(",", "")) for name, figure in figures.items()}}
row = {{"filing": filing, **numbers}}
for name, (over, under) in ratios.items():
    row[name] = numbers[over] / numbers[under] if numbers[over] and numbers[under] else None
Path({artifact!r}).write_text(json.dumps(row))
print(json.dumps(row))
"""

_MERGE = """
import csv, json
from pathlib import Path

rows = [json.loads(Path(name).read_text()) for name in {names!r}]
columns = ["filing", *{figures!r}, *{ratios!r}]

def shown(name, value):
    if value is None:
        return {not_found!r}
    return f"{{value:.4f}}" if name in {ratios!r} else str(value)

table = [[shown(name, row[name]) for name in columns] for row in sorted(rows, key=lambda row: row["filing"])]
with open("ratios.csv", "w", newline="") as file:
    csv.writer(file).writerows([columns, *table])
lines = ["# Ratios", "", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
lines += ["| " + " | ".join(cells) + " |" for cells in table]
Path("ratios.md").write_text("\\n".join(lines) + "\\n")
print(len(table), "reports,", sum({not_found!r} not in cells for cells in table), "with all figures")
"""


def filing_model() -> AbstractContextManager[str]:
    """The base URL of a running server."""
    return scripted_model(_said)


def _said(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    task, inputs = asked(messages)
    answers = [str(message["content"]) for message in messages if message["role"] == "tool"]
    turn = sum("tool_calls" in message for message in messages)
    if "filing" not in task:
        return _merging(inputs, turn, answers)
    return _reading(str(task["filing"]), turn, answers)


def _reading(filing: str, turn: int, answers: Sequence[str]) -> dict[str, Any]:
    """Look for everything at once; compute from what was found; say what came out."""
    if turn == 0:
        looked_for = [*(words for words, _ in FIGURES.values()), _ELSEWHERE]
        return calling(*(("file_reader", {"path": filing, "find": words}) for words in looked_for))
    if turn == 1:
        found = zip(FIGURES.items(), answers, strict=False)
        figures = {name: _figure(rows, answer) for (name, (_, rows)), answer in found}
        artifact = f"{PurePosixPath(filing).stem}.json"
        code = _COMPUTE.format(filing=filing, figures=figures, ratios=RATIOS, artifact=artifact)
        return calling(("code_interpreter", {"code": code, "files": [filing], "artifacts": [artifact]}))
    computed = answers[-1]
    if computed.startswith("Error") or "[saved as artifacts: " not in computed:
        return {"content": f"The ratios of {filing} could not be computed: {computed}"}
    row = json.loads(computed.splitlines()[0])
    artifact = re.findall(r"\[saved as artifacts: (.+?) \(version", computed)[0]
    note = None
    if None in row.values():
        places = re.findall(r"^(\d+): .*incorporated by reference", answers[len(FIGURES)], re.MULTILINE | re.IGNORECASE)
        note = f"it refers to another document in line {places[0]}" if places else "no reason was found"
    return {"content": json.dumps({"artifact": artifact, "row": row, "note": note})}


def _figure(rows: Sequence[str], answer: str) -> str | None:
    """The first number of the first such row with at least two years in it; None where there is none."""
    for row in rows:
        found = re.search(rf"^\d+: {row} \| \$?([\d,]+) \| \$?[\d,]+\b", answer, re.MULTILINE | re.IGNORECASE)
        if found:
            return found[1]
    return None


def _merging(inputs: Mapping[str, Any], turn: int, answers: Sequence[str]) -> dict[str, Any]:
    told = [json.loads(output) for output in inputs.values()]
    if turn == 0:
        names = [one["artifact"] for one in told]
        code = _MERGE.format(names=names, figures=list(FIGURES), ratios=list(RATIOS), not_found=NOT_FOUND)
        return calling(("code_interpreter", {"code": code, "files": names, "artifacts": ["ratios.csv", "ratios.md"]}))
    notes = [f"{one['row']['filing']}: {one['note']}" for one in told if one["note"]]
    return {"content": "\n".join([answers[-1].splitlines()[0], *notes])}
