"""Filling in the template of a request: placeholders in its texts, and two words for what may come often or not at all.

- A text that is ``${name}`` and nothing else becomes the value itself, of whatever type; a field whose value is not set
  is left out.
- ``${name}`` inside of a longer text becomes the text or number. Dots go deeper. ``$${`` stands for ``${``.
- ``{each = "name", do = …}`` in a list comes once for each item of the list ``name``, which ``do`` calls ``item``.
- ``{when = "name", …}`` is left out, in a list or as a field, unless the value is something.

Values are only looked up and never read as templates, so nothing that a user's file says can change the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_TOKEN = re.compile(r"\$\$\{|\$\{([A-Za-z_][\w.]*)\}")
_MISSING: Final = object()


class TemplateError(Exception):
    """The template asks for something that there is not, or that has no place in a text."""


def fill(template: Any, scope: Mapping[str, Any]) -> Any:
    """The template with its placeholders replaced by what ``scope`` holds.

    Raises:
        TemplateError: an unknown name, or a list or object inside of a text.
    """
    filled = _value(template, scope)
    return None if filled is _MISSING else filled


def placeholders(template: Any) -> set[str]:
    """The names that a template uses, first parts only: ``input`` of ``${input.files}``."""
    if isinstance(template, str):
        return {match.group(1).partition(".")[0] for match in _TOKEN.finditer(template) if match.group(1)}
    if isinstance(template, Mapping):
        found = {str(template[word]).partition(".")[0] for word in ("each", "when") if word in template}
        return found.union(*map(placeholders, template.values()))
    return set().union(*map(placeholders, template)) if isinstance(template, list) else set()


def _value(template: Any, scope: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        return _text(template, scope)
    if isinstance(template, Mapping):
        if "when" in template and not _lookup(str(template["when"]), scope):
            return _MISSING
        filled = {key: _value(value, scope) for key, value in template.items() if key != "when"}
        return {key: value for key, value in filled.items() if value is not _MISSING}
    if isinstance(template, list):
        return [value for value in _items(template, scope) if value is not _MISSING]
    return template


def _items(template: list[Any], scope: Mapping[str, Any]) -> Iterator[Any]:
    for part in template:
        if isinstance(part, Mapping) and "each" in part:
            for item in _lookup(str(part["each"]), scope) or ():
                yield _value(part["do"], {**scope, "item": item})
        else:
            yield _value(part, scope)


def _text(template: str, scope: Mapping[str, Any]) -> Any:
    whole = _TOKEN.fullmatch(template)
    if whole is not None and whole.group(1):
        value = _lookup(whole.group(1), scope)
        return _MISSING if value is None else value

    def told(match: re.Match[str]) -> str:
        if not match.group(1):
            return "${"
        value = _lookup(match.group(1), scope)
        if not isinstance(value, str | int | float):
            raise TemplateError(f"${{{match.group(1)}}} is {type(value).__name__} and cannot stand inside of a text")
        return str(value)

    return _TOKEN.sub(told, template)


def _lookup(name: str, scope: Mapping[str, Any]) -> Any:
    value: Any = scope
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise TemplateError(f"the template asks for ${{{name}}}, which there is not")
        value = value[part]
    return value
