"""Keywords that look at a value alone: each builder takes the keyword's argument and returns its check."""

from __future__ import annotations

import re
from collections.abc import Callable, Sized
from fractions import Fraction
from time import perf_counter
from typing import Any

import jsonschema_rs

from app.outputs.evaluation import Check, Found, Matches, TooCostly, Walk
from app.outputs.wording import escape, listed, shortened, shown
from app.ports.output_schemas import InvalidSchema

MAX_PATTERN_LENGTH = 1_000
# A match is linear in the text, but a step of it in the size of the compiled pattern too, in the worst case: up to
# 10 us a character at 32 KiB. So what a pattern is matched with is bounded by the class of size it is in.
_SIZES = ((32 * 1024, 65_536), (512 * 1024, 4_096), (2 * 1024 * 1024, 1_024))
"""Bytes of the compiled pattern at most, characters of the text at most."""

_STEPS_PER_S = 3_000_000
_UNTRANSLATED = re.compile(r"\(\?(?:<?[=!])|\\[1-9]|\\k<")

_KINDS: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "number": lambda value: type(value) is int or type(value) is float,
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
}


_BOOLEANS = {True: object(), False: object()}
"""Python calls True equal to 1."""


def is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def kind_check(argument: str | list[str]) -> Check:
    """``type``."""
    kinds = [argument] if isinstance(argument, str) else argument
    tests = tuple(_KINDS[kind] for kind in kinds)
    wanted = f"expected type {' or '.join(kinds)}, got "

    def check(_: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        for test in tests:
            if test(value):
                return True
        if out is not None:
            out.append(Found(at, wanted + shown(value)))
        return False

    return check


def identity(value: Any) -> Any:
    """Return what is equal and hashable for two JSON values exactly where JSON Schema calls them equal (1 is 1.0)."""
    if isinstance(value, dict):
        return frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(identity(item) for item in value)
    return _BOOLEANS[value] if isinstance(value, bool) else value


def size(value: Any) -> int:
    """Return how many values ``value`` is made of."""
    count, left = 0, [value]
    while left:
        at = left.pop()
        count += 1
        if isinstance(at, (dict, list)):
            left.extend(at.values() if isinstance(at, dict) else at)
    return count


def choice_check(options: list[Any]) -> Check:
    """``enum``, and ``const`` as an enumeration of one."""
    accepted = {identity(option) for option in options}
    shapes = {type(option) for option in options}
    wanted = f"expected {listed(options)}" if len(options) == 1 else f"expected one of {listed(options)}"

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is dict or type(value) is list:
            # Only where an option is one too: what is not compared need not be walked.
            if type(value) in shapes:
                walk.spend(size(value))
                if identity(value) in accepted:
                    return True
        elif identity(value) in accepted:
            return True
        if out is not None:
            out.append(Found(at, f"{wanted}, got {shown(value)}"))
        return False

    return check


def bound_check(wanted: str, within: Callable[[Any, Any], bool], limit: float) -> Check:
    """``minimum`` and its like."""

    def check(_: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if not is_number(value) or within(value, limit):
            return True
        if out is not None:
            out.append(Found(at, f"expected a number {wanted} {shown(limit)}, got {shown(value)}"))
        return False

    return check


def multiple_check(step: float) -> Check:
    """``multipleOf``, on the decimals as they are written: 0.3 is a multiple of 0.1."""
    exact = Fraction(repr(step))

    def check(_: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if not is_number(value) or (Fraction(repr(value)) / exact).denominator == 1:
            return True
        if out is not None:
            out.append(Found(at, f"expected a multiple of {shown(step)}, got {shown(value)}"))
        return False

    return check


def count_check(kind: type[Sized], unit: str, least: float | None, most: float | None) -> Check:
    """``minLength`` and ``maxLength`` (in code points), ``minItems``, ``maxProperties``, ...; both ends in one."""

    def check(_: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if not isinstance(value, kind):
            return True
        count = len(value)
        if (least is None or count >= least) and (most is None or count <= most):
            return True
        if out is not None:
            too_few = least is not None and count < least
            wanted = f"at least {shown(least)}" if too_few else f"at most {shown(most)}"
            out.append(Found(at, f"expected {wanted} {unit}, got {count}"))
        return False

    return check


def required_check(names: list[str]) -> Check:
    """``required``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not dict:
            return True
        walk.spend(len(names) // 8)
        valid = True
        for name in names:
            if name not in value:
                valid = False
                if out is None:
                    break
                out.append(Found(f"{at}/{escape(shortened(name, 60))}", "expected, but it is missing"))
        return valid

    return check


def needed_check(needed: dict[str, list[str]]) -> Check:
    """``dependentRequired``."""
    checks = {name: required_check(names) for name, names in needed.items()}

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not dict:
            return True
        walk.spend(len(checks))
        results = [each(walk, value, at, out) for name, each in checks.items() if name in value]
        return all(results)

    return check


def unique_check(wanted: bool) -> Check:
    """``uniqueItems``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if not wanted or type(value) is not list:
            return True
        walk.spend(size(value))
        first: dict[Any, int] = {}
        for index, item in enumerate(value):
            before = first.setdefault(identity(item), index)
            if before != index:
                if out is not None:
                    out.append(Found(f"{at}/{index}", f"expected items that differ, got the same as item {before}"))
                return False
        return True

    return check


def matcher(pattern: str, pointer: str) -> Matches:
    """Return a test whether ``pattern`` is found anywhere in a text, in time linear in it.

    Raises:
        InvalidSchema: too long or large, no regular expression, or one that needs backtracking.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidSchema(pointer, f"a pattern of {len(pattern)} characters; at most {MAX_PATTERN_LENGTH} are taken")
    for size_limit, most in _SIZES:
        options = jsonschema_rs.RegexOptions(size_limit=size_limit)
        try:
            compiled = jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
        except ValueError:
            continue
        return _bounded(compiled.is_valid, most)
    why = "is no regular expression, or too large a one"
    if _UNTRANSLATED.search(pattern):
        why = "looks around or back (lookahead, lookbehind, backreference); patterns are matched in linear time"
    raise InvalidSchema(pointer, f"{shown(pattern)} {why}")


def _bounded(found_in: Callable[[str], bool], most: int) -> Matches:
    def matches(walk: Walk, text: str) -> bool:
        if len(text) > most:
            raise TooCostly(f"expected at most {most} characters where the schema has this pattern, got {len(text)}")
        started = perf_counter()
        found = found_in(text)
        walk.spend(1 + int((perf_counter() - started) * _STEPS_PER_S))
        return found

    return matches


def pattern_check(pattern: str, matches: Matches) -> Check:
    """``pattern``."""

    def check(walk: Walk, value: Any, at: str, out: list[Found] | None) -> bool:
        if type(value) is not str or matches(walk, value):
            return True
        if out is not None:
            out.append(Found(at, f"expected a text that matches {shown(pattern)}, got {shown(value)}"))
        return False

    return check
