"""Which of the offered tools to call: by what the newest user message says, or by ``tool_choice``; and with what."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ports.provider import JsonObject, ToolCall
from app.providers.offline.arguments import arguments_for, expression_in, paths_in, urls_in
from app.providers.offline.lines import subtasks
from app.providers.offline.orchestration import Assignment, next_assignments
from app.providers.offline.reading import Question, clean, content_text, dump_json, load_json
from app.providers.offline.text import terms, word_set, words
from app.providers.offline.values import Content, role_of

FITTING = 3
"""Points from which a tool is called without being asked for."""

MAX_CALLS = 64
MAX_TOOLS = 256

_GENERIC = word_set("get set run do make create tool call function use add new list fetch send data api")
_CUES = {
    "search": word_set("search find lookup latest news google research"),
    "fetch": word_set("fetch open visit url page website download http https"),
    "file": word_set("file files read open document path"),
    "code": word_set("calculate compute run execute python code script evaluate sum count plot"),
    "interpreter": word_set("calculate compute run execute python code script evaluate sum count plot"),
    "calculator": word_set("calculate compute plus minus times sum product"),
    "write": word_set("remember store save note keep record"),
    "memory": word_set("remember recall memory stored remembered"),
    "artifact": word_set("save artifact report file"),
    "message": word_set("message send tell notify inform"),
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One offered function."""

    name: str
    description: str
    parameters: JsonObject


def offered_tools(definitions: Sequence[Any]) -> list[Tool]:
    """The functions of OpenAI-shaped tool definitions; what is none is left out."""
    tools: list[Tool] = []
    for definition in definitions[:MAX_TOOLS]:
        function = definition.get("function", definition) if isinstance(definition, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            continue
        parameters = function.get("parameters")
        description = clean(str(function.get("description") or ""))[:2000]
        tools.append(
            Tool(clean(function["name"]), description, dict(parameters) if isinstance(parameters, dict) else {})
        )
    return tools


def choose_calls(question: Question) -> list[ToolCall]:
    """The calls of this turn; none when there is nothing to call, or when their results are already there."""
    choice = question.request.tool_choice
    tools = offered_tools(question.request.tools)
    if not tools or choice == "none":
        return []
    orchestration = _orchestration(question, tools)
    if orchestration is not None:
        return orchestration
    if any(message.get("role") in {"tool", "function"} for message in question.fresh_messages):
        return []
    tool = _chosen(question, tools, choice)
    if tool is None:
        return []
    one = question.request.options.get("parallel_tool_calls") is False
    content = Content(question.prompt, "")
    subjects = _subjects(tool, content)[: 1 if one else 8]
    return [
        _call(question, tool, arguments_for(tool.parameters, content, subject), at)
        for at, subject in enumerate(subjects)
    ]


def _chosen(question: Question, tools: Sequence[Tool], choice: object) -> Tool | None:
    if isinstance(choice, Mapping):
        function = choice.get("function", choice)
        name = function.get("name") if isinstance(function, Mapping) else None
        return next((tool for tool in tools if tool.name == name), None)
    scores = [(_points(tool, question.prompt), -at) for at, tool in enumerate(tools)]
    best, at = max(scores)
    return tools[-at] if best >= FITTING or choice == "required" else None


def _points(tool: Tool, prompt: str) -> float:
    """How well a tool fits a message: its name, words it shares, and what the message holds for its arguments."""
    text = prompt[:20_000]
    if re.search(rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])", text):
        return 20.0
    said = {_stem(word) for word in words(text)}
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", tool.name)]
    points = sum(3.0 for part in parts if part not in _GENERIC and _stem(part) in said)
    points += sum(2.0 for part in parts if said & {_stem(cue) for cue in _CUES.get(part, ())})
    points += 0.5 * len({_stem(word) for word in terms(tool.description)} & said)
    properties = tool.parameters.get("properties")
    names = set(properties) if isinstance(properties, Mapping) else set()
    if names & {"url", "uri", "link"} and urls_in(text):
        points += 4
    if names & {"path", "file", "filename", "file_path"} and paths_in(text) and not urls_in(text):
        points += 3
    if names & {"code", "expression", "formula"} and expression_in(text):
        points += 4
    return points


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def _subjects(tool: Tool, content: Content) -> list[str]:
    """What each call is about: one call for every address or file the message names, else a single one."""
    properties = tool.parameters.get("properties")
    names = set(properties) if isinstance(properties, Mapping) else set()
    if names & {"url", "uri", "link"} and (urls := urls_in(content.prompt)):
        return urls
    if names & {"path", "file", "filename", "file_path"} and (paths := paths_in(content.prompt)):
        return paths
    return [""]


def _call(question: Question, tool: Tool, arguments: JsonObject, at: int) -> ToolCall:
    text = dump_json(arguments)
    seed = f"{len(question.messages)}:{at}:{tool.name}:{text}"
    return ToolCall(id="call_" + hashlib.sha256(seed.encode()).hexdigest()[:16], name=tool.name, arguments=text)


def orchestration_tools(tools: Sequence[Tool]) -> tuple[Tool, Tool] | None:
    """The tools of an orchestrator, the one that creates sub-agents and the one that assigns tasks; None without."""
    create = next((tool for tool in tools if "create" in tool.name and "agent" in tool.name), None)
    assign = next((tool for tool in tools if "assign" in tool.name or "delegate" in tool.name), None)
    return (create, assign) if create is not None and assign is not None else None


def _orchestration(question: Question, tools: Sequence[Tool]) -> list[ToolCall] | None:
    """The calls of an orchestrator's turn; None when the tools are not an orchestrator's."""
    pair = orchestration_tools(tools)
    if pair is None:
        return None
    create, assign = pair
    if "name" not in _properties(create) or "agent" not in _properties(assign):
        return _one_kind_a_turn(question, create, assign)
    tasks = next_assignments(question, assign.name)
    calls = [
        _call(question, create, _creating(create, task), at)
        for at, task in enumerate(task for task in tasks if task.new)
    ]
    return calls + [_call(question, assign, _assigning(assign, task), at) for at, task in enumerate(tasks)]


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties = tool.parameters.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _creating(tool: Tool, task: Assignment) -> JsonObject:
    arguments = arguments_for(tool.parameters, Content(task.step.prompt, ""), "", agent=task.agent)
    if "system_prompt" in arguments:
        arguments["system_prompt"] = (
            f"You are a {task.step.role}. Work on exactly the task you are given, use only the texts that come with "
            "it, and name the source of each claim in square brackets."
        )
    return arguments


def _assigning(tool: Tool, task: Assignment) -> JsonObject:
    arguments = arguments_for(tool.parameters, Content(task.step.prompt, ""), "", agent=task.agent)
    arguments |= {name: task.prompt for name in ("prompt", "task", "instructions") if name in arguments}
    if "sources" in arguments:
        arguments["sources"] = task.step.sources
        if not task.step.sources and "sources" not in (tool.parameters.get("required") or ()):
            del arguments["sources"]
    return arguments


def _one_kind_a_turn(question: Question, create: Tool, assign: Tool) -> list[ToolCall]:
    """For tools that call a sub-agent by what its creation returns: create all, then assign all, then answer."""
    called = [name for message in question.fresh_messages for name in _called_names(message)]
    content = Content(question.prompt, "")
    lines = subtasks(question.prompt)[:MAX_CALLS] or content.lines
    if assign.name in called:
        return []
    tool = assign if create.name in called else create
    calls: list[ToolCall] = []
    agents = _created(question, create.name)
    for at, line in enumerate(lines):
        name = f"{role_of(line)}-{at + 1}"
        if tool is assign:
            name = agents[at % len(agents)] if agents else name
        arguments = arguments_for(tool.parameters, Content(line, ""), "", agent=name)
        calls.append(_call(question, tool, arguments, at))
    return calls


def _called_names(message: JsonObject) -> list[str]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    functions = [call.get("function") for call in calls if isinstance(call, Mapping)]
    return [str(function.get("name")) for function in functions if isinstance(function, Mapping)]


def _created(question: Question, create: str) -> list[str]:
    """How the created sub-agents are to be called: by the id or name in the result, else by the name asked for."""
    names: list[str] = []
    for tool, text in tool_results(question):
        if tool != create:
            continue
        value = load_json(text)
        fields = value if isinstance(value, dict) else {}
        found = next(
            (fields[key] for key in ("name", "agent", "agent_id", "id") if isinstance(fields.get(key), str)), ""
        )
        names.append(found or text.strip()[:100])
    return names


def tool_results(question: Question) -> list[tuple[str, str]]:
    """``(tool, text)`` of every result of this turn, in order."""
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    for message in question.fresh_messages:
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping):
                names[str(call.get("id"))] = str(call["function"].get("name"))
        if message.get("role") in {"tool", "function"}:
            name = str(message.get("name") or names.get(str(message.get("tool_call_id"))) or "tool")
            results.append((clean(name), content_text(message.get("content"))))
    return results
