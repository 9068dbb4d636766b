"""From a schema document to the nodes that an answer is walked through."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from typing import Any

from app.outputs import applicators, assertions
from app.outputs.document import DIALECT, Document, refuse_malformed
from app.outputs.evaluation import Check, Found, Matches, Node, Walk
from app.outputs.wording import escape, shortened, shown
from app.ports.output_schemas import InvalidSchema

MAX_CHAIN = 64
"""Subschemas that follow each other on the same value; a recursion that goes no deeper into the value has no end."""

MAX_PATTERNS = 100
MAX_SUBSCHEMAS = 20_000

_ABOVE: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("of at least", operator.ge),
    "maximum": ("of at most", operator.le),
    "exclusiveMinimum": ("above", operator.gt),
    "exclusiveMaximum": ("below", operator.lt),
}
_COUNTS: tuple[tuple[type, str, str, str], ...] = (
    (str, "characters", "minLength", "maxLength"),
    (list, "items", "minItems", "maxItems"),
    (dict, "keys", "minProperties", "maxProperties"),
)
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs")
_SINGLE = (
    "not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)  # fmt: skip


def compile_schema(root: Any) -> Node:
    """Return the node of the whole schema, which has been through ``document.encode``.

    Raises:
        InvalidSchema: see the port.
    """
    _refuse_dialects(root, "")
    refuse_malformed(root, "")
    return _Compiler(root).compile()


def _refuse_dialects(schema: Any, pointer: str) -> None:
    """Before anything else reads the schema: what it names is never looked up."""
    given = schema.get("$schema", DIALECT) if isinstance(schema, dict) else DIALECT
    if not isinstance(given, str) or given.removesuffix("#") != DIALECT:
        raise InvalidSchema(f"{pointer}/$schema", f"expected {DIALECT} or nothing, got {shown(given)}")


class _Compiler:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._document = Document(root)
        self._nodes: dict[str, Node] = {}
        self._pending: deque[tuple[Node, dict[str, Any]]] = deque()
        self._patterns: dict[str, Matches] = {}

    def compile(self) -> Node:
        self._find_anchors(self._root, "")
        node = self._node(self._root, "")
        # References are followed from this list and not by recursion: a chain of them may be long.
        while self._pending:
            pending, schema = self._pending.popleft()
            pending.checks = tuple(self._checks(pending, schema))
        _refuse_endless(self._nodes.values())
        return node

    def _find_anchors(self, schema: Any, pointer: str) -> None:
        """Look at every subschema, used or not: for anchors, and for what is refused wherever it stands."""
        if not isinstance(schema, dict):
            return
        if pointer and "$id" in schema:
            raise InvalidSchema(f"{pointer}/$id", "only the whole schema may have an $id")
        if pointer:
            _refuse_dialects(schema, pointer)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if keyword in schema:
                self._document.add_anchor(schema[keyword], pointer, schema)
        for keyword, argument in schema.items():
            below = f"{pointer}/{escape(keyword)}"
            if keyword in _SINGLE:
                self._find_anchors(argument, below)
            elif keyword in _LISTS and isinstance(argument, list):
                for index, part in enumerate(argument):
                    self._find_anchors(part, f"{below}/{index}")
            elif keyword in _MAPS and isinstance(argument, dict):
                for name, part in argument.items():
                    self._find_anchors(part, f"{below}/{escape(name)}")
        self._node(schema, pointer)

    def _new(self, schema: Any, pointer: str) -> Node:
        if len(self._nodes) >= MAX_SUBSCHEMAS:
            raise InvalidSchema("", f"more than {MAX_SUBSCHEMAS} subschemas")
        node = Node(number=len(self._nodes), pointer=pointer or "the whole schema")
        if isinstance(schema, dict):
            self._pending.append((node, schema))
        elif schema is False:
            node.checks = (_never,)
        return node

    def _node(self, schema: Any, pointer: str) -> Node:
        node = self._nodes.get(pointer)
        if node is None:
            node = self._nodes[pointer] = self._new(schema, pointer)
        return node

    def _referred(self, node_pointer: str, keyword: str, reference: str) -> Node:
        pointer, schema = self._document.target(reference, f"{node_pointer}/{keyword}")
        if pointer not in self._nodes and isinstance(schema, dict):
            # Not in a place of schemas (legacy "definitions", say), so the meta-schema has not seen it yet.
            refuse_malformed(schema, pointer)
            self._find_anchors(schema, pointer)
        return self._node(schema, pointer)

    def _checks(self, node: Node, schema: dict[str, Any]) -> list[Check]:
        at = "" if node.pointer == "the whole schema" else node.pointer
        return [*self._assertions(schema, at), *self._inplace(node, schema, at), *self._members(node, schema, at)]

    def _assertions(self, schema: dict[str, Any], at: str) -> list[Check]:
        checks: list[Check] = []
        if "type" in schema:
            checks.append(assertions.kind_check(schema["type"]))
        if "const" in schema:
            checks.append(assertions.choice_check([schema["const"]]))
        if "enum" in schema:
            checks.append(assertions.choice_check(schema["enum"]))
        for keyword, (wanted, within) in _ABOVE.items():
            if keyword in schema:
                checks.append(assertions.bound_check(wanted, within, schema[keyword]))
        if "multipleOf" in schema:
            checks.append(assertions.multiple_check(schema["multipleOf"]))
        for kind, unit, least, most in _COUNTS:
            if least in schema or most in schema:
                checks.append(assertions.count_check(kind, unit, schema.get(least), schema.get(most)))
        if "pattern" in schema:
            pattern = schema["pattern"]
            checks.append(assertions.pattern_check(pattern, self._matcher(pattern, f"{at}/pattern")))
        if "required" in schema:
            checks.append(assertions.required_check(schema["required"]))
        if "dependentRequired" in schema:
            checks.append(assertions.needed_check(schema["dependentRequired"]))
        if "uniqueItems" in schema:
            checks.append(assertions.unique_check(schema["uniqueItems"]))
        return checks

    def _matcher(self, pattern: str, pointer: str) -> Matches:
        known = self._patterns.get(pattern)
        if known is None:
            if len(self._patterns) >= MAX_PATTERNS:
                raise InvalidSchema(shortened(pointer, 200), f"more than {MAX_PATTERNS} different patterns")
            known = self._patterns[pattern] = assertions.matcher(pattern, shortened(pointer, 200))
        return known

    def _inplace(self, node: Node, schema: dict[str, Any], at: str) -> list[Check]:
        checks: list[Check] = []
        parts = node.inplace
        for keyword in ("$ref", "$dynamicRef"):
            # One document is one resource: the outermost dynamic anchor is the one that is named.
            if keyword in schema:
                parts[keyword] = [self._referred(at, keyword, schema[keyword])]
                checks.append(applicators.every_check(parts[keyword]))
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword in schema:
                parts[keyword] = [self._node(part, f"{at}/{keyword}/{i}") for i, part in enumerate(schema[keyword])]
        builders = {"allOf": applicators.every_check, "anyOf": applicators.any_check, "oneOf": applicators.one_check}
        checks.extend(build(parts[keyword]) for keyword, build in builders.items() if keyword in parts)
        for keyword in ("not", "if", "then", "else"):
            if keyword in schema and (keyword in ("not", "if") or "if" in schema):
                parts[keyword] = [self._node(schema[keyword], f"{at}/{keyword}")]
        if "not" in parts:
            checks.append(applicators.not_check(parts["not"][0]))
        if "if" in parts:
            branches = [parts[keyword][0] if keyword in parts else None for keyword in ("then", "else")]
            checks.append(applicators.if_check(parts["if"][0], *branches))
        if "dependentSchemas" in schema:
            node.dependent = self._map(schema, "dependentSchemas", at)
            checks.append(applicators.dependent_check(node.dependent))
        return checks

    def _map(self, schema: dict[str, Any], keyword: str, at: str) -> dict[str, Node]:
        return {key: self._node(part, f"{at}/{keyword}/{escape(key)}") for key, part in schema.get(keyword, {}).items()}

    def _single(self, schema: dict[str, Any], keyword: str, at: str) -> Node | None:
        return self._node(schema[keyword], f"{at}/{keyword}") if keyword in schema else None

    def _members(self, node: Node, schema: dict[str, Any], at: str) -> list[Check]:
        checks: list[Check] = []
        if schema.keys() & {"properties", "patternProperties", "additionalProperties"}:
            properties, additional = self._map(schema, "properties", at), schema.get("additionalProperties")
            patterned = self._map(schema, "patternProperties", at)
            patterns = [(self._matcher(key, f"{at}/patternProperties"), part) for key, part in patterned.items()]
            node.names, node.patterns = frozenset(properties), tuple(matches for matches, _ in patterns)
            if additional is not None:
                node.others.add(dict)
            rest = self._single(schema, "additionalProperties", at)
            checks.append(applicators.members_check(properties, patterns, rest, additional is False))
        if "propertyNames" in schema:
            checks.append(applicators.names_check(self._node(schema["propertyNames"], f"{at}/propertyNames")))
        if "items" in schema or "prefixItems" in schema:
            given = enumerate(schema.get("prefixItems", ()))
            prefix = [self._node(part, f"{at}/prefixItems/{index}") for index, part in given]
            node.prefix = len(prefix)
            if "items" in schema:
                node.others.add(list)
            checks.append(applicators.items_check(prefix, self._single(schema, "items", at)))
        node.contains = self._single(schema, "contains", at)
        if node.contains is not None:
            bounds = schema.get("minContains", 1), schema.get("maxContains")
            checks.append(applicators.contains_check(node.contains, *bounds))
        unevaluated: dict[str, type[dict[str, Any]] | type[list[Any]]]
        unevaluated = {"unevaluatedProperties": dict, "unevaluatedItems": list}
        for keyword, kind in unevaluated.items():
            rest = self._single(schema, keyword, at)
            if rest is not None:
                node.unevaluated.add(kind)
                checks.append(applicators.unevaluated_check(node, rest, kind))
        return checks


def _never(_: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
    """The schema ``false``."""
    if out is not None:
        out.append(Found(at, f"nothing is expected here, got {shown(value)}"))
    return False


def _refuse_endless(nodes: Any) -> None:
    """Refuse chains of subschemas on the same value that have no end, or too far a one."""
    longest: dict[int, int] = {}
    for start in nodes:
        path, open_nodes = [(start, iter(_next(start)))], {start.number}
        while path and start.number not in longest:
            node, following = path[-1]
            step = next((each for each in following if each.number not in longest), None)
            if step is None:
                path.pop()
                open_nodes.discard(node.number)
                longest[node.number] = 1 + max((longest[each.number] for each in _next(node)), default=0)
                if longest[node.number] > MAX_CHAIN:
                    reason = f"more than {MAX_CHAIN} subschemas in a chain on the same value"
                    raise InvalidSchema(shortened(node.pointer, 200), reason)
            elif step.number in open_nodes:
                reason = f"comes back to {shortened(step.pointer, 100)} on the same value, without end"
                raise InvalidSchema(shortened(node.pointer, 200), reason)
            else:
                open_nodes.add(step.number)
                path.append((step, iter(_next(step))))


def _next(node: Node) -> list[Node]:
    return [*(part for parts in node.inplace.values() for part in parts), *node.dependent.values()]
