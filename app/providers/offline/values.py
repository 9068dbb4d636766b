"""Values for the fields of a JSON answer, taken from the content of the request by the name of the field."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from app.providers.offline.documents import read_document
from app.providers.offline.facts import Facts
from app.providers.offline.lines import subtasks, without_label
from app.providers.offline.summary import digest
from app.providers.offline.text import figures, sentence_case, shorten, slug, squeeze, terms, word_set, words

ROLE_WORDS = {
    "researcher": "research find search collect gather look investigate read explore survey list identify",
    "analyzer": "analyze analyse analysis compare evaluate measure compute calculate assess estimate examine rank",
    "coder": "code implement program function script fix refactor build develop",
    "reviewer": "review audit inspect critique proofread",
    "validator": "verify validate test check confirm",
    "synthesizer": "merge summarize summarise combine synthesize report write conclude recommend aggregate final draft",
}

_URL = re.compile(r"https?://[^\s<>\"')\]]{3,500}")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_PATH = re.compile(r"(?<![\w/:])(?:[\w.-]{1,60}/){0,8}[\w-]{1,60}\.[A-Za-z]{1,5}\b")
_NUMBERING = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*+])\s+")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")

_LINE_FIELDS = word_set("prompt task goal instruction instructions subtask objective question step action")
_NAME_FIELDS = word_set("title name heading subject topic label headline")
_ID_FIELDS = word_set("id task_id key slug identifier ref")
_EFFORT_FIELDS = word_set("complexity difficulty effort priority weight size hours minutes")
_RATIO_FIELDS = word_set("confidence probability likelihood ratio share relevance agreement")


@dataclass(frozen=True)
class Content:
    """What the values are taken from: the request's own words and the text it brings along."""

    prompt: str
    text: str

    @cached_property
    def facts(self) -> Facts:
        """What the text says on matters that fields are named after."""
        return Facts(self.text)

    @cached_property
    def lines(self) -> list[str]:
        """The lines that lists are made of; at least one."""
        if self.facts.documents:
            return self.facts.documents
        return subtasks(self.prompt) or [shorten(self.prompt or self.text, 200) or "No text was given"]

    @cached_property
    def sentences(self) -> list[str]:
        found = digest(read_document(self.text), 6).best if self.text else []
        return found or [shorten(self.text or self.prompt, 400) or "No text was given."]

    @cached_property
    def title(self) -> str:
        title = read_document(self.text[:200_000]).title if self.text else ""
        first_line = without_label(self.prompt).partition("\n")[0]
        words_of_title = self.text[:400] or _NUMBERING.sub("", first_line[:400])
        return title or shorten(sentence_case(squeeze(words_of_title)), 80).rstrip(".:") or "Untitled"

    @cached_property
    def keywords(self) -> list[str]:
        seen = dict.fromkeys(terms((self.prompt + " " + self.text)[:20_000]))
        return list(seen)[:40] or ["text"]

    @cached_property
    def all_words(self) -> frozenset[str]:
        return frozenset(words((self.prompt + " " + self.text)[:50_000]))

    def line(self, index: int | None) -> str:
        """The line that item ``index`` of a list is about."""
        return self.lines[(index or 0) % len(self.lines)]

    def about(self, index: int | None) -> str:
        """The text that a value is about: a line inside of lists, else everything."""
        return self.prompt + "\n" + self.text if index is None else self.line(index)


def role_of(line: str) -> str:
    """The role that suits a line of work, by its first telling word."""
    for word in words(line):
        for role, role_words in ROLE_WORDS.items():
            if word in role_words.split():
                return role
    return "researcher"


def text_value(name: str, content: Content, index: int | None) -> str:
    """A text for the field ``name``; ``index`` is the place in the list it lies in, None outside of lists."""
    field = name.lower().replace("-", "_")
    last = field.rpartition("_")[2]
    fact = content.facts.text_of(name, index)
    if fact is not None:
        return fact
    if field in _ID_FIELDS or field.endswith("_id"):
        return f"t{(index or 0) + 1}"
    if "url" in field or last in {"link", "uri", "href"}:
        found = _URL.search(content.about(index)) or _URL.search(content.about(None))
        return found.group() if found else "https://example.com/"
    if "email" in field:
        found = _EMAIL.search(content.about(None))
        return found.group() if found else "nobody@example.com"
    if last in {"date", "day", "deadline"}:
        return date_value(content)
    if last in {"path", "file", "filename"}:
        found = _PATH.search(content.about(index)) or _PATH.search(content.about(None))
        return found.group() if found else f"{slug(content.about(index))}.txt"
    if last in {"role", "agent", "specialist"}:
        return role_of(content.line(index))
    if index is not None:
        return shorten(content.line(index), 80) if last in _NAME_FIELDS else content.line(index)
    if last in _NAME_FIELDS:
        return shorten(content.title, 80)
    if last in _LINE_FIELDS:
        return shorten(content.prompt or content.title, 400)
    if last in {"query", "search", "keywords", "tags"}:
        return " ".join(content.keywords[:6])
    return " ".join(content.sentences[:3])


def item_texts(name: str, content: Content) -> list[str]:
    """A list of texts for the field ``name``, one for each line of the request."""
    last = name.lower().rpartition("_")[2]
    if found := content.facts.items_of(name):
        return found
    if last in {"keywords", "tags", "terms"}:
        # One a line, so that it runs parallel to the other lists; without lines the request's own.
        own = [next(iter(terms(line)), line) for line in content.lines]
        return own if len(own) > 1 else content.keywords[:8]
    if last in {"roles", "agents", "specialists", "experts"}:
        return _numbered_apart([role_of(line) for line in content.lines])
    if last == "ids":
        return [f"t{index + 1}" for index in range(len(content.lines))]
    return list(content.lines)


def _numbered_apart(names: Sequence[str]) -> list[str]:
    """``names`` with a number behind those that came before, so that each names one thing."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return result


def date_value(content: Content) -> str:
    """The first ISO date of the content; the first day of the Unix epoch when there is none."""
    for found in _DATE.finditer(content.about(None)[:200_000]):
        try:
            return date.fromisoformat(found.group()).isoformat()
        except ValueError:
            continue
    return "1970-01-01"


def rating(name: str, content: Content, index: int | None) -> float:
    """A share of a scale, 0 to 1: effort grows with the length of a line, any other with how much there is to it."""
    about = content.about(index)[:50_000]
    if name.lower().rpartition("_")[2] in _EFFORT_FIELDS:
        return min(0.9, 0.2 + len(about.split()) / 60)
    return min(1.0, 0.55 + 0.05 * math.log2(1 + len(set(terms(about)))))


def number_value(name: str, content: Content, index: int | None, low: float | None, high: float | None) -> float:
    """A number for the field ``name``: on its scale where it has one, else one that the content names, else a count."""
    field = name.lower()
    fact = content.facts.number_of(name, index)
    if fact is not None and (low is None or fact >= low) and (high is None or fact <= high):
        return fact
    if field.rpartition("_")[2] in _RATIO_FIELDS and low is None and high is None:
        low, high = 0.0, 1.0
    if low is None and high is None and ("score" in field or "rating" in field or field in _EFFORT_FIELDS):
        low, high = 1.0, 10.0
    if low is not None and high is not None:
        return low + (high - low) * rating(name, content, index)
    if field.endswith(("count", "total", "items", "lines")) or index is None:
        value = float(len(content.lines))
    else:
        found = _NUMBER.search(content.line(index))
        value = float(found.group().replace(",", "")[:15]) if found else float(index + 1)
    return min(max(value, low if low is not None else value), high if high is not None else value)


def choice_value(options: Sequence[object], name: str, content: Content, index: int | None) -> object:
    """The option whose words the content uses; else the one that suits as a role; else one by rating."""
    about = frozenset(words(content.about(index)[:50_000]))
    for option in options:
        if isinstance(option, str) and option and set(words(option.replace("_", " "))) <= about and words(option):
            return option
    if index is not None or "role" in name.lower():
        role = role_of(content.line(index))
        if role in options:
            return role
    texts = [option for option in options if option is not None] or list(options)
    return texts[min(len(texts) - 1, int(rating(name, content, index) * len(texts)))] if len(texts) > 2 else texts[0]


def boolean_value(name: str, content: Content) -> bool:
    """Whether the content speaks of what the field is called after."""
    asked = [word for word in words(name.replace("_", " ")) if word not in {"is", "has", "should", "can", "are"}]
    return any(word in content.all_words for word in asked) or bool(content.text)


def figure_values(content: Content) -> list[str]:
    """The figures that the content names, as written."""
    return list(dict.fromkeys(figures(content.about(None)[:100_000])))[:20]
