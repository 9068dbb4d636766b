"""``swarmd settings``: every setting, as the classes in ``app.settings`` say, so that it is never out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_HEAD = """\
# Settings

<!-- Written by: swarmd settings --out scripts/deploy/settings.md -->

Each is a variable of the environment and a key of the TOML file that `SWARMD_CONFIG` (`--config`) names; all but those
marked with * are flags of `swarmd serve` too (`SWARMD_DATA_DIR`, `data_dir`, `--data-dir`). Flags win over variables,
variables over the file, the file over the defaults. What is written as a table in the file is JSON in a variable.
"""


def settings(
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of stdout.")] = None,
) -> None:
    """Print the reference of all settings, in Markdown.

    Example: `swarmd settings | less`
    """
    from app.cli.results import check_writable, deliver

    if out is not None:
        check_writable(out)
    deliver(reference(), out)


def reference() -> str:
    """Return the reference; the same text for the same classes."""
    from app.settings import WELL_KNOWN, McpServerSettings, PriceSettings, ProviderSettings, Settings

    tables: dict[type[BaseModel], str] = {
        ProviderSettings: "## A provider: `[providers.<name>]`",
        PriceSettings: '## A price: `[prices."<model>"]`',
        McpServerSettings: "## An MCP server: `[mcp.<name>]`",
    }
    schema = Settings.model_json_schema()
    parts = [_HEAD, "## The service\n", _table(Settings, schema, "variable", _variable)]
    for model, title in tables.items():
        parts += [f"{title}\n", _table(model, schema["$defs"][model.__name__], "key", _key)]
    parts += [
        "## Vendors that need no table\n",
        "| variable with the key | name | endpoint | model where none is named |\n|---|---|---|---|\n"
        + "".join(
            f"| `{variable}` | `{name}` | {url} | `{model}` |\n" for name, (variable, url, model) in WELL_KNOWN.items()
        ),
    ]
    return "\n".join(parts)


def _table(model: type[BaseModel], schema: Mapping[str, Any], head: str, named: Callable[[str, FieldInfo], str]) -> str:
    lines = [f"| {head} | value | default | what |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        properties = schema["properties"][name]
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        what = (field.description or "").replace("|", "\\|")
        lines.append(f"| {named(name, field)} | {_value(properties)} | {default} | {what} |")
    return "\n".join(lines) + "\n"


def _key(name: str, _: FieldInfo) -> str:
    return f"`{name}`"


def _variable(name: str, field: FieldInfo) -> str:
    from app.cli.settings_flags import is_secret

    return f"`SWARMD_{name.upper()}`{'*' if is_secret(name, field) else ''}"


def _default(value: Any) -> str:
    if value is None or value in ({}, (), ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _value(schema: Mapping[str, Any]) -> str:
    """Return in words what may be given, of a JSON Schema as pydantic writes it."""
    if "anyOf" in schema:
        # A decimal number may be written as text too, which need not be said.
        types = {one.get("type") for one in schema["anyOf"]}
        unsaid = {"null", "string"} if "number" in types else {"null"}
        return " or ".join(_value(one) for one in schema["anyOf"] if one.get("type") not in unsaid)
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "$ref" in schema:
        return "a table, see below"
    match schema.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return " ".join(["a whole number" if kind == "integer" else "a number", *_bounds(schema)])
        case "array":
            return "a list"
        case "object":
            inner = [schema.get("additionalProperties", {}), *schema.get("patternProperties", {}).values()]
            return "tables, see below" if any("$ref" in one for one in inner) else "a table"
        case _:
            return {"path": "a path", "password": "a secret"}.get(schema.get("format", ""), "text")


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to")):
        if key in schema:
            yield f"{word} {schema[key]:,.10g}"
