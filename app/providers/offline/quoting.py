"""Answers to plain questions: sentences of the conversation that speak of what is asked, or that there are none.

There is no knowledge here beyond the request, and the answer must not look as if there were.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.providers.offline.reading import Question, content_text
from app.providers.offline.summary import best_sentences
from app.providers.offline.text import sentences, shorten, terms, words

READ_CHARACTERS = 100_000
QUOTED_SENTENCES = 3


def quoted_answer(question: Question) -> str:
    """What the conversation itself says about the newest user message."""
    prompt = question.prompt or _told_task(question.task)
    said = sentences(prompt[:READ_CHARACTERS])
    if not said:
        return "The request holds no text to work on."
    asked = [sentence for sentence in said if sentence.endswith("?")] or said[-1:]
    context = [sentence for sentence in said if sentence not in asked] + _earlier_sentences(question)
    wanted = set(terms(" ".join(asked)))
    found = [(len(wanted & set(words(sentence))), sentence) for sentence in context]
    # Half of the words of a question in one sentence is as close as quoting gets to an answer.
    best = [
        sentence
        for shared, sentence in sorted(found, key=lambda pair: -pair[0])
        if wanted and 2 * shared >= len(wanted)
    ]
    if best:
        return " ".join(best[:QUOTED_SENTENCES])
    if asked[-1].endswith("?"):
        keywords = ", ".join(list(dict.fromkeys(terms(" ".join(asked))))[:8])
        told = f" It is about: {keywords}." if keywords else ""
        return f"Nothing in the request answers this: {shorten(asked[-1], 300)}{told}"
    return " ".join(best_sentences(said, QUOTED_SENTENCES)) or shorten(prompt, 400)


def _earlier_sentences(question: Question) -> list[str]:
    texts = [
        content_text(message.get("content"))[:READ_CHARACTERS]
        for message in question.messages
        if message.get("role") in {"system", "developer", "user", "assistant"}
    ]
    return [sentence for text in texts if text != question.user_text for sentence in sentences(text)][:2000]


def _told_task(task: Mapping[str, object] | None) -> str:
    """The plain fields of a task that has no prompt, as sentences."""
    if not task:
        return ""
    hidden = {"id", "task_id", "swarm_id", "role", "priority"}
    parts = [f"{key}: {shorten(str(value), 300)}." for key, value in task.items() if key not in hidden and value]
    return " ".join(parts)
