"""The adapter: compiled schemas by their content, and the check of an answer from text to verdict."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Any

import orjson

from app.outputs.assertions import identity
from app.outputs.compiler import compile_schema
from app.outputs.document import MAX_SCHEMA_BYTES, encode
from app.outputs.evaluation import Found, Node, TooCostly, Walk
from app.outputs.reading import MAX_ANSWER_BYTES, NotJson, Unkept, candidates, strict
from app.outputs.repair import mend
from app.ports.output_schemas import MAX_ERRORS, Checked, Mismatch, OutputSchema
from app.ports.provider import JsonObject

_KEPT_BYTES = 4 * MAX_SCHEMA_BYTES
"""JSON of the schemas that are kept compiled; compiled they take 30 to 50 times as much, 260 times at worst."""


class JsonSchemas:
    """Compiles schemas; the most recently used stay compiled. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[CompiledSchema, int]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def compile(self, schema: JsonObject | bool) -> OutputSchema:
        encoded = encode(schema)
        key = hashlib.sha256(encoded).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        own = orjson.loads(orjson.dumps(schema))  # the caller's may change; its order is kept, for the errors
        compiled = CompiledSchema(compile_schema(own), takes_text=isinstance(own, dict) and own.get("type") == "string")
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (compiled, len(encoded))
                self._bytes += len(encoded)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return compiled


class CompiledSchema:
    """One schema.

    Args:
        takes_text: the schema says ``"type": "string"`` itself. Then an answer that is a JSON string (bare or fenced)
            stands for that string, and any other answer for itself, without the blanks around it.
    """

    def __init__(self, root: Node, *, takes_text: bool) -> None:
        self._root = root
        self._takes_text = takes_text

    def check(self, answer: str) -> Checked | Mismatch:
        try:
            size = len(answer.encode())
        except UnicodeEncodeError:
            return _mismatch("expected text, got lone surrogates, which no UTF-8 holds")
        if size > MAX_ANSWER_BYTES:
            return _mismatch(f"expected at most {MAX_ANSWER_BYTES} bytes, got {size}")
        try:
            return self._text(answer.strip()) if self._takes_text else self._found(answer.strip(" \t\r\n\ufeff"))
        except TooCostly as exc:
            return _mismatch(str(exc))
        except RecursionError:
            return _mismatch("expected less nesting: this value and this schema are too deep together")

    def _text(self, answer: str) -> Checked | Mismatch:
        value: Any = answer
        for text in (answer, *candidates(answer).whole):
            if text.startswith('"'):
                try:
                    value = strict(text)
                    break
                except NotJson:
                    continue
        return self._verdict(Walk(), value)

    def _found(self, answer: str) -> Checked | Mismatch:
        walk = Walk()
        try:
            return self._verdict(walk, strict(answer))
        except Unkept as exc:
            return _mismatch(str(exc))
        except NotJson as exc:
            fault = str(exc)
        found = candidates(answer)
        values: list[Any] = []
        for text in found.whole:
            try:
                values.append(strict(text))
            except Unkept as exc:
                return _mismatch(str(exc))
            except NotJson:
                continue
        fitting = {identity(value): value for value in values if walk.check(self._root, value)}
        if len(fitting) > 1 or (fitting and found.unfinished is not None):
            return _mismatch("expected one JSON value and nothing else, got several")
        if values:
            return self._verdict(walk, *(fitting.values() or values[-1:]))
        return self._mended(walk, (found.unfinished, *found.whole), fault)

    def _mended(self, walk: Walk, texts: tuple[str | None, ...], fault: str) -> Checked | Mismatch:
        """Read tolerantly what was not JSON: the first of ``texts`` that can be."""
        for text in texts:
            if text is None:
                continue
            try:
                value = mend(text)
            except NotJson:
                continue
            verdict = self._verdict(walk, value, repaired=True)
            if isinstance(verdict, Mismatch):
                return _mismatch(fault, *verdict.errors)
            return verdict
        return _mismatch(fault)

    def _verdict(self, walk: Walk, value: Any, *, repaired: bool = False) -> Checked | Mismatch:
        errors: list[Found] = []
        try:
            if walk.check(self._root, value, "", errors):
                return Checked(value=value, text=orjson.dumps(value).decode(), repaired=repaired)
        except TooCostly:
            if not errors:
                raise
        sentences = dict.fromkeys(error.sentence() for error in errors)
        return Mismatch(errors=tuple(sentences)[:MAX_ERRORS])


def _mismatch(fault: str, *more: str) -> Mismatch:
    return Mismatch(errors=(Found("", fault).sentence(), *more)[:MAX_ERRORS])
