"""The models of the service: which endpoints serve them, what is known of each. Part of the wiring, as ``main`` is."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from app.ports.clock import Clock
from app.ports.provider import OFFLINE, ChatProvider
from app.providers.dialects import dialect_of
from app.providers.openai_chat import OpenAIChat
from app.providers.prices import PriceBook, vendor_of
from app.providers.registry import ConfiguredProvider, Registry
from app.providers.wire import PROFILES
from app.settings import ProviderSettings, Settings
from app.telemetry.tracing import Traces


def registry_of(
    settings: Settings,
    configured: Mapping[str, ProviderSettings],
    *,
    offline: ChatProvider,
    prices: PriceBook,
    session: aiohttp.ClientSession,
    clock: Clock,
    traces: Traces,
) -> Registry:
    """Return the configured models; ``configured`` are the providers by name, in order of preference."""
    return Registry(
        [_provider(name, entry, session, clock, traces) for name, entry in configured.items()],
        offline=traces.of_provider(offline, OFFLINE),
        aliases=settings.aliases,
        prices=prices,
        default_model=settings.default_model if configured else None,
        clock=clock,
    )


def _provider(
    name: str, entry: ProviderSettings, session: aiohttp.ClientSession, clock: Clock, traces: Traces
) -> ConfiguredProvider:
    endpoint = OpenAIChat(
        name, entry.base_url, api_key=entry.key(), profile=PROFILES[entry.kind], session=session, clock=clock
    )
    return ConfiguredProvider(
        traces.of_provider(endpoint, vendor_of(entry.base_url, entry.kind), entry.base_url),
        entry.models,
        dialect=dialect_of(entry.base_url, entry.kind),
        structured=entry.structured_output,
        thinking_by=entry.thinking_by,
        context_windows=entry.context_windows,
        vision=entry.vision,
        image_tokens=entry.image_tokens,
        video_tokens=entry.video_tokens,
    )
