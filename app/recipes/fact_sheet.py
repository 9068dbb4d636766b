"""A check across files as one text for a validator: counts and problems first, then the facts by file."""

from __future__ import annotations

from collections.abc import Sequence

from app.recipes.cross_check import Checked
from app.recipes.python_facts import FileFacts

MAX_PROBLEMS = 60
"""Problems with a line of their own; the rest only counts."""

MAX_FACT_CHARS = 300_000
"""About 75,000 tokens: the facts of some 500 files; of more, those of files with problems come first."""

_MAX_NAMES = 60


def fact_sheet(files: Sequence[FileFacts], checked: Checked) -> str:
    """``Name: value`` lines with the counts and each problem, then a line a file with its imports and signatures."""
    lines = [
        f"Python-files: {len(files):,}",
        f"Imports-checked: {checked.imports:,}",
        f"Calls-checked: {checked.calls:,}",
        f"Problems: {len(checked.problems):,}",
    ]
    shown = checked.problems[:MAX_PROBLEMS]
    lines += [f"Problem-{number}: {problem}" for number, problem in enumerate(shown, start=1)]
    if len(checked.problems) > len(shown):
        lines.append(f"Problems-not-listed: {len(checked.problems) - len(shown):,}")
    concerned = {problem.path for problem in checked.problems}
    ordered = sorted(files, key=lambda facts: (facts.path not in concerned, facts.path))
    lines += ["", "# What the files import and define", ""]
    room, left_out = MAX_FACT_CHARS, 0
    for facts in ordered:
        line = _line(facts)
        room -= len(line)
        if room < 0:
            left_out += 1
        else:
            lines.append(line)
    if left_out:
        lines.append(f"- and {left_out:,} more files, whose facts are left out here; they were checked all the same")
    return "\n".join(lines) + "\n"


def _line(facts: FileFacts) -> str:
    if facts.error:
        return f"- {facts.path}: {facts.error}"
    names: dict[str, list[str]] = {}
    for found in facts.imports:
        names.setdefault("." * found.level + found.module, []).append(found.name or "")
    imports = [f"{module} ({', '.join(filter(None, each))})" if any(each) else module for module, each in names.items()]
    defines = [
        f"{name}{facts.signatures[name].text}" if name in facts.signatures else name
        for name in sorted(facts.defines - {found.bound for found in facts.imports})
    ]
    return f"- {facts.path}: imports {_listed(imports)}; defines {_listed(defines)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return (", ".join(names[:_MAX_NAMES]) or "nothing") + more
