"""Scores for outputs: how much of what an output says its material bears out, and how much of the task it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.providers.offline.aspects import aspects_in
from app.providers.offline.claims import is_claims, read_claims
from app.providers.offline.evidence import Evidence, supported_claim, texts_of, units_of
from app.providers.offline.reading import Question, dump_json, split_sections
from app.providers.offline.sections import cut_sections, newest_with, plain_or_json
from app.providers.offline.text import is_term, shorten, words

HEADINGS = ("## Rubric", "## Task", "## Output to judge")
MAX_NAMED = 8

SUPPORT_WEIGHT = 0.6
"""Share of the score for what the material bears out; the rest is for what of the task is answered."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score from 0 to 1 and what is wrong, in words."""

    score: float
    critique: str


def judgement_of(question: Question) -> Judgement | None:
    """The judgement that a request asks for; None when it holds no output to judge."""
    text = newest_with(question, HEADINGS[-1])
    if not text:
        return None
    sections = cut_sections(text, HEADINGS)
    task = plain_or_json(sections.get("## Task", ""))
    output = plain_or_json(sections[HEADINGS[-1]])
    told = output if isinstance(output, str) else dump_json(output)
    return judge(sections.get("## Rubric", ""), task, told)


def judge(rubric: str, task: object, output: str) -> Judgement:
    """Score ``output`` by the material and the prompt of ``task``; nothing said scores 0."""
    if not output.strip() or output.strip() in {"null", "{}", "[]", '""'}:
        return Judgement(0.0, "The output is empty.")
    prompt, fields, inputs = _parts(task)
    material = texts_of([value for key, value in fields.items() if key not in {"prompt", "id", "type", "role"}])
    material += texts_of([inputs])
    evidence = Evidence(material)
    support, wrong = _support(output, evidence)
    answered, missing = _answered(prompt or rubric, output)
    score = round(SUPPORT_WEIGHT * support + (1 - SUPPORT_WEIGHT) * answered, 2)
    remarks = []
    if wrong:
        remarks.append(f"Not in the material: {'; '.join(shorten(each, 120) for each in wrong[:MAX_NAMED])}.")
    if missing:
        remarks.append(f"Not answered: {', '.join(missing[:MAX_NAMED])}.")
    if evidence.is_empty and units_of(output):
        remarks.append("The task brings no material to check the figures and quotes against.")
    return Judgement(score, " ".join(remarks) or "Everything that can be looked up is in the material.")


def _parts(task: object) -> tuple[str, Mapping[str, object], object]:
    """The words, the fields and the inputs of a task: an object, or the message that its sub-agent was sent."""
    if isinstance(task, Mapping):
        said = task.get("prompt")
        return said if isinstance(said, str) else "", task, None
    prompt, fields, inputs = split_sections(str(task))
    return prompt, fields or {}, inputs


def _support(output: str, evidence: Evidence) -> tuple[float, list[str]]:
    if evidence.is_empty:
        return 0.8, []  # nothing speaks for or against it
    if is_claims(output):
        claims = [claim for claim in read_claims(output) if claim.found]
        wrong = [f"{c.aspect}: {c.value}" for c in claims if not supported_claim(c, evidence)]
        return (1 - len(wrong) / len(claims) if claims else 1.0), wrong
    units = units_of(output)
    if not units:
        return (1.0 if evidence.bears_out(shorten(output, 400)) else 0.5), []
    wrong = [unit.text for unit in units if not evidence.holds(unit)]
    return 1 - len(wrong) / len(units), wrong


def _answered(prompt: str, output: str) -> tuple[float, list[str]]:
    """The share of the matters (or of the telling words) of ``prompt`` that ``output`` speaks of, and the others."""
    said = {_stem(word) for word in words(output[:200_000])}
    aspects = aspects_in(prompt)
    if aspects:
        missing = [a.name for a in aspects if not {_stem(w) for w in words(a.name) if is_term(w)} <= said]
        return 1 - len(missing) / len(aspects), missing
    wanted = {_stem(word) for word in words(prompt[:4000]) if is_term(word)}
    if not wanted:
        return 1.0, []
    # Half of the words of a task in its answer is as much as another wording shares.
    return min(1.0, 2 * len(wanted & said) / len(wanted)), []


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 4 else word
