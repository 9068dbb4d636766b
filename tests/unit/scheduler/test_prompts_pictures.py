"""Messages of a task with images: the client's parts as they are, the service's sections behind them, nothing cut."""

from __future__ import annotations

from typing import Any

from app.domain.swarm import SwarmSpec
from app.scheduler.prompts import messages

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000, "detail": "low"}}
PROMPT = [{"type": "text", "text": "Before"}, PICTURE, {"type": "text", "text": "after"}]


def sent(payload: dict[str, Any], inputs: dict[str, Any] | None = None, **spec: Any) -> list[dict[str, Any]]:
    return messages(SwarmSpec(agent_id="agt_1", **spec), "t1", payload, inputs or {}, heed="\n\n## Format\nJSON")


def test_parts_keep_their_order_and_the_sections_come_last() -> None:
    [system, user] = sent({"prompt": PROMPT, "data": {"k": 1}}, {"a": "A"}, system_prompt="Be brief.")

    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"][:3] == PROMPT
    assert user["content"][3:] == [
        {"type": "text", "text": '## Format\nJSON\n\n## Task\n{"id":"t1","data":{"k":1}}\n\n## Inputs\n{"a":"A"}'}
    ]


def test_a_task_with_no_words_of_its_own_gets_some() -> None:
    [user] = sent({"prompt": [PICTURE], "type": "describe"})

    assert user["content"][0] == PICTURE
    assert user["content"][1]["text"].startswith("Carry out this task of type 'describe'")


def test_a_context_window_shortens_the_inputs_and_no_picture() -> None:
    """4,000 tokens are 16,000 bytes, of which the picture is taken for 8,000."""
    [user] = sent({"prompt": PROMPT}, {"a": "x" * 20_000}, context_window=4_000)

    assert user["content"][:3] == PROMPT
    sections = user["content"][3]["text"]
    assert 7_000 < len(sections) < 8_000
    assert "[shortened: the output has 20000 characters]" in sections


def test_a_prompt_in_words_is_sent_as_before() -> None:
    assert sent({"prompt": "Do it.", "data": 1}) == [
        {"role": "user", "content": 'Do it.\n\n## Format\nJSON\n\n## Task\n{"id":"t1","data":1}'}
    ]
