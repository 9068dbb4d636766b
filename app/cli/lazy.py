"""Commands whose module is imported when they are called, or completed, and not before.

``swarmd --help`` and the completion of a command's name need its name and summary only; what a command needs, the HTTP
client, the settings, the service itself, takes several times as long to import as everything else together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Deferred:
    """A command, or a group of them, that is somewhere else.

    Attributes:
        target: ``module:name`` of the function or the ``Typer``, below ``app.cli``.
        summary: its line in the list of commands.
    """

    target: str
    summary: str

    def load(self, name: str) -> Any:
        """Import it, as a command of the name."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(f"app.cli.{module}"), attribute)
        holder = new_app()
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
            return _command_of(holder).commands[name]
        holder.command(name)(found)
        return _command_of(holder)


def new_app(**options: Any) -> typer.Typer:
    """A ``Typer`` with the manners of all commands."""
    return typer.Typer(
        **{"add_completion": False, **options},
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def add_deferred(app: typer.Typer, commands: Mapping[str, Deferred]) -> None:
    """Add the commands to an app whose group is a ``lazy_group`` of the same ones."""
    for name, deferred in commands.items():
        app.command(name, help=deferred.summary)(_stand_in)


def lazy_group(commands: Mapping[str, Deferred]) -> type[TyperGroup]:
    """A class of groups that lists the stand-ins of the commands and runs, or completes, the commands themselves."""

    class LazyGroup(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            if name is not None and name in commands:
                command = commands[name].load(name)
            return name, command, rest

    return LazyGroup


def _command_of(app: typer.Typer) -> Any:
    return typer.main.get_command(app)


def _stand_in() -> None:
    """Never called: the group puts the command itself in its place."""
    raise AssertionError("a stand-in was called")
