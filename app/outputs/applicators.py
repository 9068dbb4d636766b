"""Keywords that hold subschemas against the value itself or against its members."""

from __future__ import annotations

from typing import Any

from app.outputs.evaluation import Check, Found, Matches, Node, Walk
from app.outputs.wording import escape, listed, shortened
from app.ports.output_schemas import MAX_ERRORS

_TOLD_OF_NEAREST = 3


def every_check(nodes: list[Node]) -> Check:
    """``allOf``, ``$ref``, ``$dynamicRef``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        valid = True
        for node in nodes:
            if not walk.check(node, value, at, out):
                valid = False
                if out is None:
                    break
        return valid

    return check


def any_check(nodes: list[Node]) -> Check:
    """``anyOf``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        for node in nodes:
            if walk.check(node, value):
                return True
        if out is not None:
            out.extend(_nearest(walk, nodes, value, at, "anyOf"))
        return False

    return check


def one_check(nodes: list[Node]) -> Check:
    """``oneOf``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        fitting = [index for index, node in enumerate(nodes) if walk.check(node, value)]
        if len(fitting) == 1:
            return True
        if out is not None:
            if fitting:
                out.append(Found(at, f"expected exactly one of oneOf to fit, got {listed(list(fitting))}"))
            else:
                out.extend(_nearest(walk, nodes, value, at, "oneOf"))
        return False

    return check


def _nearest(walk: Walk, nodes: list[Node], value: Any, at: str, keyword: str) -> list[Found]:
    """What the alternative lacks that comes nearest: its first fault lies deepest, then it has the fewest."""
    told: list[list[Found]] = []
    for node in nodes[:MAX_ERRORS]:
        errors: list[Found] = []
        walk.check(node, value, at, errors)
        told.append(errors)
    index = min(range(len(told)), key=lambda each: (not told[each] or told[each][0].pointer == at, len(told[each])))
    head = Found(at, f"expected one of the {len(nodes)} alternatives of {keyword}; number {index} comes nearest")
    return [head, *told[index][:_TOLD_OF_NEAREST]]


def not_check(node: Node) -> Check:
    """``not``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if not walk.check(node, value):
            return True
        if out is not None:
            out.append(Found(at, f"expected what is not valid against {shortened(node.pointer, 80)}, but it is"))
        return False

    return check


def if_check(test: Node, then: Node | None, otherwise: Node | None) -> Check:
    """``if`` with ``then`` and ``else``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        node = then if walk.check(test, value) else otherwise
        return node is None or walk.check(node, value, at, out)

    return check


def dependent_check(nodes: dict[str, Node]) -> Check:
    """``dependentSchemas``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not dict:
            return True
        walk.spend(len(nodes))
        results = [walk.check(node, value, at, out) for name, node in nodes.items() if name in value]
        return all(results)

    return check


def members_check(
    properties: dict[str, Node], patterns: list[tuple[Matches, Node]], additional: Node | None, closed: bool
) -> Check:
    """``properties``, ``patternProperties`` and ``additionalProperties``; ``closed``: the last is false."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not dict:
            return True
        walk.spend(len(value))
        valid = True
        for key, item in value.items():
            nodes = [properties[key]] if key in properties else []
            if patterns:
                nodes += [node for matches, node in patterns if matches(walk, key)]
            if not nodes and closed:
                if out is None:
                    return False
                out.append(Found(_member(at, key), f"not expected; the schema has {listed(list(properties), 8)} only"))
                valid = False
            elif not nodes and additional is not None:
                nodes = [additional]
            for node in nodes:
                if not walk.check(node, item, "" if out is None else _member(at, key), out):
                    valid = False
                    if out is None:
                        return False
        return valid

    return check


def _member(at: str, key: str) -> str:
    return f"{at}/{escape(shortened(key, 60))}"


def names_check(node: Node) -> Check:
    """``propertyNames``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not dict:
            return True
        wrong = [key for key in value if not walk.check(node, key)]
        if wrong and out is not None:
            for key in wrong[:MAX_ERRORS]:
                walk.check(node, key, _member(at, key) + " (the key)", out)
        return not wrong

    return check


def items_check(prefix: list[Node], rest: Node | None) -> Check:
    """``prefixItems`` and ``items``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not list:
            return True
        valid = True
        for index, item in enumerate(value):
            node = prefix[index] if index < len(prefix) else rest
            if node is None:
                break
            if not walk.check(node, item, "" if out is None else f"{at}/{index}", out):
                valid = False
                if out is None:
                    break
        return valid

    return check


def contains_check(node: Node, least: float, most: float | None) -> Check:
    """``contains`` with ``minContains`` and ``maxContains``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not list:
            return True
        count = sum(1 for item in value if walk.check(node, item))
        if count >= least and (most is None or count <= most):
            return True
        if out is not None:
            wanted = f"at least {least}" if count < least else f"at most {most}"
            out.append(Found(at, f"expected {wanted} items valid against {shortened(node.pointer, 80)}, got {count}"))
        return False

    return check


def unevaluated_check(owner: Node, node: Node, kind: type[dict[str, Any]] | type[list[Any]]) -> Check:
    """``unevaluatedProperties`` (``kind`` is dict) and ``unevaluatedItems`` (list)."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if not isinstance(value, kind):
            return True
        covered = walk.covered(owner, value)
        members = value.items() if isinstance(value, dict) else enumerate(value)
        valid = True
        for key, item in members:
            if key in covered or walk.check(node, item):
                continue
            valid = False
            if out is None:
                break
            out.append(Found(_member(at, str(key)), "not expected: no part of the schema describes it"))
        return valid

    return check
