"""The worst case of a call, held against the prompts that are really sent."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.domain import spending
from app.domain.budget import Budget
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec
from app.scheduler.prompts import messages
from tests.support.book import new_run
from tests.support.steps import LANE, completed, start, tell

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NASTY = st.text(st.sampled_from('\x00\u200b\U000e0001"\\ä\n'), min_size=1, max_size=60)
NAMES = TEXT.filter(bool) | NASTY
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "prompt": TEXT,
        "type": NAMES,
        "role": NAMES,
        "capability_tags": st.lists(NAMES, max_size=3),
        "data": st.dictionaries(TEXT, st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXT, max_size=3),
        "extra": st.dictionaries(NAMES, TEXT, max_size=3),
    },
)
CHAT_TEMPLATE_TOKENS = 8
"""What vendors add for two messages: 3 or 4 tokens each, and 3 for the answer's start."""


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    PAYLOADS,
    st.lists(st.tuples(NAMES, TEXT | st.lists(TEXT, max_size=3)), max_size=12, unique_by=lambda source: source[0]),
    st.none() | st.integers(0, 400),
    st.none() | TEXT,
    st.none() | TEXT,
    NAMES,
)
@example({"type": "\u200b" * 200}, [], None, None, None, "a")
@example({}, [(f"{nth}", "") for nth in range(40)], 0, None, None, "a")
@example({"prompt": ""}, [], None, "s", "c", "\x00" * 256)
def test_no_prompt_has_more_bytes_than_its_worst_case_has_tokens(
    payload: dict[str, Any],
    sources: list[tuple[str, Any]],
    context_window: int | None,
    system_prompt: str | None,
    shared_context: str | None,
    task_id: str,
) -> None:
    sources = [(f"{name}.", output) for name, output in sources if f"{name}." != task_id]
    spec = SwarmSpec(
        agent_id="agt_01",
        system_prompt=system_prompt,
        shared_context=shared_context,
        context_window=context_window,
        budget=Budget(max_tokens=10**9),
    )
    names = tuple(name for name, _ in sources)
    text = orjson.dumps(payload).decode()
    tasks = [TaskSpec(task_id=name, lane=LANE) for name in names]
    state = new_run(spec, [*tasks, TaskSpec(task_id=task_id, depends_on=names, lane=LANE, payload=text)])
    start(state)
    for index, (_, output) in enumerate(sources):
        tell(state, completed(index, output=orjson.dumps(output).decode()))

    case = spending.worst_case_of(state, state.tasks[-1])

    sent = sum(len(message["content"].encode()) for message in messages(spec, task_id, payload, dict(sources)))
    assert sent + CHAT_TEMPLATE_TOKENS <= case.prompt_tokens
