"""A schema as a document: its limits, and what the references within it point at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import orjson

from app.outputs.wording import escape, shortened
from app.ports.output_schemas import InvalidSchema

MAX_SCHEMA_BYTES = 256 * 1024
MAX_SCHEMA_DEPTH = 64
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_META = jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, offline=True)


def encode(schema: Any) -> bytes:
    """Return ``schema`` as JSON with sorted keys.

    Raises:
        InvalidSchema: no object or boolean, too deep, too large, or not JSON.
    """
    if not isinstance(schema, (dict, bool)):
        raise InvalidSchema("", f"expected an object or a boolean, got {type(schema).__name__}")
    _refuse_deep(schema)
    try:
        encoded = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except TypeError as exc:
        raise InvalidSchema("", f"not JSON: {exc}") from exc
    if len(encoded) > MAX_SCHEMA_BYTES:
        raise InvalidSchema("", f"{len(encoded)} bytes of JSON; at most {MAX_SCHEMA_BYTES} are taken")
    return encoded


def refuse_malformed(schema: Any, pointer: str) -> None:
    """Hold a schema against the meta-schema of 2020-12.

    Raises:
        InvalidSchema: with the pointer to what is wrong; ``pointer`` is where ``schema`` itself stands.
    """
    for error in islice(_META.iter_errors(schema), 1):
        path = "".join(f"/{escape(str(part))}" for part in error.instance_path)
        said = "expected one of the seven types, or a list of them" if path.endswith("/type") else error.message
        raise InvalidSchema(shortened(pointer + path, 200), shortened(said, 200))


def _refuse_deep(schema: Any) -> None:
    """Iterative: what comes from a parser may be nested deeper than Python's stack holds."""
    levels: list[Iterator[tuple[Any, Any]]] = [iter([("", schema)])]
    path: list[str] = []
    while levels:
        step = next(levels[-1], None)
        if step is None:
            levels.pop()
            del path[-1:]
            continue
        key, value = step
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidSchema(_pointer([*path[1:], str(key)]), "not a number of JSON")
        if isinstance(value, (dict, list)):
            if len(levels) > MAX_SCHEMA_DEPTH:
                raise InvalidSchema(_pointer(path[1:4]), f"nested more than {MAX_SCHEMA_DEPTH} levels deep")
            levels.append(iter(value.items() if isinstance(value, dict) else enumerate(value)))
            path.append(str(key))


def _pointer(parts: Iterable[str]) -> str:
    return shortened("".join(f"/{escape(part)}" for part in parts), 200)


class Document:
    """Finds what a reference names; only within the schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        given = root.get("$id") if isinstance(root, dict) else None
        self._base = given.rstrip("#") if isinstance(given, str) else ""
        self._anchors: dict[str, tuple[str, Any]] = {}

    def add_anchor(self, name: str, pointer: str, schema: Any) -> None:
        if name in self._anchors and self._anchors[name][0] != pointer:
            raise InvalidSchema(pointer, f"a second anchor {shortened(name, 60)!r}")
        self._anchors[name] = (pointer, schema)

    def target(self, reference: str, pointer: str) -> tuple[str, Any]:
        """Return the pointer and the schema that ``reference``, found at ``pointer``, names.

        Raises:
            InvalidSchema: another document, or nothing there.
        """
        base, _, fragment = reference.partition("#")
        shown = shortened(reference, 100)
        if base not in ("", self._base):
            raise InvalidSchema(pointer, f"{shown!r} is another document; references stay within the schema")
        fragment = unquote(fragment)
        if not fragment:
            return "", self._root
        if not fragment.startswith("/"):
            if fragment not in self._anchors:
                raise InvalidSchema(pointer, f"{shown!r}: the schema has no such anchor")
            return self._anchors[fragment]
        at = self._root
        parts = [part.replace("~1", "/").replace("~0", "~") for part in fragment[1:].split("/")]
        for part in parts:
            if isinstance(at, dict) and part in at:
                at = at[part]
            elif isinstance(at, list) and part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(at):
                at = at[int(part)]
            else:
                raise InvalidSchema(pointer, f"{shown!r}: nothing is there")
        if not isinstance(at, (dict, bool)):
            raise InvalidSchema(pointer, f"{shown!r} names no schema")
        return "".join(f"/{escape(part)}" for part in parts), at
