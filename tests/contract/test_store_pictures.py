"""Prompts with images: the store gives back what it was given, over a take-over, a fork's look and a task's growth."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.domain.task import TaskSpec
from app.storage.database import Database
from tests.support.runs import new_swarm

pytestmark = pytest.mark.anyio

URI = "data:image/png;base64," + "iVBORw0KGgo" * 1000
PROMPT = [
    {"type": "text", "text": 'Compare "ä" 𝄞'},
    {"type": "image_url", "image_url": {"url": URI, "detail": "low"}},
    {"type": "text", "text": "with"},
    {"type": "video_url", "video_url": {"url": "fil_01M7ZY1PS3VMPZ40MXQWBMXTT9"}},
]
PAYLOAD = json.dumps({"prompt": PROMPT, "data": 1}, ensure_ascii=False, separators=(",", ":"))


async def test_a_prompt_of_parts_comes_back_as_it_was_given(store: Database) -> None:
    new = new_swarm([TaskSpec(task_id="t0", payload=PAYLOAD), TaskSpec(task_id="t1", payload='{"prompt":"words"}')])
    new.state.spec = replace(new.state.spec, pictures=True)
    await store.swarms.create(new)
    swarm_id = new.state.swarm_id

    await store.runs.release_all()
    [first] = await store.runs.claim("me", limit=1)
    await store.runs.load(first)  # the one that stays in memory
    await store.runs.release(first)
    [lease] = await store.runs.claim("another", limit=1)
    state = await store.runs.load(lease)

    assert state.spec.pictures is True
    assert [task.payload for task in state.tasks] == [PAYLOAD, '{"prompt":"words"}']
    assert await store.runs.payloads(swarm_id, [0]) == {0: PAYLOAD}
    found = await store.tasks.get(swarm_id, "t0")
    assert found is not None
    assert found[0].payload["prompt"] == PROMPT


async def test_a_run_that_was_stored_before_there_were_images_has_none(store: Database) -> None:
    new = new_swarm([TaskSpec(task_id="t0", payload='{"prompt":"words"}')])
    await store.swarms.create(new)
    [first] = await store.runs.claim("me", limit=1)
    await store.runs.release(first)
    [lease] = await store.runs.claim("another", limit=1)

    assert (await store.runs.load(lease)).spec.pictures is False
