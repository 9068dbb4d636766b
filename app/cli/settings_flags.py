"""The service's settings as flags: every setting is one, except secrets, which come by environment or file only.

A flag shows in the list of processes of the whole machine and in the shell's history, so a key must never be one. The
flags are made from ``Settings`` itself; a setting cannot be added without its flag.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from app.cli.failures import EXIT_USAGE, Failure
from app.settings import Settings, load_settings

_SECRET_ENDINGS = ("key", "keys", "secret", "token", "password")
_SIMPLE_TYPES = (bool, int, float, str, Path)


def settings_flags() -> dict[str, inspect.Parameter]:
    """A keyword parameter for typer for each setting that may be a flag, all of them optional."""
    return {
        name: inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_flag_type(field.annotation) | None, typer.Option(help=_help_text(name, field))],
        )
        for name, field in Settings.model_fields.items()
        if not is_secret(name, field)
    }


def with_settings_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The command (which takes ``**overrides``) under a signature that typer turns into flags."""
    return with_renamed_flags()(command)


def with_renamed_flags(**names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The same for a command that calls some settings by shorter names; ``names`` are those settings, by these."""
    settings = {setting: name for name, setting in names.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def flagged(**values: object) -> None:
            command(**{names.get(name, name): value for name, value in values.items() if value is not None})

        known = settings_flags()
        assert settings.keys() <= known.keys()
        flags = [flag.replace(name=settings.get(name, name)) for name, flag in known.items()]
        flags.sort(key=lambda flag: flag.name not in names)  # its own come first
        flagged.__doc__ = command.__doc__
        flagged.__name__ = command.__name__
        flagged.__annotations__ = {flag.name: flag.annotation for flag in flags}
        flagged.__signature__ = inspect.Signature(flags)  # type: ignore[attr-defined]
        return flagged

    return decorate


def read_settings(overrides: Mapping[str, object]) -> Settings:
    """The settings from flags, environment and file, flags that are not None first.

    Raises:
        Failure: some value is not usable; each is named with what was expected.
    """
    flags = {name: _parsed(name, value) for name, value in overrides.items()}
    try:
        return load_settings(**flags)
    except ValidationError as exc:
        lines = [
            _error_line(error["loc"], error["msg"]) for error in exc.errors(include_url=False, include_input=False)
        ]
        raise Failure("the settings are not usable\n" + "\n".join(lines), EXIT_USAGE) from exc
    except (ValueError, OSError) as exc:
        raise Failure(f"the settings are not usable: {' '.join(str(exc).split())}", EXIT_USAGE) from exc


def is_secret(name: str, field: FieldInfo) -> bool:
    """Whether the setting holds a key, itself or somewhere inside."""
    if name.endswith(_SECRET_ENDINGS):
        return True
    parts = [field.annotation]
    while parts:
        part = parts.pop()
        if part is SecretStr:
            return True
        if isinstance(part, type) and issubclass(part, BaseModel):
            parts += [inner.annotation for inner in part.model_fields.values()]
        parts += typing.get_args(part)
    return False


def _parsed(name: str, value: object) -> object:
    """The flag's value; the text of a structured setting is JSON, as in its environment variable."""
    annotation = Settings.model_fields[name].annotation
    if not isinstance(value, str) or typing.get_origin(annotation) not in (dict, list, tuple):
        return value
    try:
        return json.loads(value)
    except ValueError as exc:
        raise Failure(f"--{name.replace('_', '-')}: expected JSON: {exc}", EXIT_USAGE) from exc


def _error_line(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(map(str, location))
    top = str(location[0]) if location else ""
    label = (
        f"SWARMD_{top.upper()} (--{top.replace('_', '-')})" if name == top and top in Settings.model_fields else name
    )
    return f"  {label or 'settings'}: {message.removeprefix('Value error, ')}"


def _flag_type(annotation: Any) -> Any:
    """The nearest type typer has; anything structured stays text for ``Settings`` to parse."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        return _flag_type(members[0]) if len(members) == 1 else str
    if origin is Annotated:
        return _flag_type(typing.get_args(annotation)[0])
    if isinstance(annotation, type) and (annotation in _SIMPLE_TYPES or issubclass(annotation, Enum)):
        return annotation
    return str


def _help_text(name: str, field: FieldInfo) -> str:
    text = (field.description or name.replace("_", " ").capitalize()).rstrip(".")
    if typing.get_origin(field.annotation) is Literal:
        text += ": " + ", ".join(map(str, typing.get_args(field.annotation)))
    default = None if field.is_required() or field.default_factory is not None else field.default
    if default is None:
        return text
    return f"{text} (default {str(default).lower() if isinstance(default, bool) else default})"
