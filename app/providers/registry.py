"""Leads a model name to the provider that serves it.

Known names are those in the configuration, the aliases, the default model, ``offline``, and what the providers'
``/models`` list. While no provider is configured every name is served by ``offline``, and each answer says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from app.domain.usage import FREE
from app.ports.clock import Clock
from app.ports.provider import OFFLINE, ChatProvider, ProviderError, Route, Structured, Thinking, UnknownModel
from app.providers.dialects import Dialect, ThinkingBy, structured_of, thinking_of
from app.providers.prices import PriceBook
from app.providers.vision import part_tokens_of, reads_pictures

_log = structlog.get_logger(__name__)

_OFFLINE_THINKING = Thinking(on_remark="the offline model does not think")

_REFRESH_AFTER_S = 600.0
_REFRESH_ON_MISS_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider, the models the configuration names for it, and what else it says of them.

    Attributes:
        structured: how its models are asked for JSON of a schema; None leaves it to the dialect.
        thinking_by: the field that tells its models to think; None leaves it to the dialect.
        context_windows: by model the most tokens, in + out, of a call; wins over the kept table.
        vision: the models that read images, all, or none; None leaves it to the provider.
        image_tokens: the most that its models make of one; None leaves it to the dialect, as with ``video_tokens``.
    """

    provider: ChatProvider
    models: tuple[str, ...] = ()
    dialect: Dialect = "generic"
    structured: Structured | None = None
    thinking_by: ThinkingBy | None = None
    context_windows: Mapping[str, int] = field(default_factory=dict)
    vision: bool | tuple[str, ...] | None = None
    image_tokens: int | None = None
    video_tokens: int | None = None


class Registry:
    """The configured models.

    Args:
        providers: in order of preference where two serve the same name.
        offline: serves ``offline``, and everything while ``providers`` is empty.
        aliases: other names for known ones; followed once.
        prices: looked up at every call, so that a price set meanwhile holds from the next one on.
        default_model: what a request without a model gets; None means ``offline`` or the first configured model.
    """

    def __init__(
        self,
        providers: Sequence[ConfiguredProvider],
        *,
        offline: ChatProvider,
        aliases: Mapping[str, str],
        prices: PriceBook,
        default_model: str | None,
        clock: Clock,
    ) -> None:
        self._providers = tuple(providers)
        self._offline = offline
        self._aliases = dict(aliases)
        self._prices = prices
        self._clock = clock
        self._entries = {entry.provider.name: entry for entry in self._providers}
        self._listed: dict[str, ChatProvider] = {}
        self._refreshed_at: float | None = None
        self._refreshing = asyncio.Lock()
        self._configured = {
            name: entry.provider for entry in reversed(self._providers) for name in reversed(entry.models)
        }
        self.default_model = default_model or (next(iter(self._first_models()), OFFLINE))

    def _first_models(self) -> Sequence[str]:
        return [name for entry in self._providers for name in entry.models]

    async def resolve(self, requested: str | None) -> Route:
        name = requested or self.default_model
        route = self._find(name)
        if route is None:
            await self._refresh(_REFRESH_ON_MISS_AFTER_S)
            route = self._find(name)  # also when somebody else has asked while we waited for our turn
        if route is None:
            known = ", ".join((await self.names())[:20])
            raise UnknownModel(f"no configured provider serves the model {name!r}; known models: {known}")
        return route

    async def names(self) -> Sequence[str]:
        await self._refresh(_REFRESH_AFTER_S)
        return list(dict.fromkeys([self.default_model, *self._first_models(), *self._listed, *self._aliases, OFFLINE]))

    def _find(self, requested: str) -> Route | None:
        name = self._aliases.get(requested, requested)
        if name == OFFLINE or not self._providers:
            price = self._prices.find(OFFLINE, OFFLINE) or FREE
            return Route(
                requested=requested,
                provider=self._offline,
                model=OFFLINE,
                price=price,
                thinking=_OFFLINE_THINKING,
                vision=False,
            )
        provider = self._configured.get(name) or self._listed.get(name)
        if provider is None and name == self.default_model:
            provider = self._providers[0].provider
        if provider is None:
            prefix, _, rest = name.partition("/")
            for entry in self._providers:
                if rest and entry.provider.name == prefix:
                    provider, name = entry.provider, rest
        if provider is None:
            return None
        entry = self._entries[provider.name]
        context_tokens = entry.context_windows.get(name) or self._prices.context_tokens(provider.name, name)
        return Route(
            requested=requested,
            provider=provider,
            model=name,
            price=self._prices.find(provider.name, name),
            context_tokens=context_tokens,
            structured=structured_of(entry.dialect, name, entry.structured),
            thinking=thinking_of(entry.dialect, name, entry.thinking_by),
            vision=reads_pictures(entry.vision, name),
            part_tokens=part_tokens_of(entry.dialect, name, context_tokens, entry.image_tokens, entry.video_tokens),
        )

    async def _refresh(self, after_s: float) -> None:
        """Ask every provider for its list, unless that was done less than ``after_s`` ago."""
        if not self._providers:
            return
        async with self._refreshing:
            now = self._clock.monotonic()
            if self._refreshed_at is not None and now - self._refreshed_at < after_s:
                return
            answers = await asyncio.gather(
                *(entry.provider.models() for entry in self._providers), return_exceptions=True
            )
            kept = self._listed
            listed: dict[str, ChatProvider] = {}
            for entry, answer in zip(self._providers, answers, strict=True):
                if isinstance(answer, ProviderError):
                    _log.warning("models_not_listed", provider=entry.provider.name, error=answer.message)
                    # What it served before it serves again: running tasks must not lose their model meanwhile.
                    listed |= {name: provider for name, provider in kept.items() if provider is entry.provider}
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    for name in answer:
                        listed.setdefault(name, entry.provider)
            self._listed = listed
            self._refreshed_at = self._clock.monotonic()
