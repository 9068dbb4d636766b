"""Chunks of a streamed answer: what each hands on, and what they come to."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.domain.usage import Usage
from app.ports.provider import AnswerTooLarge, ChatDelta, ChatResult, MalformedAnswer, ToolCall, ToolCallDelta
from app.providers import wire
from app.providers.chunks import ErrorInStream, StreamedAnswer


def chunk(delta: Any = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": fields.pop("finish_reason", None)}
    return orjson.dumps({"model": "m-1", "choices": [choice], **fields})


def taken(*events: bytes, max_bytes: int = 10_000) -> tuple[list[ChatDelta], StreamedAnswer]:
    answer = StreamedAnswer("asked", max_bytes)
    return [delta for event in events if (delta := answer.take(event)) is not None], answer


def call(index: int | None = 0, **fields: Any) -> dict[str, Any]:
    given = {"id": fields.pop("id", None), "function": fields}
    return {"tool_calls": [given if index is None else {"index": index, **given}]}


def test_text_comes_in_pieces_and_as_a_whole() -> None:
    deltas, answer = taken(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, finish_reason="length"),
        orjson.dumps({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "cost": "0.5"}}),
    )

    assert [(delta.reasoning_content, delta.content) for delta in deltas] == [("hm", None), (None, "Hel"), (None, "lo")]
    assert {delta.model for delta in deltas} == {"m-1"}
    assert answer.finished
    assert answer.result() == ChatResult(
        content="Hello",
        model="m-1",
        reasoning_content="hm",
        finish_reason="length",
        usage=Usage(prompt_tokens=7, completion_tokens=2),
        cost_nano_usd=500_000_000,
    )


def test_both_ways_of_asking_give_one_result() -> None:
    whole = {
        "model": "m-1",
        "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
    }
    _, answer = taken(chunk({"content": "hi"}), chunk({}, finish_reason="stop", usage=whole["usage"]))

    assert answer.result() == wire.decode(orjson.dumps(whole), "asked")


def test_a_model_that_gives_no_name_has_the_one_asked_for() -> None:
    deltas, answer = taken(chunk({"content": "a"}, model=None))

    assert (deltas[0].model, answer.result().model) == ("asked", "asked")


def test_usage_inside_a_choice_is_read() -> None:
    """As Moonshot has it."""
    usage = {"prompt_tokens": 5}
    _, answer = taken(orjson.dumps({"choices": [{"delta": {}, "finish_reason": "stop", "usage": usage}]}))

    assert answer.result().usage.prompt_tokens == 5


def test_without_usage_the_result_says_so() -> None:
    _, answer = taken(chunk({"content": "a"}, finish_reason="stop"))

    assert not answer.result().usage_reported


@pytest.mark.parametrize("indices", [(0, 1), (5, 2), (None, None)])
def test_tool_calls_are_put_together(indices: tuple[int | None, int | None]) -> None:
    """Whatever the upstream numbers them, or not at all: readers see 0, 1, …"""
    first, second = indices
    deltas, answer = taken(
        chunk(call(first, id="a", name="look", arguments='{"at"')),
        chunk(call(first, arguments=': "it"}')),
        chunk(call(second, id="b", name="wait", arguments="")),
        chunk({}, finish_reason="tool_calls"),
    )

    assert [delta.tool_calls for delta in deltas] == [
        (ToolCallDelta(index=0, id="a", name="look", arguments='{"at"'),),
        (ToolCallDelta(index=0, arguments=': "it"}'),),
        (ToolCallDelta(index=1, id="b", name="wait"),),
    ]
    result = answer.result()
    assert (result.content, result.finish_reason) == (None, "tool_calls")
    assert result.tool_calls == (
        ToolCall(id="a", name="look", arguments='{"at": "it"}'),
        ToolCall(id="b", name="wait", arguments=""),
    )


def test_arguments_may_come_as_an_object_and_a_call_without_an_id() -> None:
    deltas, answer = taken(chunk(call(0, name="look", arguments={"at": "it"})))

    assert deltas[0].tool_calls[0].id == "call_0"
    assert answer.result().tool_calls == (ToolCall(id="call_0", name="look", arguments='{"at":"it"}'),)


def test_a_call_that_names_no_function_fails_in_the_end() -> None:
    _, answer = taken(chunk(call(0, id="a", arguments="{}")))

    with pytest.raises(MalformedAnswer, match="names no function"):
        answer.result()


@pytest.mark.parametrize("event", [b"<html>", b"[]", b"null", b'"x"', b'{"choices"', b"\xff", b'{"a":"\\ud800"}'])
def test_what_is_no_chunk_is_a_typed_error(event: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        taken(event)


@pytest.mark.parametrize(
    "delta",
    [None, [], "x", {"content": None}, {"tool_calls": None}, {"tool_calls": "x"}, {"reasoning_content": 5}],
)
def test_a_delta_that_says_nothing_is_passed_over(delta: Any) -> None:
    deltas, answer = taken(chunk(delta))

    assert deltas == []
    assert answer.result().content is None


@pytest.mark.parametrize("choices", [[], None, "x", [None], {}])
def test_without_any_choices_there_is_no_answer(choices: Any) -> None:
    _, answer = taken(orjson.dumps({"choices": choices}))

    with pytest.raises(MalformedAnswer, match="without any choices"):
        answer.result()


@pytest.mark.parametrize(
    ("code", "status"),
    [(429, 429), ("503", 503), ("rate_limit_exceeded", None), (None, None), (200, None), (True, None)],
)
def test_an_error_in_the_stream_is_told_apart(code: Any, status: int | None) -> None:
    with pytest.raises(ErrorInStream) as caught:
        taken(orjson.dumps({"error": {"message": "no", "code": code}}))

    assert caught.value.status == status


def test_an_endless_answer_is_cut_off() -> None:
    """16 MiB of text are kept of an answer, and empty pieces count too."""
    with pytest.raises(AnswerTooLarge):
        taken(chunk({"content": "x" * 60}), chunk({"content": "x" * 60}), max_bytes=100)
    with pytest.raises(AnswerTooLarge):
        taken(*[chunk(call(0, id="a", name="n", arguments=""))] * 10, max_bytes=100)
