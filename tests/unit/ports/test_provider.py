"""What a call costs, as far as it is known, and which failures may have cost something."""

from __future__ import annotations

import pytest

from app.domain.usage import Price, Usage
from app.ports.provider import (
    AnswerTooLarge,
    AuthenticationRejected,
    ChatResult,
    MalformedAnswer,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    Refused,
    Route,
    Unavailable,
)
from app.providers.offline import OfflineProvider

PRICE = Price(input_nano_per_mtok=1_000_000_000, output_nano_per_mtok=2_000_000_000)
USAGE = Usage(prompt_tokens=1000, completion_tokens=10)


def route(price: Price | None) -> Route:
    return Route(requested="m", provider=OfflineProvider(), model="m", price=price)


@pytest.mark.parametrize(
    ("result", "price", "cost"),
    [
        (ChatResult(content="x", model="m", usage=USAGE), PRICE, 1_020_000),
        (ChatResult(content="x", model="m", usage=USAGE), None, None),
        (ChatResult(content="x", model="m", usage=USAGE, cost_nano_usd=7), PRICE, 7),
        (ChatResult(content="x", model="m", usage=USAGE, cost_nano_usd=0), PRICE, 0),
        (ChatResult(content="x", model="m", usage_reported=False), PRICE, None),
        (ChatResult(content="x", model="m", usage_reported=False, cost_nano_usd=7), None, 7),
    ],
)
def test_the_providers_bill_wins_and_the_unknown_stays_unknown(
    result: ChatResult, price: Price | None, cost: int | None
) -> None:
    assert route(price).cost_nano_usd(result) == cost


def test_limits_count_by_provider_and_model() -> None:
    assert route(None).lane == "offline/m"


@pytest.mark.parametrize("kind", [ProviderTimeout, Unavailable, MalformedAnswer, AnswerTooLarge])
def test_a_call_that_was_lost_may_be_billed_unless_a_status_says_otherwise(kind: type[ProviderError]) -> None:
    assert kind("lost").may_be_billed
    assert not kind("refused", status=503).may_be_billed
    assert not kind("never sent", may_be_billed=False).may_be_billed


@pytest.mark.parametrize("kind", [ProviderError, RateLimited, QuotaExhausted, Refused, AuthenticationRejected])
def test_a_call_that_was_refused_is_not_billed(kind: type[ProviderError]) -> None:
    assert not kind("no", status=429).may_be_billed
    assert not kind("no").may_be_billed


def test_of_a_route_that_says_no_more_nothing_is_sent_and_nothing_is_known() -> None:
    plain = route(PRICE)

    assert (plain.context_tokens, plain.structured) == (None, "json_schema")
    assert plain.thinking_options(True) == plain.thinking_options(False) == plain.thinking_options(None) == {}
    assert plain.candidate().price == PRICE
    assert plain.candidate().on_remark == plain.candidate().off_remark != ""
