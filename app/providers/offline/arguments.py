"""Arguments of a tool call: conforming to its schema, taken from the message by the name of each argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.json_schema import schema_answer
from app.providers.offline.materials import fenced_blocks
from app.providers.offline.text import shorten, slug, squeeze, word_set
from app.providers.offline.values import Content, role_of

READ_CHARACTERS = 20_000

_URL = re.compile(r"https?://[^\s<>\"')\]]{3,500}")
_PATH = re.compile(r"(?<![\w/:.@])(?:\.{0,2}/)?(?:[\w.-]{1,60}/){0,8}[\w-]{1,60}\.[A-Za-z][A-Za-z0-9]{0,4}(?![\w/(])")
_QUOTED = re.compile(r"[\"'\u201c`]([^\"'\u201d`\n]{1,300})[\"'\u201d`]")
_EXPRESSION = re.compile(r"[\d(][\d\s+\-*/().%^,]{0,200}\d\)*")
_PLACE = re.compile(r"\b(?:in|for|at|of|near|to|from)\s+([A-Z][\w-]{1,40}(?:\s[A-Z][\w-]{1,40}){0,3})")
_COMMAND = re.compile(
    r"^(?:please\s+)?(?:(?:search|look|find|fetch|read|open|call|use|run)\b\s*"
    r"(?:up|out|for|the (?:web|internet|file)|tool)?\s*)+(?:for|about|on)?\s*",
    re.IGNORECASE,
)
_PLACES = word_set("location city place country town region")
_QUERIES = word_set("query q search search_query question topic keywords")
_TEXTS = word_set("value content text body message note data prompt task instruction instructions input description")


def urls_in(text: str) -> list[str]:
    """The web addresses in a message, in order, each once."""
    return list(dict.fromkeys(url.rstrip(".,;") for url in _URL.findall(text[:READ_CHARACTERS])))


def paths_in(text: str) -> list[str]:
    """What looks like the name of a file in a message, in order, each once."""
    plain = _URL.sub(" ", text[:READ_CHARACTERS])
    return list(dict.fromkeys(path for path in _PATH.findall(plain) if not path[-1].isdigit()))


def arguments_for(schema: Mapping[str, Any], content: Content, subject: str, *, agent: str = "") -> JsonObject:
    """Arguments for one call about ``subject`` (an address or file); ``agent`` names the sub-agent it is for."""
    filled = schema_answer({"type": "object", **(schema if agent else _needed(schema))}, content)
    arguments: JsonObject = filled if isinstance(filled, dict) else {}
    properties = schema.get("properties")
    for name, value in arguments.items():
        described = properties.get(name) if isinstance(properties, Mapping) else None
        if isinstance(value, str) and isinstance(described, Mapping) and _is_free(described):
            text = _text_for(name.lower(), content, subject, agent) or value
            most, least = described.get("maxLength"), described.get("minLength")
            text = text[:most] if isinstance(most, int) and most >= 0 else text
            arguments[name] = value if isinstance(least, int) and len(text) < least else text
    return arguments


def _needed(schema: Mapping[str, Any]) -> JsonObject:
    """The schema without arguments that may be left out: what a message does not plainly say is better not guessed."""
    required, properties = schema.get("required"), schema.get("properties")
    if not required or not isinstance(required, list) or not isinstance(properties, Mapping):
        return dict(schema)
    return {**schema, "properties": {name: properties[name] for name in properties if name in required}}


def _is_free(schema: Mapping[str, Any]) -> bool:
    return not {"enum", "const", "format", "pattern", "$ref", "anyOf", "oneOf"} & schema.keys()


def _text_for(name: str, content: Content, subject: str, agent: str) -> str:
    prompt = content.prompt[:READ_CHARACTERS]
    last = name.rpartition("_")[2]
    if agent and last in {"name", "agent", "id", "subagent"}:
        return agent
    if agent and name in {"system_prompt", "system"}:
        return f"You are a {role_of(prompt)}. Work on exactly this and report what you find: {shorten(prompt, 300)}"
    if last in {"url", "uri", "link", "path", "file", "filename"}:
        return subject
    if last in {"code", "script", "source"}:
        return _code(prompt)
    if last in {"expression", "formula", "equation"}:
        return expression_in(prompt) or shorten(prompt, 200)
    if last in _PLACES:
        place = _PLACE.search(prompt)
        return place.group(1) if place else ""
    quoted = _QUOTED.search(prompt)
    if name in _QUERIES:
        return quoted.group(1) if quoted else shorten(_COMMAND.sub("", squeeze(prompt)), 160).rstrip(".?!")
    if last in {"key", "topic", "channel"}:
        return slug(quoted.group(1) if quoted else prompt)
    if last in _TEXTS:
        return quoted.group(1) if quoted and not agent else squeeze(prompt)[:2000]
    return ""


def _code(prompt: str) -> str:
    blocks = fenced_blocks(prompt)
    if blocks:
        return blocks[0][1].rstrip("\n")
    expression = expression_in(prompt)
    return f"print({expression})" if expression else f"print({shorten(prompt, 200)!r})"


def expression_in(prompt: str) -> str:
    """The first sum in a message, as Python writes it; empty when there is none."""
    for found in _EXPRESSION.findall(prompt[:2000]):
        text: str = found.strip(" .,").replace("^", "**").replace(",", "")
        is_range = re.fullmatch(r"[\d./-]+", text) is not None and "*" not in text  # a date, a span of years
        if not is_range and re.search(r"\d\)*\s*[-+*/%]{1,2}\s*[\d(]", text) and text.count("(") == text.count(")"):
            return text
    return ""
