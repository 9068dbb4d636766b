"""Reading an output as a vote: which answer it gives, what other answers it equals, how sure of it it says it is."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from app.domain.values import value

WEIGHT_ONE = 10**12
"""A weight of 1 as counted: weights are counted as integers, to twelve decimals, so that the order in which they are
added changes nothing and 0.1 + 0.2 ties with 0.3."""

UNSTATED_CONFIDENCE = 0.5

_CONFIDENCE_FIELDS = ("confidence", "score")
_MAX_DEPTH = 100
_INT64_DIGITS = 18
_LIST_INDEX = re.compile("[0-9]{1,9}")
_KEY_BYTES = 16


@value()
class Ballot:
    """One vote.

    Attributes:
        key: equal for equal answers, different for different ones.
        answer: what the voter gave, unaltered.
        confidence: 0-1.
    """

    key: bytes
    answer: Any
    confidence: float


@dataclass(frozen=True, slots=True)
class Form:
    """What a vote is read from.

    Attributes:
        field: dot path of the answer; None: the whole output is the answer.
        confidence: whether the output may state its confidence, which is then no part of the answer.
    """

    field: str | None = None
    confidence: bool = False

    def read(self, output: Any) -> Ballot | None:
        """Return the vote that ``output`` is; None is an abstention.

        Answers are equal when they differ only in case, white space, composition of characters or a final full stop
        (text), or in the order of keys and in 1 for 1.0 (JSON; true is not 1). Text that holds a JSON object, fenced or
        not, is read as that object. No answer is: null, blank text, a missing field, an object with nothing but its
        confidence, and what no JSON can hold (a number that is none, half a character, nesting deeper than 100).
        """
        plain = _plain(output)
        confidence, stated_as = _confidence(plain, self.field) if self.confidence else (UNSTATED_CONFIDENCE, None)
        if self.field is not None:
            answer = compared = _at(plain, self.field)
        else:
            answer, compared = output, plain
            if stated_as is not None:
                compared = {name: item for name, item in plain.items() if name != stated_as}
                if not compared:
                    return None
        if compared is None:
            return None
        if isinstance(compared, str):
            compared = _folded(compared)
            if not compared:
                return None
        try:
            digest = hashlib.blake2b(_canonical(compared, 0).encode(), digest_size=_KEY_BYTES).digest()
        except ValueError:
            return None
        return Ballot(digest, answer, confidence)


def counted(weight: float) -> int:
    """Return ``weight`` in units of 1 / ``WEIGHT_ONE``.

    Raises:
        ValueError: it is negative, infinite or no number.
    """
    if not math.isfinite(weight) or weight < 0:
        raise ValueError(f"expected a weight of 0 or more, got {weight!r}")
    return int(weight) * WEIGHT_ONE + round((weight % 1) * WEIGHT_ONE)


def _plain(output: Any) -> Any:
    """Return the JSON object that a text holds, anything else as it is."""
    if not isinstance(output, str):
        return output
    text = output.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3].strip()
    if not (text.startswith("{") and text.endswith("}")):
        return output
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        return output


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _INT64_DIGITS else float(digits)


def _at(found: Any, path: str) -> Any:
    """Return what stands at the dot path, list items by their number from 0; None if there is nothing."""
    for name in path.split("."):
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and _LIST_INDEX.fullmatch(name) and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def _confidence(plain: Any, field: str | None) -> tuple[float, str | None]:
    """Return how sure the output says it is, and the top-level field that says so (None if it is elsewhere).

    What stands beside the answer comes before what stands at the top.
    """
    beside = _at(plain, field.rpartition(".")[0]) if field is not None and "." in field else None
    for place in (beside, plain):
        if isinstance(place, dict):
            for name in _CONFIDENCE_FIELDS:
                stated = place.get(name)
                if isinstance(stated, int | float) and not isinstance(stated, bool):
                    share = min(max(stated, 0), 1)
                    if not math.isnan(share):
                        return float(share), name if place is plain else None
    return UNSTATED_CONFIDENCE, None


def _folded(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFC", text.casefold()).split())
    return folded[:-1].rstrip() if folded.endswith(".") and folded != "." else folded


def _canonical(item: Any, depth: int) -> str:
    """Return one text for all JSON that is equal."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    if isinstance(item, dict):
        pairs = (f"{json.dumps(name, ensure_ascii=False)}:{_canonical(item[name], depth + 1)}" for name in sorted(item))
        return f"{{{','.join(pairs)}}}"
    if isinstance(item, list):
        return f"[{','.join(_canonical(inner, depth + 1) for inner in item)}]"
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    return json.dumps(item, ensure_ascii=False, allow_nan=False)
