"""What model calls cost: prices set by API, configured ones, and the vendors' own from a kept table, which also tells
how many tokens a model takes.

Decision, 2026-11-21: the kept table is that of the package ``genai-prices`` (MIT, 1.6 MB), so a new release of it
brings new prices. Loading it takes 80 ms and 6 MB, so that is done only where a vendor's endpoint is configured. Only
its data is used: nothing is fetched at run time.

A kept price applies only to the vendor's own endpoint. A model of the same name elsewhere has its own price or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.domain.usage import NANO_USD, Price
from app.ports.clock import Clock
from app.ports.prices import KnownPrice

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_VENDOR_HOSTS = {"api.openai.com": "openai", "api.deepseek.com": "deepseek", "api.moonshot.ai": "moonshot"}
_TABLE_IDS = {"openai": "openai", "deepseek": "deepseek", "moonshot": "moonshotai"}
"""Vendor to its id in the kept table."""

_INPUT = ("input_mtok", "cache_write_mtok", "input_text_mtok", "input_audio_mtok", "input_image_mtok")
_CACHED = ("cache_read_mtok", "cache_text_read_mtok", "cache_audio_read_mtok", "cache_image_read_mtok")
_OUTPUT = ("output_mtok", "output_text_mtok", "output_audio_mtok", "output_image_mtok")
_NOT_BY_TOKEN = ("audio_hours", "input_audio_hours", "input_mchars")
_BILLED_BY_SEARCH = "search"
"""Models of this name search at every call; each search is billed beside the tokens (OpenAI's pricing page, 2026)."""


def vendor_of(base_url: str, kind: str) -> str | None:
    """Return the vendor whose prices hold at an endpoint, None where that is not known.

    The host decides. ``kind`` is the operator's word for other hosts (a gateway before the vendor), but not for this
    machine or a private address: what is served there under a vendor's model name is not billed by that vendor.
    """
    host = urlsplit(base_url).hostname or ""
    if host in _VENDOR_HOSTS:
        return _VENDOR_HOSTS[host]
    return kind if kind in _TABLE_IDS and not is_ours(host) else None


def is_ours(host: str) -> bool:
    """Return whether a host is this machine or in a private network."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host.rstrip("."):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


class PriceBook:
    """The prices in force (``ports.prices.PriceTable``).

    Args:
        vendors: the vendor of each provider that has one (see ``vendor_of``), by the provider's name.
        configured: by model name.
    """

    def __init__(self, *, vendors: Mapping[str, str], configured: Mapping[str, Price], clock: Clock) -> None:
        self._vendors = dict(vendors)
        self._configured = dict(configured)
        self._set: dict[str, Price] = {}
        self._clock = clock
        if self._vendors:
            _kept_vendors()  # loaded at the start, not during somebody's request

    def find(self, provider_name: str, model: str) -> Price | None:
        known = self.known(provider_name, model)
        return None if known is None else known.price

    def known(self, provider_name: str, model: str) -> KnownPrice | None:
        if model in self._set:
            return KnownPrice(price=self._set[model], source="api")
        if model in self._configured:
            return KnownPrice(price=self._configured[model], source="config")
        vendor = self._vendors.get(provider_name)
        if vendor is None:
            return None
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        price = kept_price(vendor, model, today)
        return None if price is None else KnownPrice(price=price, source="kept")

    def context_tokens(self, provider_name: str, model: str) -> int | None:
        """Return the most tokens, in + out, that a call to the vendor's own model takes; None where nobody says."""
        vendor = self._vendors.get(provider_name)
        return None if vendor is None else kept_context_tokens(vendor, model)

    def named(self) -> Mapping[str, KnownPrice]:
        configured = {model: KnownPrice(price=price, source="config") for model, price in self._configured.items()}
        return configured | {model: KnownPrice(price=price, source="api") for model, price in self._set.items()}

    def put(self, model: str, price: Price | None) -> None:
        if price is None:
            self._set.pop(model, None)
        else:
            self._set[model] = price


@lru_cache(maxsize=4096)
def kept_price(vendor: str, model: str, day: date) -> Price | None:
    """Return the vendor's price of a model on a day; None where the table has none, or not only tokens are billed.

    A budget must never be understated, so of tiers (long prompts), hours of the day and kinds of token (text, audio,
    images; written to the cache or not) the dearest counts.
    """
    if _BILLED_BY_SEARCH in model.lower():
        return None
    provider = _kept_vendors().get(_TABLE_IDS[vendor])
    found = None if provider is None else provider.find_model(model)
    if found is None:
        return None
    prices = _possible_prices(found, day)
    if any(getattr(price, name) is not None for price in prices for name in _NOT_BY_TOKEN):
        return None
    if any(price.input_mtok is None or price.output_mtok is None for price in prices):
        return None
    per_input, per_cached, per_output = (_dearest(prices, names) for names in (_INPUT, _CACHED, _OUTPUT))
    if per_input is None or per_output is None:
        return None
    if any(price.cache_read_mtok is None for price in prices):
        per_cached = None  # cached tokens cost what others cost
    return Price(input_nano_per_mtok=per_input, output_nano_per_mtok=per_output, cached_input_nano_per_mtok=per_cached)


@lru_cache(maxsize=4096)
def kept_context_tokens(vendor: str, model: str) -> int | None:
    """Return the context window of the vendor's model in tokens; None where the table has none."""
    provider = _kept_vendors().get(_TABLE_IDS[vendor])
    found = None if provider is None else provider.find_model(model)
    return None if found is None else found.context_window


@cache
def _kept_vendors() -> Mapping[str, Provider]:
    from genai_prices.data import providers

    return {provider.id: provider for provider in providers if provider.id in _TABLE_IDS.values()}


def _possible_prices(model: ModelInfo, day: date) -> list[ModelPrice]:
    """Return the newest price that has started by ``day``, and those that hold at some hours of each day."""
    if not isinstance(model.prices, list):
        return [model.prices]
    started: ModelPrice | None = None
    possible: list[ModelPrice] = []
    for entry in model.prices:
        starts = None if entry.constraint is None else getattr(entry.constraint, "start_date", None)
        if entry.constraint is not None and starts is None:
            possible.append(entry.prices)
        elif started is None or starts is None or starts <= day:
            started = entry.prices
    return possible if started is None else [started, *possible]


def _dearest(prices: Iterable[ModelPrice], names: Iterable[str]) -> int | None:
    rates = [rate for price in prices for name in names for rate in _rates(getattr(price, name))]
    return int((max(rates) * NANO_USD).to_integral_value()) if rates else None


def _rates(price: object) -> list[Decimal]:
    """Return the dollars per million tokens of a price, or of each of its tiers."""
    if price is None:
        return []
    if isinstance(price, Decimal):
        return [price]
    base, tiers = getattr(price, "base", None), getattr(price, "tiers", ())
    return [base, *(tier.price for tier in tiers)] if isinstance(base, Decimal) else []
