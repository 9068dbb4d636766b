"""Facts of inline XBRL: the tagged values of an annual report, by context and period."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.domain.markup import OPEN, TEXT, unescaped

_FACT_NAME = re.compile(r"""\bname=["']([\w:.-]{1,100})["']""")
_CONTEXT = re.compile(r"""\bcontextref=["']([^"']{1,100})["']""", re.IGNORECASE)
_SCALE = re.compile(r"""\bscale=["'](-?\d{1,2})["']""")
_CONTEXT_ID = re.compile(r"""\bid=["']([^"']{1,100})["']""")
_MAX_FACT = 200


@dataclass(frozen=True, slots=True)
class Fact:
    """One tagged value of an inline XBRL filing; its number is ``text`` times ten to the ``scale``."""

    name: str
    context: str
    text: str
    scale: int


class FactCollector:
    """Takes the tokens of a document one by one and keeps the tagged values, those in the hidden header included.

    ``segmented`` are the contexts that speak of a part of the company, ``periods`` the end of each context and, under
    ``<context>:start``, its beginning.
    """

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.segmented: set[str] = set()
        self.periods: dict[str, str] = {}
        self._context = ""
        self._fact: tuple[str, str, int] | None = None
        self._period = ""

    def token(self, kind: str, value: str, attributes: str) -> None:
        """Take the next token of ``markup.tokens``."""
        if kind == OPEN and ":" in value:
            self._tag(value, attributes)
        else:
            self._follow(value if kind == TEXT else "")

    def _tag(self, name: str, attributes: str) -> None:
        """The header of a filing is not shown, but says which facts are of the whole company and of which period."""
        self._fact, self._period = None, ""
        local = name.partition(":")[2]
        if local == "context":
            found = _CONTEXT_ID.search(attributes)
            self._context = found.group(1) if found else ""
        elif local in {"segment", "explicitmember", "typedmember"}:
            self.segmented.add(self._context)
        elif local in {"enddate", "instant", "startdate"} and self._context:
            self._period = f"{self._context}:start" if local == "startdate" else self._context
        else:
            tagged, context = _FACT_NAME.search(attributes), _CONTEXT.search(attributes)
            if tagged is not None and context is not None:
                scale = _SCALE.search(attributes)
                self._fact = tagged.group(1), context.group(1), int(scale.group(1)) if scale else 0

    def _follow(self, text: str) -> None:
        """Take the text right after the tag; "" where there is another tag instead."""
        if self._fact is not None:
            value = unescaped(text).strip()
            if value:
                name, context, scale = self._fact
                self.facts.append(Fact(name, context, value[:_MAX_FACT], scale))
        elif self._period:
            self.periods[self._period] = text.strip()[:10]
        self._fact, self._period = None, ""
