"""Tool calls: the fitting tool with conforming arguments, then an answer made of the results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.ports.provider import ChatRequest, ChatResult, JsonObject
from app.providers.offline import respond
from tests.support.offline_asking import ask, function

TEXT = {"type": "string"}
TOOLS = [
    function("web_search", "Search the web", query=TEXT),
    function("code_interpreter", "Run Python code", code=TEXT),
    function("file_reader", "Read a file of the workspace", path=TEXT),
    function("http_fetch", "Fetch a URL", url=TEXT),
    function(
        "get_weather", "Weather of a place", location=TEXT, unit={"type": "string", "enum": ["celsius", "fahrenheit"]}
    ),
    function("memory_write", "Store a value", key=TEXT, value=TEXT),
]


def _calls(result: ChatResult) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in result.tool_calls]


@pytest.mark.parametrize(
    ("prompt", "calls"),
    [
        ("What's the weather in New York in celsius?", [("get_weather", {"location": "New York", "unit": "celsius"})]),
        ("Search the web for news about fusion.", [("web_search", {"query": "news about fusion"})]),
        ("What is 12*(3+4)?", [("code_interpreter", {"code": "print(12*(3+4))"})]),
        ("Run this:\n```python\nprint(1)\n```", [("code_interpreter", {"code": "print(1)"})]),
        ("Compare a/b.txt with c.md", [("file_reader", {"path": "a/b.txt"}), ("file_reader", {"path": "c.md"})]),
        ("Open https://example.org/x.", [("http_fetch", {"url": "https://example.org/x"})]),
        ('Remember "Friday" as the deadline.', [("memory_write", {"key": "friday", "value": "Friday"})]),
        ("Cats sleep a lot.", []),
        ("It happened in 2024-2025.", []),
    ],
)
def test_the_tool_that_fits(prompt: str, calls: list[tuple[str, Any]]) -> None:
    result = ask(prompt, tools=TOOLS)
    assert _calls(result) == calls
    assert result.finish_reason == ("tool_calls" if calls else "stop")
    assert (result.content is None) == bool(calls)


def test_tool_choice_is_honoured() -> None:
    assert not ask("Search the web for cats.", tools=TOOLS, tool_choice="none").tool_calls
    assert ask("Cats sleep a lot.", tools=TOOLS, tool_choice="required").tool_calls
    named = {"type": "function", "function": {"name": "http_fetch"}}
    assert ask("Cats sleep.", tools=TOOLS, tool_choice=named).tool_calls[0].name == "http_fetch"


def test_one_call_where_parallel_ones_are_refused() -> None:
    result = ask("Compare a.txt with b.txt", tools=TOOLS, options={"parallel_tool_calls": False})
    assert len(result.tool_calls) == 1


def _with_results(prompt: str, tools: list[JsonObject], turns: int, answer: str) -> tuple[list[list[str]], ChatResult]:
    """Play ``turns`` turns, answering every call with ``answer``; the names called a turn, and the last result."""
    messages: list[JsonObject] = [{"role": "user", "content": prompt}]
    called: list[list[str]] = []
    while True:
        result = respond(ChatRequest(model="offline", messages=messages, tools=tools))
        called.append([call.name for call in result.tool_calls])
        if not result.tool_calls or len(called) > turns:
            return called, result
        calls = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in result.tool_calls
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages.extend({"role": "tool", "tool_call_id": c.id, "content": answer} for c in result.tool_calls)


def test_after_the_results_comes_an_answer_made_of_them() -> None:
    called, result = _with_results("What's the weather in Rome?", TOOLS, 3, '{"temperature": 21}')
    assert called == [["get_weather"], []]
    assert result.content == '{"temperature": 21}'


def test_long_results_are_merged() -> None:
    _, result = _with_results("Compare a.txt with b.txt", TOOLS, 3, "Rivers flow into the sea. " * 60)
    assert result.content is not None
    assert "Rivers flow into the sea." in result.content


def test_an_orchestrator_creates_assigns_and_answers() -> None:
    tools = [
        function("create_subagent", "Create a sub-agent", name=TEXT, system_prompt=TEXT),
        function("assign_task", "Give a sub-agent a task", agent_id=TEXT, prompt=TEXT),
    ]
    called, result = _with_results("1. Research rivers\n2. Analyse lakes\n3. Write a report", tools, 5, "agt_7")
    assert called == [["create_subagent"] * 3, ["assign_task"] * 3, []]
    assert result.content is not None
    assert "agt_7" in result.content


def test_ids_of_calls_differ_and_repeat() -> None:
    first, second = (ask("Compare a.txt with b.txt", tools=TOOLS) for _ in range(2))
    assert first == second
    assert len({call.id for call in first.tool_calls}) == 2


@pytest.mark.parametrize(
    "tools",
    [[{}], [{"function": None}], [{"type": "function", "function": {"name": "f", "parameters": []}}], ["x"], [None]],
)
def test_senseless_definitions_do_no_harm(tools: list[Any]) -> None:
    assert ask("Use f now", tools=tools) == ask("Use f now", tools=tools)
