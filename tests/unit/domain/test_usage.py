"""Token and money arithmetic is exact: sums never drift and a bill is never understated."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import FREE, NANO_USD, Price, Usage, usd

TOKENS = st.integers(0, 10_000_000)
RATES = st.integers(0, 100 * NANO_USD)
USAGES = st.builds(Usage, prompt_tokens=TOKENS, completion_tokens=TOKENS, cached_tokens=TOKENS)


@given(USAGES, USAGES)
def test_usage_adds_up_kind_by_kind(one: Usage, two: Usage) -> None:
    both = one + two

    assert both.prompt_tokens == one.prompt_tokens + two.prompt_tokens
    assert both.cached_tokens == one.cached_tokens + two.cached_tokens
    assert both.total_tokens == one.total_tokens + two.total_tokens
    assert both == two + one


def test_cached_tokens_are_part_of_the_prompt_and_not_counted_twice() -> None:
    assert Usage(prompt_tokens=10, completion_tokens=5, cached_tokens=8).total_tokens == 15


@given(RATES, RATES, st.none() | RATES, USAGES)
def test_a_cost_is_the_exact_price_rounded_up(fresh: int, out: int, cached: int | None, usage: Usage) -> None:
    price = Price(input_nano_per_mtok=fresh, output_nano_per_mtok=out, cached_input_nano_per_mtok=cached)
    exact = Fraction(
        max(usage.prompt_tokens - usage.cached_tokens, 0) * fresh
        + usage.cached_tokens * (fresh if cached is None else cached)
        + usage.completion_tokens * out,
        1_000_000,
    )

    assert exact <= price.cost_nano_usd(usage) < exact + 1


def test_a_million_tokens_cost_the_price_of_a_million_tokens() -> None:
    price = Price(input_nano_per_mtok=600_000_000, output_nano_per_mtok=2_500_000_000)
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)

    assert usd(price.cost_nano_usd(usage)) == 3.1


def test_cached_tokens_have_their_own_rate_where_there_is_one() -> None:
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=750_000)

    assert Price(input_nano_per_mtok=400, output_nano_per_mtok=0).cost_nano_usd(usage) == 400
    cheaper = Price(input_nano_per_mtok=400, output_nano_per_mtok=0, cached_input_nano_per_mtok=40)
    assert cheaper.cost_nano_usd(usage) == 130


@given(USAGES)
def test_what_is_free_costs_nothing(usage: Usage) -> None:
    assert FREE.cost_nano_usd(usage) == 0


@pytest.mark.parametrize(("nano", "dollars"), [(None, None), (0, 0.0), (1, 1e-9), (1_234_567_891, 1.234567891)])
def test_clients_read_decimal_dollars_and_null_for_an_unknown_price(nano: int | None, dollars: float | None) -> None:
    assert usd(nano) == dollars
