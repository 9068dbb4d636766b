"""Extractive summaries: the sentences of a document that carry most of its frequent terms, names and figures.

The scoring is the classic one (Luhn 1958; Edmundson 1969): term frequency, position, cue words, numbers; then a greedy
choice that does not say the same thing twice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.providers.offline.documents import Document
from app.providers.offline.text import PORTION, figures, is_term, portions, sentences, word_set, words

MAX_CANDIDATES = 6000
"""Sentences that are scored; enough for a book, and bounds the cost of megabytes."""

_BOILERPLATE = word_set("incorporated herein exhibit item items pursuant appendix copyright references")

_CUES = word_set(
    """conclusion conclude concluded propose proposes proposed proposal recommend recommends recommended result results
    show shows found finding findings important significant significantly decided decision rejected accepted increased
    decreased goal purpose therefore summary introduces specifies describes allows requires must"""
)


@dataclass(slots=True)
class Digest:
    """Counts of a document and its best sentences in their order of appearance."""

    words: int
    sentences: int
    terms: Counter[str]
    best: list[str]
    figures: list[str]


def digest(document: Document, count: int) -> Digest:
    """Count and score ``document``; keep its ``count`` best sentences."""
    frequency: Counter[str] = Counter()
    total_words = total_sentences = 0
    candidates: list[tuple[int, str]] = []
    for place, paragraph in enumerate(document.paragraphs):
        for portion in portions(paragraph) if len(paragraph) > PORTION else (paragraph,):
            found = words(portion)
            total_words += len(found)
            frequency.update(word for word in found if is_term(word))
            for sentence in sentences(portion):
                total_sentences += 1
                if len(candidates) < MAX_CANDIDATES and _is_prose(sentence):
                    candidates.append((place, sentence))
    topic = Counter(word for line in [document.title, *document.headings[:40]] for word in words(line) if is_term(word))
    best = _best(candidates, frequency, topic, len(document.paragraphs), count)
    seen = dict.fromkeys(figure for sentence in best for figure in figures(sentence))
    return Digest(total_words, total_sentences, frequency, best, list(seen))


def best_sentences(text_sentences: Sequence[str], count: int) -> list[str]:
    """The ``count`` best of some sentences, in their order."""
    frequency = Counter(word for sentence in text_sentences for word in words(sentence) if is_term(word))
    candidates = [(place, sentence) for place, sentence in enumerate(text_sentences) if sentence]
    return _best(candidates, frequency, Counter(), len(text_sentences), count)


def _is_prose(sentence: str) -> bool:
    """Long enough to say something, short enough to quote, made of words rather than of table cells."""
    if not 30 <= len(sentence) <= 500 or sentence.count("|") > 1:
        return False
    if "{" in sentence or " = " in sentence or sentence.startswith(("See ", "(See ", "Refer to")):
        return False
    letters = sum(map(str.isalpha, sentence))
    return letters >= 0.6 * len(sentence) and sentence.count(" ") >= 4 and sentence[-1] in ".!?\"')”。！？"  # noqa: RUF001


def _best(
    candidates: Sequence[tuple[int, str]], frequency: Counter[str], topic: Counter[str], paragraphs: int, count: int
) -> list[str]:
    scored: list[tuple[float, int, str, frozenset[str]]] = []
    for order, (place, sentence) in enumerate(candidates):
        found = words(sentence)
        distinct = frozenset(word for word in found if is_term(word))
        if not distinct:
            continue
        weight = sum(math.log1p(frequency[word]) + (1.5 if word in topic else 0.0) for word in distinct)
        score = weight / (6 + len(found)) ** 0.75
        score *= 1.0 + 0.8 / (1 + 8 * place / max(paragraphs, 1)) + (0.25 if order < 3 else 0.0)
        score *= 1.0 + min(0.24, 0.08 * len(figures(sentence))) + (0.2 if distinct & _CUES else 0.0)
        score *= 0.4 if distinct & _BOILERPLATE else 1.0
        score *= min(1.0, 260 / len(sentence)) ** 0.5
        scored.append((score, order, sentence, distinct))
    scored.sort(key=lambda entry: (-entry[0], entry[1]))
    chosen: list[tuple[int, str, frozenset[str]]] = []
    for _, order, sentence, distinct in scored:
        if len(chosen) >= count:
            break
        if all(len(distinct & other) < 0.6 * min(len(distinct), len(other)) for _, _, other in chosen):
            chosen.append((order, sentence, distinct))
    return [sentence for _, sentence, _ in sorted(chosen, key=lambda entry: entry[0])]
