"""How each vendor's models are told to think and asked for JSON: what is sent, and what is said where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from app.ports.provider import Route, Structured
from app.providers.dialects import Dialect, ThinkingBy, dialect_of, structured_of, thinking_of
from app.providers.offline import OfflineProvider

DISABLED = {"thinking": {"type": "disabled"}}
ENABLED = {"thinking": {"type": "enabled"}}
LOW = {"reasoning_effort": "low"}
HIGH = {"reasoning_effort": "high"}


def route(dialect: Dialect, model: str, by: ThinkingBy | None = None) -> Route:
    thinking = thinking_of(dialect, model, by)
    return Route(requested=model, provider=OfflineProvider(), model=model, thinking=thinking)


@pytest.mark.parametrize(
    ("base_url", "kind", "dialect"),
    [
        ("https://api.openai.com/v1", "generic", "openai"),
        ("https://API.moonshot.ai:443/v1", "generic", "moonshot"),
        ("https://api.moonshot.cn/v1", "generic", "moonshot"),
        ("https://api.deepseek.com", "openai", "deepseek"),
        ("https://gateway.example.com/v1", "moonshot", "moonshot"),
        ("http://127.0.0.1:9000/v1", "moonshot", "moonshot"),
        ("http://127.0.0.1:8000/v1", "generic", "self_hosted"),
        ("http://vllm:8000/v1", "generic", "self_hosted"),
        ("http://10.0.0.7/v1", "generic", "self_hosted"),
        ("https://openrouter.ai/api/v1", "generic", "generic"),
        ("https://api.openai.com.example.org/v1", "generic", "generic"),
    ],
)
def test_the_host_tells_the_dialect_then_the_operator(base_url: str, kind: str, dialect: str) -> None:
    assert dialect_of(base_url, kind) == dialect


@pytest.mark.parametrize(
    ("dialect", "model", "on", "off"),
    [
        ("moonshot", "kimi-k2.5", {}, DISABLED),
        ("moonshot", "kimi-k2.6", {}, DISABLED),
        ("moonshot", "kimi-k3", HIGH, LOW),
        ("moonshot", "kimi-k3.1-pro", HIGH, LOW),
        ("moonshot", "kimi-k2.7-code", {}, {}),
        ("moonshot", "kimi-k2-thinking-turbo", {}, {}),
        ("moonshot", "kimi-k2-0905-preview", {}, {}),
        ("moonshot", "moonshot-v1-8k", {}, {}),
        ("moonshot", "something-new", {}, {}),
        ("deepseek", "deepseek-chat", ENABLED, DISABLED),
        ("deepseek", "deepseek-v4-flash", ENABLED, DISABLED),
        ("deepseek", "deepseek-reasoner", {}, {}),
        ("openai", "o3-mini", HIGH, LOW),
        ("openai", "o1", HIGH, LOW),
        ("openai", "o1-mini", {}, {}),
        ("openai", "gpt-5", HIGH, LOW),
        ("openai", "gpt-5-mini-2025-08-07", HIGH, LOW),
        ("openai", "gpt-5.1", HIGH, {"reasoning_effort": "none"}),
        ("openai", "gpt-5.4-mini", HIGH, {"reasoning_effort": "none"}),
        ("openai", "gpt-5.1-codex", HIGH, LOW),
        ("openai", "gpt-6.1-sol", HIGH, LOW),
        ("openai", "gpt-5-pro", HIGH, {}),
        ("openai", "gpt-5-chat-latest", {}, {}),
        ("openai", "gpt-5.2-chat-latest", {}, {}),
        ("openai", "gpt-5-search-api", {}, {}),
        ("openai", "o3-deep-research", {}, {}),
        ("openai", "gpt-4.1", {}, {}),
        (
            "self_hosted",
            "Qwen/Qwen3-8B",
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        (
            "self_hosted",
            "deepseek-ai/DeepSeek-V3.1",
            {"chat_template_kwargs": {"thinking": True}},
            {"chat_template_kwargs": {"thinking": False}},
        ),
        ("self_hosted", "Qwen/Qwen3-235B-A22B-Instruct-2507", {}, {}),
        ("self_hosted", "Qwen/Qwen2.5-7B-Instruct", {}, {}),
        ("generic", "Qwen/Qwen3-8B", {}, {}),
        ("generic", "gpt-5", {}, {}),
    ],
)
def test_each_model_is_told_in_its_vendors_words(
    dialect: Dialect, model: str, on: dict[str, Any], off: dict[str, Any]
) -> None:
    found = route(dialect, model)

    assert found.thinking_options(True) == on
    assert found.thinking_options(False) == off
    assert found.thinking_options(None) == {}


@pytest.mark.parametrize(
    ("dialect", "model", "on_remark", "off_remark"),
    [
        ("moonshot", "kimi-k2.5", "", ""),
        ("moonshot", "kimi-k2-thinking", "", "always thinks"),
        ("moonshot", "kimi-k2-0905-preview", "never thinks", ""),
        ("moonshot", "kimi-k3", "", "always thinks; it is told to think little"),
        ("deepseek", "deepseek-v4-pro", "", ""),
        ("deepseek", "deepseek-reasoner", "", "always thinks"),
        ("openai", "gpt-5.2", "", ""),
        ("openai", "gpt-5", "", "told to think little"),
        ("openai", "gpt-5-pro", "", "always thinks"),
        ("openai", "gpt-4o", "never thinks", ""),
        ("openai", "gpt-5-chat-latest", "not known", "not known"),
        ("self_hosted", "qwen3-30b-a3b-thinking-2507", "", "always thinks"),
        ("self_hosted", "qwen3-coder", "never thinks", ""),
        ("generic", "anything", "not known", "not known"),
    ],
)
def test_what_a_model_cannot_be_told_is_remarked(dialect: Dialect, model: str, on_remark: str, off_remark: str) -> None:
    candidate = route(dialect, model).candidate()

    assert on_remark in candidate.on_remark
    assert off_remark in candidate.off_remark
    assert bool(candidate.on_remark) is bool(on_remark)
    assert bool(candidate.off_remark) is bool(off_remark)


@pytest.mark.parametrize(
    ("model", "beside_tools"),
    [("gpt-5.1", True), ("gpt-5", True), ("gpt-5.4", False), ("gpt-5.10", False), ("gpt-6-luna", False)],
)
def test_openai_takes_no_effort_beside_tools_from_gpt_5_4_on(model: str, beside_tools: bool) -> None:
    found = route("openai", model)

    assert found.thinking_options(True) == HIGH
    assert found.thinking_options(True, tools=True) == (HIGH if beside_tools else {})
    assert bool(found.thinking_options(False, tools=True)) is beside_tools


@pytest.mark.parametrize(
    ("by", "on", "off"),
    [
        ("thinking", ENABLED, DISABLED),
        ("reasoning_effort", HIGH, LOW),
        (
            "chat_template_kwargs",
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        ("nothing", {}, {}),
    ],
)
def test_a_field_that_is_configured_wins(by: ThinkingBy, on: dict[str, Any], off: dict[str, Any]) -> None:
    for dialect, model in (("generic", "x"), ("moonshot", "kimi-k2.5")):
        found = route(dialect, model, by)  # type: ignore[arg-type]
        assert (found.thinking_options(True), found.thinking_options(False)) == (on, off)


def test_options_are_the_callers_to_change() -> None:
    found = route("deepseek", "deepseek-chat")

    found.thinking_options(True)["temperature"] = 0

    assert found.thinking_options(True) == ENABLED


@pytest.mark.parametrize(
    ("dialect", "model", "structured"),
    [
        ("openai", "gpt-5-mini", "json_schema"),
        ("deepseek", "deepseek-v4-flash", "json_object"),
        ("moonshot", "kimi-k2.5", "json_object"),
        ("moonshot", "kimi-k2-0905-preview", "json_object"),
        ("moonshot", "kimi-k2.6", "json_schema"),
        ("moonshot", "kimi-k2.7-code", "json_schema"),
        ("moonshot", "kimi-k3", "json_schema"),
        ("moonshot", "moonshot-v1-8k", "json_schema"),
        ("self_hosted", "qwen3", "json_schema"),
        ("generic", "x", "json_schema"),
    ],
)
def test_json_is_asked_for_as_the_vendor_can(dialect: Dialect, model: str, structured: Structured) -> None:
    assert structured_of(dialect, model) == structured
    assert structured_of(dialect, model, "prompt") == "prompt"
