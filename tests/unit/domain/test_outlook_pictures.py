"""The forecast of a task with images goes by what they may be in tokens, not by the length of their data."""

from __future__ import annotations

import json

from app.domain.graph import Graph
from app.domain.outlook import jobs_of
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec


def prompt_bytes(payload: str) -> int:
    graph = Graph.build(["a"], [()])
    task = TaskSpec(task_id="a", payload=payload)
    [job] = jobs_of(SwarmSpec(agent_id="agt"), [task], graph, {None: "p/own"}, max_output_tokens=100)
    return job.prompt_bytes


def test_an_image_is_two_thousand_tokens_of_four_bytes_whatever_its_data() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}}
    parts = [{"type": "text", "text": "Look."}, picture]
    found = prompt_bytes(json.dumps({"prompt": parts}, separators=(",", ":")))

    # Beside the words there is the mark that stands for the image.
    assert found == prompt_bytes('{"prompt":"Look. [image_url]"}') + 8_000
