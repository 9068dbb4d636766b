"""The model call: one request, one result, one tree of errors.

Wire details stay in ``app.providers``. Limits (rate, breaker, budget) are decorators around ``ChatProvider``; retry is
not one of them, because it is a persisted decision of the domain (``domain.retry``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.domain.errors import SwarmdError
from app.domain.parts import UNKNOWN_PART_TOKENS, PartTokens
from app.domain.routing import Candidate
from app.domain.usage import Price, Usage
from app.domain.values import value

JsonObject = dict[str, Any]


@value(kw_only=True)
class ChatRequest:
    """One call to a chat model.

    Attributes:
        model: the name the upstream knows (aliases are resolved before).
        messages: OpenAI-shaped messages (``{"role", "content", ...}``), oldest first; at least one.
        max_output_tokens: cap on the completion, in tokens; None leaves it to the upstream.
        timeout_s: total deadline of the call in seconds, > 0.
        tools: OpenAI-shaped tool definitions; empty when the model may not call any.
        response_format: OpenAI-shaped ``response_format``; None for free text.
        options: further body fields that the caller has already checked (``temperature``, ``thinking``, ...).
    """

    model: str
    messages: Sequence[JsonObject]
    max_output_tokens: int | None = None
    timeout_s: float = 120.0
    tools: Sequence[JsonObject] = ()
    tool_choice: str | JsonObject | None = None
    response_format: JsonObject | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call the model asked for; ``arguments`` is the raw JSON text, unchecked."""

    id: str
    name: str
    arguments: str


@value(kw_only=True)
class RateLimitHeaders:
    """What is left of an allowance per minute or day, as an upstream says; ``reset_s`` seconds on it is full again."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_s: float | None = None


@value(kw_only=True)
class ChatResult:
    """What the model answered.

    Attributes:
        content: the text, or None when the answer is tool calls only.
        model: the model that answered, as the upstream names it.
        usage: as reported by the upstream; zeros where it reports none (``usage_reported`` is then False).
        cost_nano_usd: the upstream's own bill for the call, where it sends one.
        finish_reason: ``stop``, ``length``, ``tool_calls`` or what the upstream said.
        rate_limit: what is left of the upstream's allowance, where it says so.
    """

    content: str | None
    model: str
    usage: Usage = field(default_factory=Usage)
    usage_reported: bool = True
    cost_nano_usd: int | None = None
    finish_reason: str = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning_content: str | None = None
    rate_limit: RateLimitHeaders | None = None


@value(kw_only=True)
class ToolCallDelta:
    """A piece of a tool call: ``id`` and ``name`` come with the first piece of call number ``index``."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@value(kw_only=True)
class ChatDelta:
    """A piece of an answer as it is written; ``model`` is the one that answers, as the upstream names it."""

    model: str
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()


Sink = Callable[[ChatDelta], Awaitable[None]]
"""Takes the pieces of an answer in order; nothing more is read from the upstream until it returns."""


class ChatProvider(Protocol):
    """An endpoint that serves chat models."""

    name: str

    async def complete(self, request: ChatRequest) -> ChatResult:
        """Make exactly one call and return its result.

        Cancelling the awaiting task closes the connection at once and makes no further call.

        Raises:
            ProviderError: every expected failure, as one of its subclasses.
        """
        ...

    async def stream(self, request: ChatRequest, sink: Sink) -> ChatResult:
        """Make exactly one call, hand its answer to ``sink`` while it is written, and return the whole of it.

        An upstream that does not stream gives its answer in one piece. Cancelling works as with ``complete``; what
        ``sink`` raises closes the connection too.

        Raises:
            ProviderError: as with ``complete``; pieces may have been handed over by then.
        """
        ...

    async def models(self) -> Sequence[str]:
        """Names the endpoint serves; empty where it does not tell.

        Raises:
            ProviderError: the endpoint could not be asked.
        """
        ...


Structured = Literal["json_schema", "json_object", "prompt"]
"""How a model is asked for JSON of a schema: natively by it, as any JSON object, or in the prompt alone. With the
latter two the schema has to stand in the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """How a model is told to think before it answers, or not to.

    Attributes:
        on: body fields (``ChatRequest.options``) that make it think; empty where none are needed, known or taken.
        off: those for an answer at once.
        on_remark: why it is not simply told to think, as a clause for people; empty where it is.
        off_remark: the same for an answer at once.
        beside_tools: whether the fields may be sent along with tool definitions.
    """

    on: Mapping[str, Any] = field(default_factory=dict)
    off: Mapping[str, Any] = field(default_factory=dict)
    on_remark: str = ""
    off_remark: str = ""
    beside_tools: bool = True


_UNKNOWN = "how this model is told to think is not known, so it does as it does by default"
UNKNOWN_THINKING = Thinking(on_remark=_UNKNOWN, off_remark=_UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a model name leads.

    Attributes:
        requested: the name the client gave (or the default).
        model: the name the provider knows.
        price: None where no price is configured; a call's cost is then unknown, never guessed.
        context_tokens: largest prompt + completion, in tokens; None where it is not known.
        structured: how the model is asked for JSON of a schema.
        thinking: how it is told to think or not to.
        vision: whether the model reads images and videos; None where that is not known, so the provider decides.
        part_tokens: the most tokens that it makes of one of those.
    """

    requested: str
    provider: ChatProvider
    model: str
    price: Price | None = None
    context_tokens: int | None = None
    structured: Structured = "json_schema"
    thinking: Thinking = UNKNOWN_THINKING
    vision: bool | None = None
    part_tokens: PartTokens = UNKNOWN_PART_TOKENS

    @property
    def lane(self) -> str:
        """What limits count by: provider and model, for a vendor limits each of its models apart."""
        return f"{self.provider.name}/{self.model}"

    def thinking_options(self, thinking: bool | None, *, tools: bool = False) -> JsonObject:
        """Return the ``ChatRequest.options`` that make the model think (True) or answer at once (False).

        None, for the model's own way, needs no options. Nothing is sent that the vendor is not known to take.

        Args:
            tools: whether the request has tool definitions.
        """
        if thinking is None or (tools and not self.thinking.beside_tools):
            return {}
        return dict(self.thinking.on if thinking else self.thinking.off)

    def candidate(self) -> Candidate:
        """Return what the choice of a model goes by."""
        return Candidate(
            price=self.price,
            context_tokens=self.context_tokens,
            on_remark=self.thinking.on_remark,
            off_remark=self.thinking.off_remark,
            vision=self.vision,
        )

    def cost_nano_usd(self, result: ChatResult) -> int | None:
        """What a call cost: the provider's own bill wins over our estimate; None where neither is known.

        Without reported usage there is nothing to estimate from.
        """
        if result.cost_nano_usd is not None:
            return result.cost_nano_usd
        if self.price is None or not result.usage_reported:
            return None
        return self.price.cost_nano_usd(result.usage)


OFFLINE = "offline"
"""The built-in model, and its provider."""


class Models(Protocol):
    """The configured models."""

    async def resolve(self, requested: str | None) -> Route:
        """Return the route of a model name; None means the default model. Asks the providers only for a new name.

        Raises:
            UnknownModel: no provider serves it.
        """
        ...

    async def names(self) -> Sequence[str]:
        """Return the names that ``resolve`` is known to take, the default model first."""
        ...


class UnknownModel(SwarmdError):
    """A model name that no configured provider serves."""

    code = "unknown_model"


_OUTAGES = frozenset({502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Bad gateway, unavailable, gateway timeout, what Cloudflare says of an origin (its docs, 2026), overloaded."""


class ProviderError(Exception):
    """A model call that failed.

    ::

        ProviderError
        ├── RateLimited        429; ``retry_after_s`` where the upstream said so
        ├── ProviderTimeout    the total deadline passed
        ├── Unavailable        no connection, 5xx, reset
        ├── MalformedAnswer    200 with something that is not a chat completion
        ├── AnswerTooLarge     the body passed the size cap
        ├── QuotaExhausted     429 or 402, but no wait will mend it: the account has no credit left
        ├── Refused            the upstream rejected the request itself (4xx); the same request fails again
        └── AuthenticationRejected   401 or 403: the key is wrong

    Attributes:
        kind: stable machine name, the ``type`` of a task's error.
        retryable: whether the same request may succeed later.
        retry_after_s: seconds the upstream asked to wait, never negative; None when it did not say.
        status: HTTP status, where there was one.
        may_be_billed: whether the provider may have billed the call without our knowing what: the request was sent,
            and what came back, if anything, is no answer. False once an HTTP error says that nothing was served.
    """

    kind = "provider_error"
    retryable = True
    may_be_billed = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        may_be_billed: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        # Left open, the kind of failure tells; a status is always that of an error.
        self.may_be_billed = type(self).may_be_billed and status is None if may_be_billed is None else may_be_billed

    @property
    def outage(self) -> bool:
        """Whether this tells of the provider as a whole: it hangs, cannot be reached or says that it is down.

        A 500 does not: it is the answer to one request.
        """
        return False


class RateLimited(ProviderError):
    kind = "rate_limit"


class ProviderTimeout(ProviderError):
    kind = "timeout"
    may_be_billed = True

    @property
    def outage(self) -> bool:
        return True


class Unavailable(ProviderError):
    kind = "provider_unavailable"
    may_be_billed = True

    @property
    def outage(self) -> bool:
        return self.status is None or self.status in _OUTAGES


class MalformedAnswer(ProviderError):
    kind = "malformed_answer"
    may_be_billed = True


class AnswerTooLarge(ProviderError):
    kind = "answer_too_large"
    may_be_billed = True


class QuotaExhausted(ProviderError):
    kind = "quota_exhausted"
    retryable = False


class Refused(ProviderError):
    kind = "request_refused"
    retryable = False


class AuthenticationRejected(ProviderError):
    kind = "authentication"
    retryable = False
