"""``swarmd recipes``: the ready ways to use the service that ``swarmd run --recipe`` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure

if TYPE_CHECKING:
    from app.recipes.recipe import Parameter, Recipe

recipes = typer.Typer(help="List and show recipes, which `swarmd run --recipe NAME` runs.", invoke_without_command=True)


@recipes.callback()
def list_unless_asked(context: typer.Context) -> None:
    """List and show recipes, which `swarmd run --recipe NAME` runs."""
    if context.invoked_subcommand is None:
        list_recipes()


@recipes.command("list")
def list_recipes() -> None:
    """One line a recipe, and what each reads and takes."""
    from app.recipes.loading import all_recipes

    for recipe in all_recipes():
        typer.echo(f"{recipe.name:<12}{recipe.summary}")
        typer.echo(f"{'':<12}{inputs_line(recipe)}")


@recipes.command("show")
def show(name: Annotated[str, typer.Argument(help="As `swarmd recipes` lists it.")]) -> None:
    """What a recipe does, what it takes, and the request that it makes."""
    from app.recipes.loading import load
    from app.recipes.recipe import RecipeError

    try:
        recipe = load(name)
    except RecipeError as exc:
        raise Failure(str(exc), EXIT_USAGE) from exc
    typer.echo(description_of(recipe))


def inputs_line(recipe: Recipe) -> str:
    """What a recipe reads and takes, in one line; what must be given stands without brackets."""
    takes = [each.name if each.required else f"[{each.name}]" for each in recipe.parameters]
    return f"reads {READS[recipe.reads.value]}; takes {' '.join(takes) or 'nothing'}"


READS = {
    "nothing": "no files",
    "attachments": "documents (PATH..., may be left out)",
    "documents": "documents (PATH...)",
    "document": "one document (PATH)",
    "source": "source files (PATH...)",
    "rows": "tables of CSV, JSON or JSON lines (PATH...)",
}


def description_of(recipe: Recipe) -> str:
    """Everything about a recipe: its words, its parameters with their defaults, an example, and its template."""
    from app.cli.results import as_json

    lines = [f"{recipe.name}: {recipe.summary}", "", recipe.description, "", f"Reads {READS[recipe.reads.value]}."]
    lines += ["", "Parameters (--set NAME=VALUE; --goal and --planner for short):"]
    lines += [line for parameter in recipe.parameters for line in _parameter_lines(parameter)]
    lines += ["", "Example:", f"  {recipe.example}", "", "Template of the body of POST /v1/swarms:"]
    return "\n".join(lines) + "\n" + as_json(recipe.body).rstrip("\n")


def _parameter_lines(parameter: Parameter) -> list[str]:
    kind = "|".join(parameter.choices) or parameter.type
    if parameter.least is not None and parameter.most is not None:
        kind += f" {parameter.least:,}-{parameter.most:,}"
    default = parameter.default
    shown = ",".join(default) if isinstance(default, list) else str(default).lower() if default is not None else "none"
    needed = "required" if parameter.required and default is None else f"default: {shown}"
    return [f"  {parameter.name} ({kind}; {needed})", f"      {parameter.help}"]
