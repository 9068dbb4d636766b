"""The chat-completions wire format: what is sent to whom, and what is made of what comes back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import Usage
from app.ports.provider import ChatRequest, ChatResult, MalformedAnswer, ToolCall
from app.providers.wire import PROFILES, decode, encode

ASK = [{"role": "user", "content": "Hello"}]


def sent(profile: str = "generic", **fields: Any) -> Any:
    return orjson.loads(encode(ChatRequest(model="m", messages=ASK, **fields), PROFILES[profile]))


def test_nothing_is_sent_that_the_request_does_not_need() -> None:
    assert sent() == {"model": "m", "messages": ASK}


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ("generic", "max_tokens"),
        ("deepseek", "max_tokens"),
        ("openai", "max_completion_tokens"),
        ("moonshot", "max_completion_tokens"),
    ],
)
def test_the_completion_cap_has_the_vendors_name(profile: str, field: str) -> None:
    assert sent(profile, max_output_tokens=5) == {"model": "m", "messages": ASK, field: 5}


def test_fixed_sampling_is_left_out_where_the_vendor_refuses_it() -> None:
    sampling = dict.fromkeys(("temperature", "top_p", "n", "presence_penalty", "frequency_penalty"), 1)
    options = {**sampling, "thinking": {"type": "disabled"}}

    assert sent("moonshot", options=options) == {"model": "m", "messages": ASK, "thinking": {"type": "disabled"}}
    assert sent("generic", options=options) == {"model": "m", "messages": ASK, **options}


def test_tools_and_formats_are_sent_as_they_are() -> None:
    tool = {"type": "function", "function": {"name": "f"}}

    body = sent(tools=[tool], tool_choice="auto", response_format={"type": "json_object"})

    assert body["tools"] == [tool]
    assert (body["tool_choice"], body["response_format"]) == ("auto", {"type": "json_object"})


def completion(message: Any = None, **fields: Any) -> bytes:
    choice = {"message": {"content": "hi"} if message is None else message, "finish_reason": "stop"}
    return orjson.dumps({"model": "m-1", "choices": [choice]} | fields)


def test_an_answer_is_read() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}, "cost": 0.01}

    assert decode(completion(usage=usage), "m") == ChatResult(
        content="hi",
        model="m-1",
        usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=4),
        cost_nano_usd=10_000_000,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b'{"choices": [{"mess',
        b"[]",
        b"null",
        b"5",
        b"{}",
        b'{"choices": null}',
        b'{"choices": {}}',
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": "hi"}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": [{"message": {"content": {"text": "hi"}}}]}',
        rb'{"choices": [{"message": {"content": "\ud800"}}]}',
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b'{"choices": [{"message": {"tool_calls": {}, "content": "x"}}]}'.replace(b"{}", b'"x"'),
        b'{"choices": [{"message": {"tool_calls": [5]}}]}',
        b'{"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}',
        b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": '
        + b"[" * 400
        + b"]" * 400
        + b"}}]}}]}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_completion_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        decode(body, "m")


@given(st.binary(max_size=50) | st.from_regex(rb'\{"choices": ?\[.{0,40}\]\}', fullmatch=True))
def test_no_body_is_a_crash(body: bytes) -> None:
    with suppress(MalformedAnswer):
        decode(body, "m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**54) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": JSON,
            "usage": JSON
            | st.dictionaries(
                st.sampled_from(
                    ["prompt_tokens", "completion_tokens", "cached_tokens", "prompt_tokens_details", "cost"]
                ),
                JSON,
            ),
        },
    ),
    JSON,
    JSON,
)
def test_whatever_stands_beside_the_content_does_not_lose_it(
    fields: dict[str, Any], reason: Any, reasoning: Any
) -> None:
    choice = {"message": {"content": "kept", "reasoning_content": reasoning}, "finish_reason": reason}
    try:
        body = orjson.dumps({"choices": [choice]} | fields)
    except TypeError:  # an integer or a text that JSON does not hold
        return

    result = decode(body, "asked")

    assert result.content == "kept"
    assert result.model
    assert 0 <= result.usage.cached_tokens <= result.usage.prompt_tokens < 2**53
    assert result.cost_nano_usd is None or 0 <= result.cost_nano_usd < 10**15


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "cached_tokens": 3}, Usage(prompt_tokens=5, cached_tokens=3)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 2}, Usage(prompt_tokens=5, cached_tokens=2)),
        ({"prompt_tokens": 5, "cached_tokens": 9}, Usage(prompt_tokens=5, cached_tokens=5)),
        ({"prompt_tokens": -5, "completion_tokens": "7"}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 2.0}, Usage(completion_tokens=2)),
        ({"prompt_tokens": 1e300}, Usage()),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, Usage(prompt_tokens=5)),
    ],
)
def test_usage_is_read_in_every_vendors_words(usage: dict[str, Any], expected: Usage) -> None:
    assert decode(completion(usage=usage), "m").usage == expected


def test_an_answer_without_usage_says_so() -> None:
    for fields in ({}, {"usage": None}, {"usage": "many"}):
        result = decode(completion(**fields), "m")
        assert (result.usage, result.usage_reported, result.cost_nano_usd) == (Usage(), False, None)


@pytest.mark.parametrize(
    ("cost", "nano_usd"),
    [
        (0, 0),
        (0.1, 100_000_000),
        ("0.000000001", 1),
        (-1, None),
        ("many", None),
        (True, None),
        (1e9, None),
        ("NaN", None),
    ],
)
def test_the_providers_bill_is_read(cost: Any, nano_usd: int | None) -> None:
    assert decode(completion(usage={"cost": cost}), "m").cost_nano_usd == nano_usd


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, "odd", {"type": "text", "text": "b"}, {"text": 5}]

    assert decode(completion({"content": parts}), "m").content == "ab"


def test_tool_calls_are_read_with_their_arguments_as_text() -> None:
    calls = [
        {"id": "c1", "function": {"name": "f", "arguments": '{"unfinished'}},
        {"function": {"name": "g", "arguments": {"k": [1]}}},
        {"id": 7, "function": {"name": "h"}},
    ]

    result = decode(completion({"content": None, "tool_calls": calls, "reasoning_content": "why"}), "m")

    assert result.tool_calls == (
        ToolCall(id="c1", name="f", arguments='{"unfinished'),
        ToolCall(id="call_1", name="g", arguments='{"k":[1]}'),
        ToolCall(id="7", name="h", arguments="{}"),
    )
    assert (result.content, result.reasoning_content) == (None, "why")


def test_an_answer_that_names_no_model_is_of_the_one_that_was_asked() -> None:
    for model in (None, "", 5):
        assert decode(completion(model=model), "asked").model == "asked"
