"""Reading recipes from their files, one ``NAME.toml`` each beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from app.recipes.recipe import Parameter, Reads, Recipe, RecipeError
from app.recipes.template import placeholders

_TYPES = frozenset({"text", "integer", "number", "boolean", "choice", "names"})
_FIELDS = {"name", "summary", "description", "reads", "example", "parameters", "body", "shows"}
_PARAMETER_FIELDS = {"type", "help", "default", "required", "choices", "least", "most"}
_END = ".toml"


def recipe_names() -> list[str]:
    """The names of all recipes, in order."""
    files = resources.files("app.recipes").iterdir()
    return sorted(file.name.removesuffix(_END) for file in files if file.name.endswith(_END))


def all_recipes() -> list[Recipe]:
    """All recipes, in order of their names."""
    return [load(name) for name in recipe_names()]


def load(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        RecipeError: there is none; the message names those there are.
    """
    names = recipe_names()
    if name not in names:
        raise RecipeError(f"there is no recipe {name[:100]!r}: there are {', '.join(names)}")
    return read(name, resources.files("app.recipes").joinpath(name + _END).read_text("utf-8"))


def read(name: str, text: str) -> Recipe:
    """The recipe that a file says.

    Raises:
        RecipeError: the file is not TOML, lacks a field, has an unknown one, or its template uses an unknown name.
    """
    try:
        said = tomllib.loads(text)
        _check(said, _FIELDS, _FIELDS - {"parameters", "shows"}, name)
        parameters = tuple(_parameter(key, value) for key, value in said.get("parameters", {}).items())
        recipe = Recipe(
            name=said["name"],
            summary=said["summary"],
            description=said["description"].strip(),
            reads=Reads(said["reads"]),
            example=said["example"],
            parameters=parameters,
            body=said["body"],
            shows=tuple(said.get("shows", ())),
        )
    except (tomllib.TOMLDecodeError, ValueError) as exc:
        raise RecipeError(f"recipe {name}: {exc}") from exc
    if recipe.name != name:
        raise RecipeError(f"recipe {name}: the file says its name is {recipe.name!r}")
    unknown = placeholders(recipe.body) - {parameter.name for parameter in parameters} - {"input", "item"}
    if unknown:
        raise RecipeError(f"recipe {name}: the body asks for {', '.join(sorted(unknown))}, which is no parameter")
    return recipe


def _parameter(name: str, said: Mapping[str, Any]) -> Parameter:
    _check(said, _PARAMETER_FIELDS, {"type", "help"}, f"parameter {name}")
    if said["type"] not in _TYPES:
        raise ValueError(f"parameter {name}: unknown type {said['type']!r}")
    return Parameter(
        name=name,
        type=said["type"],
        help=said["help"],
        default=said.get("default"),
        required=said.get("required", False),
        choices=tuple(said.get("choices", ())),
        least=said.get("least"),
        most=said.get("most"),
    )


def _check(said: Mapping[str, Any], known: set[str], needed: set[str], what: str) -> None:
    if lacking := needed - said.keys():
        raise ValueError(f"{what} lacks {', '.join(sorted(lacking))}")
    if unknown := said.keys() - known:
        raise ValueError(f"{what} has unknown fields: {', '.join(sorted(unknown))}")
