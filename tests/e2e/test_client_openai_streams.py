"""Streams as users of OpenAI's package read them; only the base URL is ours. Quotes are the contract's, section 7."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.support.openai_streams import PRICES, WORDS, in_flight, script, user
from tests.support.service import MockModelProcess, ServiceProcess, poll


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--strict") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("streams"), *mock.as_provider(), **PRICES) as process:
        yield process


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=0, timeout=30) as client:
        yield client


TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]

# --- what is read ----------------------------------------------------------------------------------------------------


def test_words_come_one_after_the_other(client: openai.OpenAI, mock: MockModelProcess) -> None:
    """OpenAI-compatible, so any OpenAI SDK works with only its base URL changed."""
    script(mock, {"match": "one by one", "content": WORDS})
    chunks = list(client.chat.completions.create(model="mock", messages=user("one by one"), stream=True))

    assert chunks[0].choices[0].delta.role == "assistant"
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == WORDS
    assert sum(map(bool, pieces)) > 5
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.model_extra or {})["cost"] > 0
    assert (chunks[-1].model_extra or {})["latency_ms"] > 0


@pytest.mark.anyio
async def test_the_async_client_reads_usage_at_the_end(service: ServiceProcess) -> None:
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="mock", messages=user("Count."), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

    *others, last = chunks
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in others)


def test_the_sdks_own_stream_helper_puts_the_answer_together(client: openai.OpenAI, mock: MockModelProcess) -> None:
    script(mock, {"match": "helped", "content": WORDS})
    with client.chat.completions.stream(model="mock", messages=user("helped")) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()

    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == WORDS


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called(client: openai.OpenAI, mock: MockModelProcess, stream: bool) -> None:
    arguments = [{"city": "Oslo"}, {"city": "Rome"}]
    calls = [{"name": "get_weather", "arguments": one} for one in arguments]
    script(mock, {"match": "weather there", "tool_calls": calls})
    if stream:
        with client.chat.completions.stream(model="mock", messages=user("weather there"), tools=TOOLS) as events:
            [choice] = events.get_final_completion().choices
    else:
        answer = client.chat.completions.create(model="mock", messages=user("weather there"), tools=TOOLS)
        [choice] = answer.choices  # type: ignore[assignment]

    assert choice.finish_reason == "tool_calls"
    called = choice.message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in called if call.type == "function"] == arguments
    assert len({call.id for call in called}) == 2

    results: list[Any] = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in called]
    said: Any = {"role": "assistant", "tool_calls": [call.model_dump(exclude_none=True) for call in called]}
    for call in said["tool_calls"]:
        call["function"] = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
    script(mock, {"match": "sunny", "content": "It is sunny in both."})
    answer = client.chat.completions.create(
        model="mock", messages=[*user("weather there"), said, *results], tools=TOOLS
    )
    assert answer.choices[0].message.content == "It is sunny in both."


class City(BaseModel):
    name: str
    population: int


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_parsed_into_the_clients_own_class(
    client: openai.OpenAI, mock: MockModelProcess, stream: bool
) -> None:
    """``response_format``: the SDK sends the schema of a class and reads its instance."""
    script(mock, {"when_format": "City", "content": '{"name": "Oslo", "population": 717710}'})
    if stream:
        with client.chat.completions.stream(model="mock", messages=user("Which city?"), response_format=City) as events:
            message = events.get_final_completion().choices[0].message
    else:
        message = (
            client.chat.completions.parse(model="mock", messages=user("Which city?"), response_format=City)
            .choices[0]
            .message
        )

    assert message.parsed == City(name="Oslo", population=717710)


def test_models_are_found_by_name(client: openai.OpenAI) -> None:
    assert client.models.retrieve("mock").id == "mock"
    assert client.models.retrieve("offline").object == "model"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.models.retrieve("unheard/of")
    assert unknown.value.code == "model_not_found"


def test_extra_fields_pass_with_a_stream(client: openai.OpenAI, mock: MockModelProcess) -> None:
    """Extra fields (``context``, ``thinking``) are accepted; ``context`` is … never forwarded as is."""
    script(mock, {"match": "## Context\ngreen", "content": "seen"})
    chunks = client.chat.completions.create(
        model="mock",
        messages=user("Which?"),
        stream=True,
        extra_body={"context": "green", "thinking": {"type": "disabled"}},
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "seen"


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"status": 429, "retry_after_s": 1}, openai.RateLimitError),
        ({"status": 400}, openai.BadRequestError),
        ({"status": 500}, openai.InternalServerError),
        ({"fault": "garbage"}, openai.InternalServerError),
        ({"fault": "empty_choices"}, openai.InternalServerError),
    ],
    ids=str,
)
def test_errors_before_the_first_word_are_the_sdks_own(
    client: openai.OpenAI, mock: MockModelProcess, entry: dict[str, Any], error: type[openai.APIStatusError]
) -> None:
    script(mock, {"match": str(entry), **entry})
    with pytest.raises(error) as caught:
        client.chat.completions.create(model="mock", messages=user(str(entry)), stream=True)

    if error is openai.RateLimitError:
        assert caught.value.code == "rate_limit"
        assert "rate_limit" in str(caught.value)
        poll(lambda: answers(client), what="the end of what the provider asked for")


def answers(client: openai.OpenAI) -> bool:
    try:
        return bool(client.chat.completions.create(model="mock", messages=user("still there?")).choices)
    except openai.RateLimitError:
        return False


@pytest.mark.parametrize("fault", ["error_midway", "truncate"])
def test_errors_after_the_first_word_end_the_stream(client: openai.OpenAI, mock: MockModelProcess, fault: str) -> None:
    """Errors afterwards come as an ``error`` event, which the SDK raises."""
    script(mock, {"match": fault, "content": WORDS, "fault": fault})
    stream = client.chat.completions.create(model="mock", messages=user(fault), stream=True)
    pieces: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        pieces.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    assert WORDS.startswith("".join(pieces))
    assert "".join(pieces)
    assert caught.value.body is not None


def test_a_stalled_stream_ends_with_the_requests_deadline(client: openai.OpenAI, mock: MockModelProcess) -> None:
    script(mock, {"match": "stalls", "content": WORDS, "fault": "stall"})
    started = time.monotonic()
    with pytest.raises(openai.APIError, match=r"within 0\.5 s"):
        list(
            client.chat.completions.create(
                model="mock", messages=user("stalls"), stream=True, extra_body={"timeout": 0.5}
            )
        )
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdks_own_timeout_is_a_timeout(service: ServiceProcess, mock: MockModelProcess, stream: bool) -> None:
    """And whoever waits no longer holds no slot, with a whole answer neither."""
    script(mock, {"match": "sleeps", "hang": True})
    impatient = openai.OpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=0, timeout=0.3)
    with impatient, pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="mock", messages=user("sleeps"), stream=stream)
    poll(lambda: in_flight(mock) == 0, what="the end of the call")


def test_the_sdk_waits_as_long_as_retry_after_says(service: ServiceProcess, mock: MockModelProcess) -> None:
    script(mock, {"match": "patience", "status": 429, "retry_after_s": 1}, {"match": "patience", "content": "there"})
    started = time.monotonic()
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=2) as client:
        stream = client.chat.completions.create(model="mock", messages=user("patience"), stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert said == "there"
    assert time.monotonic() - started >= 1
