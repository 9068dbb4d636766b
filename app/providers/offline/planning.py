"""Plans for a goal in plain words: sub-tasks over its attachments or its own lines, with roles and dependencies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.providers.offline.aspects import Aspect, aspects_of_goal
from app.providers.offline.goals import Clause, Goal, clauses_of
from app.providers.offline.text import sentence_case, shorten, slug, word_set, words
from app.providers.offline.values import role_of

MAX_SUBTASKS = 40
"""Sub-tasks that a plan makes up itself; the lines that a goal numbers are all taken."""

FEW_ATTACHMENTS = 2
"""Up to this many attachments each matter gets a reader of its own; above it, one reader answers all of them."""

_VALIDATES = re.compile(
    r"\b(?:validat\w*|verif\w*|(?:fact|double|cross)-?check\w*|check (?:each|every|all|the|that|whether)\b)", re.I
)
_COMPARES = re.compile(
    r"\b(?:compar\w*|contrast\w*|differences? between|side by side|versus|vs\.?|benchmark\w*|rank\w*)\b", re.I
)
_MERGES = re.compile(
    r"^(?:merge|combine|synthesi[sz]e|conclude|aggregate|consolidate)\b"
    r"|\b(?:one|a|the) (?:(?:final|merged|joint|short|single) )*(?:report|summary|overview|table|briefing|memo)\b",
    re.I,
)
_ON_RESULTS = word_set(
    "compare contrast rank summarise summarize recommend report decide choose present conclude merge combine"
)
_PLAIN_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?<!.{33})")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_NAME_PARTS = re.compile(r"[^A-Za-z0-9]+")


@dataclass(slots=True, kw_only=True)
class Step:
    """One sub-task of a plan; ``complexity`` is 1 to 10, ``sources`` are names of attachments."""

    id: str
    prompt: str
    role: str
    depends_on: list[str] = field(default_factory=list)
    complexity: int = 3
    sources: list[str] = field(default_factory=list)
    capability_tags: list[str] = field(default_factory=list)


def make_plan(goal: Goal) -> list[Step]:
    """The sub-tasks of ``goal``, each after those it depends on; at least one."""
    clauses = clauses_of(goal.text)
    ids = _Ids()
    if not goal.attachments:
        return _own_lines(goal, clauses, ids)
    named = [(clause, found) for clause in clauses if (found := _named_in(clause.text, goal.attachments))]
    if len(named) > 1 and any(len(found) < len(goal.attachments) for _, found in named):
        steps = [
            Step(id=ids.new(c.text), prompt=_sentence(c.text), role=role_of(c.text), sources=found)
            for c, found in named
        ]
        rest = [clause for clause in clauses if not _named_in(clause.text, goal.attachments)]
    else:
        steps = _readers(goal, clauses[0], ids)
        rest = [clause for clause in clauses[1:] if not _reads(clause.text)]
    return _with_later_clauses(steps, rest, goal, ids)


def _named_in(clause: str, names: Sequence[str]) -> list[str]:
    lowered = clause.lower()
    return [name for name in names if name.lower() in lowered]


def _readers(goal: Goal, first: Clause, ids: _Ids) -> list[Step]:
    """A reader for each attachment (or each matter of each, or a few attachments), and a validator behind it."""
    aspects = aspects_of_goal(goal.text)
    validating = _VALIDATES.search(goal.text) is not None
    size = -(-len(goal.attachments) // ((MAX_SUBTASKS - 4) // (2 if validating else 1)))
    groups = [list(goal.attachments[at : at + size]) for at in range(0, len(goal.attachments), size)]
    singly = len(aspects) > 1 and len(goal.attachments) <= FEW_ATTACHMENTS
    short = _short_names(goal.attachments)
    readers: list[Step] = []
    validators: list[Step] = []
    for group in groups:
        about = short[group[0]]
        asked = [[aspect] for aspect in aspects] if singly else [aspects]
        own = [_reader(group, each, first, ids.new(_reader_id(about, each, singly))) for each in asked]
        readers += own
        if validating:
            prompt = (
                f"Validate every claim of the inputs against the text of {_names(group)}: say for each whether it is "
                "supported, with its source."
            )
            check = Step(id=ids.new(f"check-{about}"), prompt=prompt, role="validator", sources=group)
            check.depends_on = [step.id for step in own]
            check.capability_tags = ["validation"]
            validators.append(check)
    return readers + validators


def _reader_id(about: str, asked: Sequence[Aspect], singly: bool) -> str:
    return f"{about}-{slug(asked[0].name, 20)}" if singly else f"read-{about}"


def _reader(group: list[str], asked: Sequence[Aspect], first: Clause, step_id: str) -> Step:
    if not asked:
        about = shorten(_sentence(first.text), 400)
        prompt = f"Read {_names(group)} and report what the text says towards this, with its sources: {about}"
    else:
        prompt = (
            f"From {_names(group)}, report what the text says on each aspect below, with the figure or quote and its "
            f"source; say so where it says nothing.\n\nAspects: {'; '.join(aspect.name for aspect in asked)}"
        )
    step = Step(id=step_id, prompt=prompt, role="researcher", sources=group, complexity=_effort(len(asked)))
    step.capability_tags = ["reading"]
    return step


def _reads(clause: str) -> bool:
    """Whether a clause is work on single documents, which the readers do, and not on their results."""
    return not (_COMPARES.search(clause) or _MERGES.search(clause) or role_of(clause) in {"synthesizer", "coder"})


def _with_later_clauses(steps: list[Step], clauses: Sequence[Clause], goal: Goal, ids: _Ids) -> list[Step]:
    """``steps`` and what works on their results: a comparison, then one clause after the other."""
    before = [step.id for step in steps]
    compares = _COMPARES.search(goal.text) is not None and len(steps) > 1
    if compares and not any(_COMPARES.search(clause.text) for clause in clauses):
        prompt = (
            "Compare the inputs aspect by aspect in a table, name the differences that matter, and keep the source of "
            "each claim."
        )
        steps.append(Step(id=ids.new("compare"), prompt=prompt, role="analyzer", depends_on=list(before), complexity=5))
        before.append(steps[-1].id)
    for clause in clauses:
        if _VALIDATES.match(clause.text) and any(step.role == "validator" for step in steps):
            continue
        if len(steps) >= MAX_SUBTASKS:
            break
        role = "analyzer" if _COMPARES.search(clause.text) else role_of(clause.text)
        prompt = f"{_sentence(clause.text)} Keep the source of each claim."
        steps.append(Step(id=ids.new(clause.text), prompt=prompt, role=role, depends_on=list(before), complexity=4))
        before.append(steps[-1].id)
    return steps


def _own_lines(goal: Goal, clauses: Sequence[Clause], ids: _Ids) -> list[Step]:
    """The pieces of a goal without attachments; what compares, checks or merges works on all that came before."""
    steps: list[Step] = []
    aspects = aspects_of_goal(goal.text) if len(clauses) <= 2 and len(goal.text.split()) < 60 else []
    if len(aspects) > 1:
        for aspect in aspects:
            prompt = f"Find out about {aspect.name.lower()}, for this goal: {shorten(goal.text, 400)}"
            steps.append(Step(id=ids.new(aspect.name), prompt=prompt, role="researcher"))
        clauses = clauses if _COMPARES.search(clauses[0].text) else clauses[1:]
    for clause in clauses:
        needs: list[str] = []
        if steps and _works_on_results(clause.text):
            needs = [step.id for step in steps]
        elif steps and clause.follows:
            waited_for = {each for step in steps for each in step.depends_on}
            needs = [step.id for step in steps if step.id not in waited_for]
        steps.append(
            Step(
                id=ids.new(clause.text),
                prompt=_with_goal(clause.text, goal.text, alone=len(clauses) == 1),
                role="validator" if _VALIDATES.match(clause.text) else role_of(clause.text),
                depends_on=needs,
                complexity=min(9, 2 + len(clause.text.split()) // 8),
            )
        )
    return steps


def _with_goal(clause: str, goal: str, *, alone: bool) -> str:
    """A piece of work as a prompt; a few words say too little without what they serve."""
    sentence = _sentence(clause)
    return sentence if alone or len(clause.split()) > 8 else f"{sentence} This serves the goal: {shorten(goal, 300)}"


def _works_on_results(clause: str) -> bool:
    first = next(iter(words(clause)), "")
    return first in _ON_RESULTS or _VALIDATES.match(clause) is not None or _MERGES.search(clause) is not None


def _effort(aspects: int) -> int:
    return min(9, 2 + max(aspects, 1))


def _names(group: Sequence[str]) -> str:
    return group[0] if len(group) == 1 else f"{', '.join(group[:-1])} and {group[-1]}"


def _sentence(clause: str) -> str:
    text = sentence_case(shorten(clause, 600))
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """What tells each name from the others: without folders, endings and what they have in common."""
    parts = {name: _NAME_PARTS.split(_ENDING.sub("", re.split(r"[/\\]", name)[-1])) for name in names}
    spread = Counter(part.lower() for found in parts.values() for part in set(found))
    short: dict[str, str] = {}
    for name, found in parts.items():
        own = [part for part in dict.fromkeys(found) if part and spread[part.lower()] < max(2, len(names) / 2)]
        letters = [part for part in own if not part.isdigit()]
        short[name] = "-".join((letters or own or found)[:3]) or "document"
    return short


class _Ids:
    """Short ids that say what they are about, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, about: str) -> str:
        base = about.lower() if _PLAIN_ID.fullmatch(about) else slug(about.replace("_", "-"), 32)
        name, count = base, 2
        while name in self._taken:
            name, count = f"{base}-{count}", count + 1
        self._taken.add(name)
        return name
