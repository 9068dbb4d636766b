"""What a recipe is: words for its user, the parameters it takes, the files it reads, the template of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.recipes.template import fill

Value = str | int | float | bool | list[str] | None
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_MAX_NAMES = 100


class RecipeError(Exception):
    """What the user gave does not fit the recipe, or a recipe is not well made; the message says what was expected."""


class Reads(StrEnum):
    """What the paths on the command line are read as."""

    NOTHING = "nothing"
    ATTACHMENTS = "attachments"
    """Documents that a goal is about; none is fine."""
    DOCUMENTS = "documents"
    DOCUMENT = "document"
    """Exactly one."""
    SOURCE = "source"
    """Source files, by the ends of their names."""
    ROWS = "rows"
    """Tables: CSV, JSON or JSON lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing that a recipe lets its user choose.

    Attributes:
        type: text, integer, number, boolean, choice, or names (several, set apart by commas).
        default: None where there is none; then the user must give it if it is required.
        least, most: of an integer or number, both included.
    """

    name: str
    type: str
    help: str
    default: Value = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def parsed(self, given: str) -> Value:
        """The value that ``given``, a text from the command line, stands for.

        Raises:
            RecipeError: it is none of this type.
        """
        text = given.strip()
        match self.type:
            case "integer" | "number":
                return self._number(text)
            case "boolean":
                if text.lower() not in _TRUE | _FALSE:
                    raise RecipeError(f"{self.name}: expected true or false, not {given[:100]!r}")
                return text.lower() in _TRUE
            case "choice":
                if text not in self.choices:
                    raise RecipeError(f"{self.name}: expected one of {', '.join(self.choices)}, not {given[:100]!r}")
                return text
            case "names":
                names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
                if not 1 <= len(names) <= _MAX_NAMES:
                    raise RecipeError(f"{self.name}: expected 1-{_MAX_NAMES} names set apart by commas")
                return names
            case _:
                if not text:
                    raise RecipeError(f"{self.name}: expected some words")
                return given

    def _number(self, text: str) -> int | float:
        noun = "a whole number" if self.type == "integer" else "a number"
        try:
            value: int | float = int(text) if self.type == "integer" else float(text)
        except ValueError:
            raise RecipeError(f"{self.name}: expected {noun}, not {text[:100]!r}") from None
        low, high = self.least, self.most
        if not (low is None or value >= low) or not (high is None or value <= high):
            bounds = f"{low if low is not None else 'any'} to {high if high is not None else 'any'}"
            raise RecipeError(f"{self.name}: expected {noun} from {bounds}, not {text[:100]}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A way to use the service, as data.

    Attributes:
        reads: what the paths that the user gives are read as.
        shows: ids of the tasks whose outputs are the result, in order; empty where the merged value is.
        body: template of the body of ``POST /v1/swarms``; see ``template``.
    """

    name: str
    summary: str
    description: str
    reads: Reads
    example: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any] = field(repr=False)
    shows: tuple[str, ...] = ()

    def values(self, given: Mapping[str, str]) -> dict[str, Value]:
        """The value of every parameter, None for one that is not set.

        Args:
            given: texts from the command line by the names of parameters.

        Raises:
            RecipeError: an unknown or missing parameter, or a value that it does not take.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise RecipeError(f"the recipe {self.name} has no parameter {name[:100]!r}: {takes}")
        values: dict[str, Value] = {}
        for name, parameter in known.items():
            values[name] = parameter.parsed(given[name]) if name in given else parameter.default
            if parameter.required and values[name] is None:
                how = "--goal" if name == "goal" else f"--set {name}=…"
                raise RecipeError(f"the recipe {self.name} needs {name} ({how}): {parameter.help}")
        return values

    def build(self, values: Mapping[str, Value], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the request.

        Args:
            values: of all parameters.
            inputs: what was read, under the names that the template uses; see ``inputs``.
        """
        scope: dict[str, Any] = {name: _in_scope(value) for name, value in values.items()}
        body = fill(self.body, scope | {"input": inputs})
        assert isinstance(body, dict)
        return body


def _in_scope(value: Value) -> Any:
    """A list of names also as text, and as the properties of a JSON Schema."""
    if not isinstance(value, list):
        return value
    return {"list": value, "text": ", ".join(value), "properties": {name: {"type": "string"} for name in value}}
