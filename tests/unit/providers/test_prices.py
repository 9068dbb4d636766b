"""Which price holds: set, configured or the vendor's own; and what the kept table's entries become."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from app.domain.usage import Price, Usage
from app.providers.prices import PriceBook, kept_price, vendor_of

DAY = date(2026, 11, 21)
USD = 1_000_000_000
ONE = Price(input_nano_per_mtok=1, output_nano_per_mtok=1)
TWO = Price(input_nano_per_mtok=2, output_nano_per_mtok=2)


class Clock:
    def now_ms(self) -> int:
        return int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000)

    def monotonic(self) -> float:
        return 0.0


def book(configured: dict[str, Price] | None = None, **vendors: str) -> PriceBook:
    return PriceBook(vendors=vendors, configured=configured or {}, clock=Clock())


# --- which price holds -----------------------------------------------------------------------------------------------


def test_set_wins_over_configured_and_that_over_the_vendors() -> None:
    prices = book({"kimi-k2.5": ONE}, moonshot="moonshot")
    kept = prices.known("moonshot", "kimi-k2.6")
    assert kept is not None
    assert kept.source == "kept"
    configured = prices.known("moonshot", "kimi-k2.5")
    assert configured is not None
    assert (configured.price, configured.source) == (ONE, "config")

    for model, before in (("kimi-k2.5", configured), ("kimi-k2.6", kept)):
        prices.put(model, TWO)
        known = prices.known("moonshot", model)
        assert known is not None
        assert (known.price, known.source) == (TWO, "api")
        assert prices.find("any other", model) == TWO

        prices.put(model, None)
        assert prices.known("moonshot", model) == before


def test_a_vendors_price_holds_at_the_vendor_only() -> None:
    prices = book(moonshot="moonshot")

    assert prices.find("moonshot", "kimi-k2.5") is not None
    assert prices.find("self-hosted", "kimi-k2.5") is None
    assert prices.find("moonshot", "gpt-5-mini") is None
    assert prices.find("moonshot", "no such model") is None


@pytest.mark.parametrize(
    ("base_url", "kind", "vendor"),
    [
        ("https://api.openai.com/v1", "openai", "openai"),
        ("https://api.openai.com/v1", "generic", "openai"),
        ("https://API.DeepSeek.com/v1", "generic", "deepseek"),
        ("https://api.moonshot.ai:443/v1", "deepseek", "moonshot"),
        ("https://gateway.example.com/openai/v1", "openai", "openai"),
        ("https://gateway.example.com/openai/v1", "generic", None),
        ("https://api.openai.com.example.org/v1", "generic", None),
        ("https://openrouter.ai/api/v1", "generic", None),
        ("http://127.0.0.1:8000/v1", "moonshot", None),
        ("http://[::1]:8000/v1", "moonshot", None),
        ("http://localhost:11434/v1", "openai", None),
        ("http://10.1.2.3/v1", "deepseek", None),
        ("http://vllm:8000/v1", "moonshot", None),
        ("http://models.internal/v1", "openai", None),
    ],
)
def test_the_host_tells_the_vendor_and_a_machine_of_ours_is_none(base_url: str, kind: str, vendor: str | None) -> None:
    assert vendor_of(base_url, kind) == vendor


def test_what_is_set_or_configured_is_named_even_if_unused() -> None:
    prices = book({"a": ONE, "b": ONE})
    prices.put("b", TWO)
    prices.put("c", TWO)

    assert {model: known.source for model, known in prices.named().items()} == {"a": "config", "b": "api", "c": "api"}


# --- the kept table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("moonshot", "kimi-k2-0905-preview"),
        ("moonshot", "kimi-k2-turbo-preview"),
        ("moonshot", "kimi-k2-thinking"),
        ("moonshot", "kimi-k2.5"),
        ("moonshot", "kimi-k2.6"),
        ("deepseek", "deepseek-chat"),
        ("deepseek", "deepseek-reasoner"),
        ("openai", "gpt-5"),
        ("openai", "gpt-5-mini"),
        ("openai", "gpt-4.1"),
        ("openai", "gpt-4o-mini"),
        ("openai", "o3"),
    ],
)
def test_the_models_of_the_vendors_have_prices_cached_ones_included(vendor: str, model: str) -> None:
    price = kept_price(vendor, model, DAY)

    assert price is not None
    assert price.cached_input_nano_per_mtok is not None
    assert 0 < price.cached_input_nano_per_mtok < price.input_nano_per_mtok < price.output_nano_per_mtok
    assert price.output_nano_per_mtok < 1000 * USD


def test_a_price_is_exact() -> None:
    price = kept_price("moonshot", "kimi-k2.5", DAY)

    assert price == Price(
        input_nano_per_mtok=600_000_000, output_nano_per_mtok=3_000_000_000, cached_input_nano_per_mtok=100_000_000
    )
    assert price.cost_nano_usd(Usage(prompt_tokens=1000, cached_tokens=600, completion_tokens=10)) == 330_000


def test_of_the_hours_of_a_day_the_dearest_counts() -> None:
    """DeepSeek's nights are cheaper; a budget must hold by day too."""
    assert kept_price("deepseek", "deepseek-chat", DAY) == Price(
        input_nano_per_mtok=270_000_000, output_nano_per_mtok=1_100_000_000, cached_input_nano_per_mtok=70_000_000
    )


def test_of_tiers_the_dearest_counts_with_the_writing_of_the_cache() -> None:
    from genai_prices.data import providers
    from genai_prices.types import TieredPrices

    openai = next(provider for provider in providers if provider.id == "openai")
    model = openai.find_model("gpt-6-sol")
    assert model is not None
    assert not isinstance(model.prices, list)
    written = model.prices.cache_write_mtok
    assert isinstance(written, TieredPrices)

    price = kept_price("openai", "gpt-6-sol", DAY)

    assert price is not None
    assert price.input_nano_per_mtok == max(tier.price for tier in written.tiers) * USD > written.base * USD


def test_a_price_begins_on_its_day() -> None:
    """OpenAI made o3 cheaper on 2025-06-10."""
    before, since = (kept_price("openai", "o3", date(2025, 6, day)) for day in (9, 10))

    assert before is not None
    assert since is not None
    assert (before.input_nano_per_mtok, since.input_nano_per_mtok) == (10 * USD, 2 * USD)


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "gpt-4o-mini-search-preview"),  # each search is billed too
        ("openai", "whisper-1"),  # by the hour
        ("openai", "text-embedding-3-small"),  # no output
        ("openai", "omni-moderation-latest"),
        ("openai", "kimi-k2.5"),
        ("openai", ""),
        ("openai", "x" * 10_000),
        ("deepseek", "gpt-5"),
    ],
)
def test_what_is_not_billed_by_the_token_or_is_unknown_has_no_price(vendor: str, model: str) -> None:
    assert kept_price(vendor, model, DAY) is None


def test_the_table_is_loaded_only_for_a_vendor_and_nothing_is_fetched() -> None:
    program = """
import socket, sys
def refuse(*_, **__): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
from app.providers.prices import PriceBook
class Clock:
    def now_ms(self): return 1_800_000_000_000
PriceBook(vendors={}, configured={}, clock=Clock()).find("x", "gpt-5")
assert "genai_prices" not in sys.modules
assert PriceBook(vendors={"x": "openai"}, configured={}, clock=Clock()).find("x", "gpt-5") is not None
import threading
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_table_tells_how_many_tokens_a_vendors_model_takes() -> None:
    prices = book(moonshot="moonshot", openai="openai")

    assert prices.context_tokens("moonshot", "kimi-k2.5") == 262_144
    assert prices.context_tokens("openai", "gpt-5-mini") == 400_000
    assert prices.context_tokens("openai", "whisper-1") is None
    assert prices.context_tokens("openai", "no such model") is None
    assert prices.context_tokens("self-hosted", "kimi-k2.5") is None
