"""What a call may cost at most, by hand."""

from __future__ import annotations

import pytest

from app.domain.budget import WorstCase, caps_of, dollars, input_bytes, nano, worst_case
from app.domain.usage import Price

PRICE = Price(input_nano_per_mtok=2_000_000_000, output_nano_per_mtok=8_000_000_000)
"""2 and 8 dollars a million tokens: 2,000 and 8,000 nano-dollars a token."""

CACHED_DEARER = Price(
    input_nano_per_mtok=2_000_000_000, output_nano_per_mtok=8_000_000_000, cached_input_nano_per_mtok=3_000_000_000
)


def case(**fields: object) -> WorstCase:
    values: dict[str, object] = {"shared_bytes": 0, "task_id": "a", "payload": '{"prompt":"x"}', "inputs_bytes": 0}
    values |= {"shortened": False, "max_output_tokens": 100, "price": PRICE} | fields
    return worst_case(**values)  # type: ignore[arg-type]


def test_every_byte_counts_as_a_token() -> None:
    found = case(shared_bytes=1_000, inputs_bytes=50)

    # 1,000 shared + 14 of payload + 12 for the id + 50 of inputs + 128 for the words around them
    assert (found.prompt_tokens, found.output_tokens, found.tokens) == (1_204, 100, 1_304)
    assert found.cost_nano_usd == 1_204 * 2_000 + 100 * 8_000


def test_bytes_and_not_characters_count() -> None:
    assert case(task_id="ä").prompt_tokens == case(task_id="a").prompt_tokens + 12
    assert case(payload='{"prompt":"ä"}').prompt_tokens == case().prompt_tokens + 1


def test_inputs_that_may_be_shortened_count_twice_and_with_the_words_that_say_so() -> None:
    assert case(inputs_bytes=50, shortened=True).prompt_tokens == case(inputs_bytes=100).prompt_tokens
    assert input_bytes("ab", 10, shortened=False) == 10 + 2 * 6 + 8
    assert input_bytes("ab", 10, shortened=True) == 10 + 2 * 6 + 8 + 64


def test_a_prompt_made_of_the_type_counts_it_once_more_as_it_is_escaped() -> None:
    kind = "\u200b" * 200  # 3 bytes each in the payload, 6 in the prompt's words

    assert case(payload=f'{{"type":"{kind}"}}').prompt_tokens == 11 + 600 + 1_202 + 12 + 128
    assert case(payload=f'{{"prompt":"x","type":"{kind}"}}').prompt_tokens == 24 + 600 + 12 + 128


def test_a_prompt_from_the_cache_may_be_the_dearer_one() -> None:
    assert case(price=CACHED_DEARER).cost_nano_usd == 154 * 3_000 + 100 * 8_000


def test_part_of_a_nano_dollar_is_rounded_up() -> None:
    price = Price(input_nano_per_mtok=1, output_nano_per_mtok=0)

    assert case(price=price).cost_nano_usd == 1


def test_without_a_price_only_tokens_are_known() -> None:
    assert (case(price=None).cost_nano_usd, case(price=None).tokens) == (0, 254)


@pytest.mark.parametrize(
    ("payload", "per_agent", "expected"),
    [
        ("", None, (2_048, None)),
        ("{}", 500, (2_048, 500)),
        ('{"max_output_tokens":64}', None, (64, None)),
        ('{"token_budget":300}', 500, (2_048, 300)),
        ('{"token_budget":800}', 500, (2_048, 500)),
    ],
)
def test_the_tighter_cap_of_a_sub_agent_holds(
    payload: str, per_agent: int | None, expected: tuple[int, int | None]
) -> None:
    assert caps_of(payload, 2_048, per_agent) == expected


@pytest.mark.parametrize(
    ("given", "expected"), [(0.1, 100_000_000), (1e-9, 1), (1.9e-9, 1), (0.3, 300_000_000), (1e9, 10**18)]
)
def test_a_cap_is_never_more_than_what_was_asked_for(given: float, expected: int) -> None:
    assert nano(given) == expected


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [(0, "0 USD"), (12_500_000, "0.0125 USD"), (1, "0.000000001 USD"), (20_000_000_000, "20 USD")],
)
def test_money_in_messages_has_no_idle_digits(nano_usd: int, text: str) -> None:
    assert dollars(nano_usd) == text
