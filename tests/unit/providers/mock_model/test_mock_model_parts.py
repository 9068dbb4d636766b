"""The parts of the mock model server that need no socket."""

from __future__ import annotations

import dataclasses
import inspect
from collections import Counter
from typing import Any

import pytest

from app.cli.mock_model import mock_model
from app.providers.mock_model import MockModelConfig
from app.providers.mock_model.config import FAULT_RATES
from app.providers.mock_model.faults import FaultDice
from app.providers.mock_model.limits import HiddenRate, context_excess, prompt_tokens, retry_after_header
from app.providers.mock_model.scripts import Asked, ScriptQueue, asked_of, parse_script


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"error_rate": 1.5}, "error_rate must be between 0 and 1"),
        ({"error_rate": 0.6, "hang_rate": 0.6}, "add up to 1.2"),
        ({"latency_ms": -1}, "latency_ms must not be negative"),
        ({"error_status": 200}, "error_status must be an HTTP error"),
        ({"port": 70000}, "port must be"),
        ({"reset_point": "x"}, "reset_point must be one of"),
        ({"context_tokens": -1}, "context_tokens must not be negative"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MockModelConfig(**options)


@pytest.mark.parametrize(
    "options",
    [{"nope": 1}, {"port": 1}, {"call_log": "x"}, {"seed": "1"}, {"seed": True}, {"strict": 1}, {"seed": None}],
)
def test_senseless_changes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"option|cannot change|must be of type"):
        MockModelConfig().changed(options)


def test_changes_take_whole_numbers_for_fractions_and_null_for_none() -> None:
    config = MockModelConfig(reply="x").changed({"latency_ms": 5, "reply": None, "strict": True})
    assert (config.latency_ms, config.reply, config.strict) == (5, None, True)


def test_the_key_is_never_shown() -> None:
    assert "secret" not in str(MockModelConfig(api_key="secret").public())


def test_every_option_is_an_option_of_the_command() -> None:
    fields = {field.name for field in dataclasses.fields(MockModelConfig)}
    assert inspect.signature(mock_model).parameters.keys() == fields
    assert fields >= FAULT_RATES.keys()


def test_faults_come_at_their_rates_and_the_same_ones_each_run() -> None:
    config = MockModelConfig(error_rate=0.2, hang_rate=0.1, latency_ms=200, latency_jitter_ms=100)
    runs = []
    for _ in range(2):
        dice = FaultDice()
        runs.append([dice.decide(config, b"%d" % n) for n in range(3000)])
    assert runs[0] == runs[1]
    faults = Counter(decision.fault for decision in runs[0])
    assert faults["error"] == pytest.approx(600, rel=0.15)
    assert faults["hang"] == pytest.approx(300, rel=0.2)
    latencies = [decision.latency_s for decision in runs[0]]
    assert 0.1 <= min(latencies) < 0.11
    assert 0.29 < max(latencies) <= 0.3


def test_decisions_do_not_depend_on_the_order_of_arrival_but_on_the_try() -> None:
    config = MockModelConfig(error_rate=0.5)
    contents = [b"%d" % n for n in range(50)]
    first, second = FaultDice(), FaultDice()
    forwards = {content: first.decide(config, content) for content in contents}
    backwards = {content: second.decide(config, content) for content in reversed(contents)}
    assert forwards == backwards
    again = {content: first.decide(config, content) for content in contents}
    assert again != forwards
    other = FaultDice()
    assert {content: other.decide(config.changed({"seed": 1}), content) for content in contents} != forwards


def test_the_hidden_rate_lets_in_what_it_says() -> None:
    rate = HiddenRate()
    let_in = sum(rate.take(10, at / 100) == 0.0 for at in range(1000))  # 100 a second for 10 s
    assert let_in == pytest.approx(10 * 10 + 10, abs=1)
    wait_s = rate.take(10, 10.0)
    assert 0 < wait_s <= 0.1
    assert rate.take(10, 10.0 + wait_s + 1e-6) == 0.0


def test_retry_after_is_never_too_soon() -> None:
    assert [retry_after_header(seconds) for seconds in (0.01, 1.0, 1.01, 7)] == ["1", "1", "2", "7"]


def test_scripts_are_used_in_order_and_used_up() -> None:
    queue = ScriptQueue()
    entries = [
        {"match": "b", "content": "B", "times": 2},
        {"content": "any"},
        {"match": "z", "hang": True, "times": None},
    ]
    queue.add([parse_script(entry) for entry in entries])
    taken = [queue.take(Asked(text=text)) for text in ("abc", "a", "b", "b", "z", "z")]
    assert [script and (script.content or script.fault) for script in taken] == ["B", "any", "B", None, "hang", "hang"]


@pytest.mark.parametrize(
    "entry",
    [
        1,
        {"nope": 1},
        {"times": 0},
        {"times": True},
        {"status": 200},
        {"fault": "x"},
        {"tool_calls": [{}]},
        {"match": 1},
        {"when_tools": 1},
        {"when_format": True},
    ],
)
def test_senseless_scripts_are_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match=r"script|times|status|fault|tool call"):
        parse_script(entry)


@pytest.mark.parametrize(
    ("entry", "body", "matches"),
    [
        ({"when_tools": True}, {"tools": [{"type": "function", "function": {"name": "assign_task"}}]}, True),
        ({"when_tools": True}, {"tools": []}, False),
        ({"when_tools": False}, {}, True),
        ({"when_format": "plan"}, {"response_format": {"type": "json_schema", "json_schema": {"name": "plan"}}}, True),
        ({"when_format": "json_object"}, {"response_format": {"type": "json_object"}}, True),
        ({"when_format": "plan"}, {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, False),
        ({"when_format": "plan"}, {"response_format": "plan"}, False),
        ({"match": "assign_task"}, {"tools": [{"type": "function", "function": {"name": "assign_task"}}]}, True),
        ({"match": "q1"}, {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": "q1"}}]}]}, True),
        ({"match": "q1", "when_tools": True}, {"messages": [{"role": "user", "content": "q1"}]}, False),
        ({"match": "q1"}, {"messages": 5, "tools": "q1", "response_format": []}, False),
    ],
)
def test_what_scripts_are_matched_against(entry: dict[str, Any], body: dict[str, Any], matches: bool) -> None:
    queue = ScriptQueue()
    queue.add([parse_script(entry)])
    assert (queue.take(asked_of(body)) is not None) is matches


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        # 8 characters are 2 tokens, and every message counts 4 more.
        ({"messages": [{"role": "user", "content": "12345678"}]}, 6),
        ({"messages": [{"role": "user", "content": "12345678"}], "response_format": {"type": "t"}}, 6 + 3),
        ({"messages": None}, 0),
    ],
)
def test_a_prompt_counts_what_a_model_reads(body: dict[str, Any], tokens: int) -> None:
    assert prompt_tokens(body) == tokens


def test_a_context_holds_the_prompt_and_the_longest_answer() -> None:
    body = {"messages": [{"role": "user", "content": "x" * 400}], "max_tokens": 46}
    assert context_excess(body, 150) is None
    said = context_excess(body, 149)
    assert said is not None
    assert "150 tokens (104 in the messages, 46 in the completion)" in said
    assert context_excess({**body, "max_tokens": True}, 104) is None
