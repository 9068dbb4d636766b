"""When an answer has to be JSON, and what it then is: by schema, by listed keys, or a plain object of findings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.code_findings import with_findings
from app.providers.offline.code_lines import review_lines
from app.providers.offline.code_python import review_python
from app.providers.offline.consistency import consistency_of
from app.providers.offline.goals import goal_of
from app.providers.offline.json_keys import (
    Specs,
    asks_for_array,
    asks_for_json,
    keyed_answer,
    schema_in,
    wanted_keys,
    without_key_lines,
)
from app.providers.offline.json_schema import schema_answer
from app.providers.offline.judging import judgement_of
from app.providers.offline.materials import Material
from app.providers.offline.plan_answer import plan_answer
from app.providers.offline.reading import CONTEXT_HEADING, Question, dump_json, load_json
from app.providers.offline.tables import as_number, describe
from app.providers.offline.template import find_templates
from app.providers.offline.text import shorten
from app.providers.offline.values import Content

MAX_TEXT = 4_000_000

_ASKS_PLAN = re.compile(r"\bsub-?tasks?\b.{0,2000}\bjson\b|\bjson\b.{0,2000}\bsub-?tasks?\b", re.IGNORECASE | re.DOTALL)
_FORMAT_SENTENCE = re.compile(r"[^.\n]*\bjson\b[^.\n]*(?:\.(?=\s|$)|$)", re.IGNORECASE | re.MULTILINE)


def json_answer(question: Question, materials: Sequence[Material], results: Sequence[tuple[str, str]]) -> str | None:
    """The answer as JSON text without fence or label; None when the request wants none."""
    form = question.request.response_format or {}
    kind = form.get("type")
    leading, prompt = _leading(question), _prompt(question, materials)
    instruction = f"{leading}\n{prompt}"
    own = _service_answer(question, form, instruction)
    if own is not None:
        return dump_json(own)
    if kind == "json_schema":
        wanted = _schema_of(form)
        answer = schema_answer(wanted, _content(question, materials, results))
        return dump_json(with_findings(answer, wanted, materials))
    asked = kind == "json_object" or asks_for_json(instruction)
    if not asked:
        return None
    content = _content(question, materials, results)
    # What asks for JSON says which; of two messages that do, the newest.
    for said in (prompt, leading) if asks_for_json(prompt) else (leading, prompt):
        schema = schema_in(said)
        if schema is not None:
            return dump_json(with_findings(schema_answer(schema, content), schema, materials))
        specs: Specs = wanted_keys(said)
        if specs:
            return dump_json(keyed_answer(specs, content))
    if asks_for_array(instruction) and kind != "json_object":
        return dump_json(content.lines)
    return dump_json(_findings(materials, content))


def _service_answer(question: Question, form: Mapping[str, Any], instruction: str) -> JsonObject | None:
    """A plan, a judgement or a comparison, where the request is one of the service's own questions for them."""
    compared = consistency_of(question)
    if compared is not None and not _schema_of(form):
        return compared
    nested = form.get("json_schema")
    name = nested.get("name") if isinstance(nested, Mapping) else None
    schema = _schema_of(form)
    if name == "validation" or (not schema and asks_for_json(instruction)):
        judgement = judgement_of(question)
        if judgement is not None:
            return {"score": judgement.score, "critique": judgement.critique}
    if question.inputs is None and (name == "plan" or (not schema and _ASKS_PLAN.search(question.user_text[:100_000]))):
        goal = goal_of(question)
        if goal is not None:
            return plan_answer(goal, schema or schema_in(instruction) or {})
    return None


def _schema_of(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema in a ``response_format``: nested as OpenAI sends it, or beside the type as others do."""
    nested = form.get("json_schema")
    if isinstance(nested, Mapping):
        schema = nested.get("schema", nested)
        return schema if isinstance(schema, Mapping) else {}
    schema = form.get("schema")
    return schema if isinstance(schema, Mapping) else {}


def _prompt(question: Question, materials: Sequence[Material]) -> str:
    """The newest message in its own words: without the texts that were pasted into it."""
    prompt = question.prompt
    for material in materials:
        if material.text and material.text in prompt:
            prompt = prompt.replace(material.text, "\n", 1)
    return prompt


def _leading(question: Question) -> str:
    """What the system messages say: JSON that was folded in as context is data, not a template."""
    return "\n".join(text for text in question.system_texts if not _is_data(text))


def _is_data(text: str) -> bool:
    _, heading, context = text.partition(CONTEXT_HEADING)
    return text.startswith(CONTEXT_HEADING) and heading != "" and load_json(context.strip()) is not None


def _content(question: Question, materials: Sequence[Material], results: Sequence[tuple[str, str]]) -> Content:
    texts = [material.text for material in materials]
    texts += [text for _, text in results]
    if question.inputs:
        texts += [value if isinstance(value, str) else dump_json(value) for value in question.inputs.values()]
    if question.task and not any(texts):
        texts.append("\n".join(f"{key}: {value}" for key, value in question.task.items() if isinstance(value, str)))
    prompt = question.prompt
    for template in reversed(find_templates(prompt[:40_000])):
        prompt = prompt[: template.start] + prompt[template.start + len(template.text) :]
    plain = without_key_lines(_FORMAT_SENTENCE.sub("", prompt[:40_000])) + prompt[40_000:]
    return Content(plain.strip() or prompt, "\n\n".join(texts)[:MAX_TEXT])


def _findings(materials: Sequence[Material], content: Content) -> JsonObject:
    """A plain object about what the request brings along, when it does not say which keys it wants."""
    if not materials:
        lines = content.lines
        return {"items": lines} if len(lines) > 1 else {"answer": " ".join(content.sentences[:3])}
    material = materials[0]
    if material.kind == "rows":
        return {"rows": len(material.rows), "columns": _columns(material)}
    if material.kind in {"python", "code"}:
        is_python = material.kind == "python"
        review = review_python(material.text) if is_python else review_lines(material.text, material.language)
        found = [{"line": each.line, "kind": each.kind, "message": each.message} for each in review.findings]
        return {"lines": review.lines, "functions": review.functions, "classes": review.classes, "findings": found}
    return {"title": content.title, "summary": " ".join(content.sentences[:3]), "key_points": content.sentences}


def _columns(material: Material) -> JsonObject:
    columns: JsonObject = {}
    for column in dict.fromkeys(str(key) for row in material.rows for key in row):
        numbers = [value for row in material.rows if (value := as_number(row.get(column))) is not None]
        columns[shorten(column, 100)] = describe(numbers) if numbers else {"count": len(material.rows)}
    return columns
