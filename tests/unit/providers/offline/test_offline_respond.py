"""The model as a whole: deterministic, bounded, honest, and never failing."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ports.provider import ChatRequest
from app.providers.offline import OfflineProvider, provider, respond
from app.providers.offline.reading import message_texts
from app.providers.offline.tokens import estimate_messages, estimate_tokens
from tests.support.offline_asking import ask, ask_text, request_of

LONG = "Rivers flow into lakes because water runs downhill. " * 40


def test_a_numbered_request_gives_a_plan() -> None:
    assert ask_text("1. Compare A\n2) Compare B") == "1. Compare A\n2. Compare B"
    goal = "Plan a launch: research the audience, build a website, and measure the result."
    assert ask_text(goal) == "1. Research the audience\n2. Build a website\n3. Measure the result"


def test_a_question_is_answered_from_the_conversation_or_not_at_all() -> None:
    assert (
        ask_text("The office opens at nine. The shop is red. When does the office open?") == "The office opens at nine."
    )
    assert ask_text("What is the capital of France?").startswith("Nothing in the request answers this")
    assert "Paris" not in ask_text("What is the capital of France?")


def test_nothing_to_work_on() -> None:
    assert ask_text("") == "The request holds no text to work on."


def test_the_label_is_the_model_and_never_in_the_content() -> None:
    for prompt in ("Say hello.", LONG, "Return JSON, keys: a, b", "1. One\n2. Two"):
        result = ask(prompt)
        assert result.model == "offline"
        assert "offline" not in (result.content or "")


def test_usage_is_an_estimate_of_what_was_said() -> None:
    request = request_of(LONG, system="Be brief.")
    result = respond(request)
    assert result.usage.prompt_tokens == estimate_messages(message_texts(request.messages))
    assert result.usage.completion_tokens == estimate_tokens(result.content or "")
    assert result.usage.cached_tokens == 0


@pytest.mark.parametrize("limit", [1, 5, 30])
def test_the_cap_on_the_answer_is_kept(limit: int) -> None:
    result = ask("Return JSON, keys: title, summary\n\n" + LONG, max_output_tokens=limit)
    assert result.usage.completion_tokens <= limit
    assert result.finish_reason == "length"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
contents = st.one_of(
    st.none(),
    st.text(alphabet=st.characters(), max_size=400),
    st.text(alphabet=st.sampled_from("\ud800`#|-*{}[]\"':,.0123456789 \n\tabcJSON<>/="), max_size=300),
    st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=30)}) | json_values, max_size=3),
    json_values,
    st.builds(lambda head, value: f"{head}\n\n## Task\n{json.dumps(value)}", st.text(max_size=40), json_values),
    st.builds(lambda head, value: f"{head}\n\n## Inputs\n{json.dumps(value)}", st.text(max_size=40), json_values),
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "x", ""]), "content": contents},
        optional={"tool_calls": json_values, "tool_call_id": json_values, "name": json_values},
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    messages,
    st.none()
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["json_object", "json_schema", "text", ""]), "json_schema": json_values}
    ),
    st.lists(json_values, max_size=2),
    st.none() | st.text(max_size=8) | st.dictionaries(st.text(max_size=8), json_values, max_size=2),
)
def test_no_request_fails(asked: list[Any], form: Any, tools: list[Any], choice: Any) -> None:
    request = ChatRequest(
        model="offline", messages=asked, response_format=form, tools=tools, tool_choice=choice, max_output_tokens=500
    )
    result = respond(request)
    assert result == respond(request)
    assert result.content is not None or result.tool_calls
    (result.content or "").encode()


HOSTILE = [
    *(
        "[" * 100_000,
        "{" * 100_000,
        "(" * 100_000,
        '{"a":' * 50_000,
        "```\n" * 50_000,
        "```a\n" * 50_000,
        "- " * 100_000,
    ),
    *("1. x\n" * 50_000, "a,b\n" * 100_000, "\n" * 200_000, "JSON keys " * 20_000, "1" * 200_000, "a@" * 100_000),
    *("def " * 50_000, "Totals: " * 50_000, ("x " * 100 + "\n\n") * 1000, "..." * 100_000, "http://" * 50_000),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_long_and_deep_texts_are_answered(text: str) -> None:
    assert ask("Summarise this:\n\n" + text).content
    assert ask("Return JSON", task={"data": {"text": text}}).content
    assert ask("Merge", inputs={"a": text, "b": {"c": text}}).content


def test_ten_megabytes_are_answered() -> None:
    assert ask("Summarise", task={"data": {"text": LONG * 5000}}).content


pytestmark = pytest.mark.anyio


async def test_the_provider_serves_one_model() -> None:
    offline = OfflineProvider()
    assert offline.name == "offline"
    assert list(await offline.models()) == ["offline"]
    assert await offline.complete(request_of("Say hello.")) == ask("Say hello.")


async def test_long_requests_leave_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noted(request: ChatRequest) -> Any:
        threads.append(threading.get_ident())
        return respond(request)

    monkeypatch.setattr(provider, "respond", noted)
    offline = OfflineProvider()
    await offline.complete(request_of("short"))
    await offline.complete(request_of(LONG * 60))
    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()
