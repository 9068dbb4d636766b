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
from app.providers.mock_model.limits import HiddenRate, retry_after_header
from app.providers.mock_model.scripts import ScriptQueue, parse_script


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"error_rate": 1.5}, "error_rate must be between 0 and 1"),
        ({"error_rate": 0.6, "hang_rate": 0.6}, "add up to 1.2"),
        ({"latency_ms": -1}, "latency_ms must not be negative"),
        ({"error_status": 200}, "error_status must be an HTTP error"),
        ({"port": 70000}, "port must be"),
        ({"reset_point": "x"}, "reset_point must be one of"),
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
    taken = [queue.take(text) for text in ("abc", "a", "b", "b", "z", "z")]
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
    ],
)
def test_senseless_scripts_are_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match=r"script|times|status|fault|tool call"):
        parse_script(entry)
