"""What a run may cost, and the most that its next call may cost: integers only, no I/O.

Zero overspend rests on one inequality, checked before each call: what is settled + the worst case of the calls in
flight + that of calls whose bill will never be known + the worst case of the next one <= the cap. A call's worst case
is a true upper bound as long as the provider bills by the price that was configured and honours the cap on the
completion: no tokenizer makes more tokens of a text than it has bytes, and of an image or video as many as its model is
known to make at most (``app.domain.parts``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from app.domain.usage import NANO_USD, Price, usd
from app.domain.values import value

PAUSE, FAIL = "pause", "fail"

DEFAULT_MAX_OUTPUT_TOKENS = 2_048

_OVERHEAD_TOKENS = 128
"""The chat template's own tokens for two messages, and the words around a task in the prompt: well below this."""

_ID_BYTES = 12
"""Bytes that one byte of a task id may become in a prompt: escaped as JSON (6), at most twice."""

_MARKER_BYTES = 64
"""What says that an output was shortened; a short output may be shorter than that."""

_SHORTENED = 2
"""A shortened output is quoted once more, which may double it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard caps of a run; None is no cap.

    Attributes:
        per_agent_tokens: tokens in + out of one sub-agent over all its calls.
        on_exceeded: ``pause`` or ``fail``, once no further call fits and none is in flight.
    """

    max_cost_nano_usd: int | None = None
    max_tokens: int | None = None
    per_agent_tokens: int | None = None
    on_exceeded: str = PAUSE


@value(kw_only=True)
class WorstCase:
    """The most that one call may use; ``cost_nano_usd`` is 0 where the model's price is unknown."""

    prompt_tokens: int
    output_tokens: int
    cost_nano_usd: int

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


def worst_case(
    *,
    shared_bytes: int,
    task_id: str,
    payload: str,
    inputs_bytes: int,
    shortened: bool,
    max_output_tokens: int,
    price: Price | None,
    picture_tokens: int = 0,
) -> WorstCase:
    """Return the most a task's next call may use.

    Args:
        shared_bytes: of the system prompt and the shared context, UTF-8.
        payload: the task's stored JSON text, of which the prompt is made; of a prompt with images the words alone.
        inputs_bytes: JSON bytes of the outputs it is sent, their ids included.
        shortened: whether those may be shortened to a context window.
        picture_tokens: the most that its images and videos are (``parts.measured``).
    """
    inputs = inputs_bytes * _SHORTENED if shortened else inputs_bytes
    own = len(payload.encode()) + _type_bytes(payload) + len(task_id.encode()) * _ID_BYTES
    prompt = shared_bytes + own + inputs + picture_tokens + _OVERHEAD_TOKENS
    cost = 0 if price is None else price.most_nano_usd(prompt, max_output_tokens)
    return WorstCase(prompt_tokens=prompt, output_tokens=max_output_tokens, cost_nano_usd=cost)


def input_bytes(task_id: str, output_bytes: int, *, shortened: bool) -> int:
    """Return the most bytes of JSON that the output of a dependency becomes in a prompt, its id included."""
    return output_bytes + len(task_id.encode()) * 6 + 8 + (_MARKER_BYTES if shortened else 0)


def _type_bytes(payload: str) -> int:
    """A task without a prompt of its own gets one that names its type, escaped as Python does (10 for 2 bytes)."""
    if payload.startswith('{"prompt":"') and not payload.startswith('{"prompt":""'):
        return 0
    kind = json.loads(payload).get("type") if payload else None
    return len(repr(kind).encode()) if kind else 0


CHARS_PER_TOKEN = 2
"""Fewer than tokenizers take for text full of figures: what fits by this fits into a context."""

_WORDS_AROUND_TOKENS = 3_000
"""A prompt's own words beside a document, those of its role and of a schema included."""

MAX_DOCUMENT_CHARS = 400_000
"""Of documents that one task is sent; longer ones are given to several."""


def document_chars(context_tokens: int | None, max_output_tokens: int, shared_bytes: int = 0) -> int:
    """Return how many characters of documents one call may be sent, at least 1,000.

    Args:
        context_tokens: of the model, prompt and completion; None where it is not known.
        shared_bytes: of what is sent beside them.
    """
    if context_tokens is None:
        return MAX_DOCUMENT_CHARS
    room = context_tokens - max_output_tokens - _WORDS_AROUND_TOKENS - shared_bytes // CHARS_PER_TOKEN
    return min(max(room * CHARS_PER_TOKEN, 1_000), MAX_DOCUMENT_CHARS)


ATTACHMENTS = "attachments"
"""Field of a planner's payload: texts that the tasks it plans will be sent, and it only hears of."""


def sendable(payload: str) -> str:
    """Return a planner's payload with what it is told of the texts that it is not sent: at most so many bytes."""
    fields = json.loads(payload) if payload else {}
    # Names stand in the note, in the words on the plan's format and in the format itself; beside them 300 characters.
    told = [[one["name"]] * 3 + [one["text"][:300], " " * 60] for one in fields.pop(ATTACHMENTS, ())]
    return json.dumps(fields | {"told": told}, ensure_ascii=False, separators=(",", ":"))


def caps_of(payload: str, max_output_tokens: int, per_agent_tokens: int | None) -> tuple[int, int | None]:
    """Return a task's own cap on the completion of a call, and on all its tokens; the tighter of two holds."""
    fields = json.loads(payload) if payload else {}
    own = fields.get("token_budget")
    caps = [cap for cap in (own, per_agent_tokens) if cap is not None]
    return fields.get("max_output_tokens") or max_output_tokens, min(caps) if caps else None


def dollars(nano_usd: int) -> str:
    """Return money for a message: ``0.0125 USD``."""
    return f"{usd(nano_usd):.9f}".rstrip("0").rstrip(".") + " USD"


def nano(dollars_given: float | str) -> int:
    """Return decimal dollars as nano-dollars, rounded down: a cap is never above what was asked for."""
    return int(Decimal(str(dollars_given)) * NANO_USD)
