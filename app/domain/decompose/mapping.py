"""``map``: a prompt template, filled in for each of many items."""

from __future__ import annotations

from app.domain.decompose.requests import POINTER, Bounds, MapRequest
from app.domain.decompose.tally import Tally, canonical_json, content_hash, json_bytes, numbered, utf8_bytes
from app.domain.decompose.template import parse_template
from app.domain.errors import InvalidRequest
from app.domain.planned import PlannedTask


def map_tasks(request: MapRequest, bounds: Bounds) -> list[PlannedTask]:
    """One task an item, in order; ``{index}`` counts from 0.

    Each task's data is ``{"context": {"index", "total"}}``, and ``{"item": …}`` beside it where the template shows
    nothing of the item, so that it is never left out.

    Raises:
        InvalidRequest: no items, too many, a template with unknown placeholders, an item without a field that the
            template asks for, or prompts that are too long.
    """
    total = len(request.items)
    if total == 0:
        raise InvalidRequest.field(f"{POINTER}/items", "expected at least one item")
    template = parse_template(request.prompt, f"{POINTER}/prompt")
    tally = Tally(bounds, request.fields.extra)
    tally.expect(total, f"{POINTER}/items")
    for index, item in enumerate(request.items):
        pointer = f"{POINTER}/items/{index}"
        prompt = template.render(index, item, pointer, bounds.max_input_bytes)
        text = canonical_json(item)
        context = {"index": index, "total": total}
        task = PlannedTask(
            id=numbered("map", index, total, content_hash(str(index), prompt, text)),
            prompt=prompt,
            type="map",
            role=request.fields.role,
            complexity=request.fields.complexity,
            data={"context": context} if template.shows_item else {"item": item, "context": context},
            extra=request.fields.extra,
        )
        input_bytes = json_bytes(prompt) + (0 if template.shows_item else utf8_bytes(text))
        tally.add(task, input_bytes, pointer, "make the item or the template shorter")
    return tally.tasks
