"""``rows``: a table, or any list, in balanced chunks of rows that follow each other."""

from __future__ import annotations

from app.domain.decompose.requests import POINTER, Bounds, RowsRequest
from app.domain.decompose.tally import Tally, canonical_json, content_hash, json_bytes, numbered, utf8_bytes
from app.domain.errors import InvalidRequest
from app.domain.planned import PlannedTask

DEFAULT_AGENTS = 100
DEFAULT_PROMPT = (
    "Work through every row in `data.rows`, in order, leaving none out. The rows are one chunk of a larger table; "
    "`data.context` says which one. Answer with the results of these rows only."
)


def row_tasks(request: RowsRequest, bounds: Bounds) -> list[PlannedTask]:
    """One task a chunk; sizes of chunks differ by one row at most, the larger ones first.

    Each task's data is ``{"rows": [...], "context": {"chunk_index", "total_chunks", "row_count", "total_rows"}}``:
    ``chunk_index`` counts from 0, ``row_count`` is the chunk's. With more agents than rows every row is a chunk.

    Raises:
        InvalidRequest: no rows, no or too many agents, or a chunk that no task can take.
    """
    total = len(request.data)
    if total == 0:
        raise InvalidRequest.field(f"{POINTER}/data", "expected at least one row")
    agents = DEFAULT_AGENTS if request.num_agents is None else request.num_agents
    if agents < 1:
        raise InvalidRequest.field(f"{POINTER}/num_agents", f"expected 1 or more, not {agents}")
    chunks = min(agents, total)
    prompt = request.prompt or DEFAULT_PROMPT
    prompt_bytes = json_bytes(prompt)
    tally = Tally(bounds, request.fields.extra)
    tally.expect(chunks, f"{POINTER}/num_agents")
    size, larger = divmod(total, chunks)
    at = 0
    for index in range(chunks):
        rows = list(request.data[at : at + size + (index < larger)])
        at += len(rows)
        texts = [canonical_json(row) for row in rows]  # one by one: a call into the encoder keeps other threads waiting
        context = {"chunk_index": index, "total_chunks": chunks, "row_count": len(rows), "total_rows": total}
        task = PlannedTask(
            id=numbered("rows", index, chunks, content_hash(str(index), *texts)),
            prompt=prompt,
            type="rows",
            role=request.fields.role,
            complexity=request.fields.complexity,
            data={"rows": rows, "context": context},
            extra=request.fields.extra,
        )
        advice = "ask for more agents" if len(rows) > 1 else "make the row smaller"
        row = f"{POINTER}/data/{at - 1}" if request.path is None else f"{POINTER}/path"
        pointer = f"{POINTER}/num_agents" if len(rows) > 1 else row
        tally.add(task, prompt_bytes + len(texts) + sum(map(utf8_bytes, texts)), pointer, advice)
    return tally.tasks
