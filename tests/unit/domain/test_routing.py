"""Which model a task gets, whether it thinks, where it goes next, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.routing import Candidate, PassedOver, TaskNeeds, choose
from app.domain.routing_spec import NO_ROUTING, RoutingSpec, Rule
from app.domain.usage import Price

USD = 1_000_000_000


def model(dollars_in: int | None, dollars_out: int = 0, holds: int | None = None, **fields: Any) -> Candidate:
    """A model at so many dollars per million tokens."""
    price = (
        None
        if dollars_in is None
        else Price(input_nano_per_mtok=dollars_in * USD, output_nano_per_mtok=dollars_out * USD)
    )
    return Candidate(price=price, context_tokens=holds, **fields)


KNOWN: dict[str | None, Candidate] = {
    "cheap": model(1, 2, holds=10_000),
    "dear": model(10, 20, holds=100_000),
    "wide": model(5, 10, holds=1_000_000),
    "unpriced": model(None, holds=100_000),
    "unknown size": model(7, 7),
}
TASK = TaskNeeds(prompt_tokens=6_000, max_output_tokens=2_000)
LONG = TaskNeeds(prompt_tokens=48_000, max_output_tokens=2_000)


def of(task: TaskNeeds = TASK, routing: RoutingSpec = NO_ROUTING, *, run: str | None = "run", **fields: Any) -> Any:
    return choose(replace(task, **fields), routing, KNOWN, run_model=run)


# --- the order -------------------------------------------------------------------------------------------------------

EVERYTHING = RoutingSpec(
    rules=(Rule(type="audit", models=("by rule",)),),
    tiers={"thinking": ("by thinking",), "instant": ("by instant",), "light": ("by light",)},
    candidates=("candidate",),
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "own", "type": "audit", "tier": "instant", "complexity": 9, "role_model": "by role"}, "own"),
        ({"type": "audit", "tier": "instant", "complexity": 9, "role_model": "by role"}, "by rule"),
        ({"tier": "instant", "complexity": 9, "role_model": "by role"}, "by instant"),
        ({"complexity": 9, "role_model": "by role"}, "by thinking"),
        ({"complexity": 8}, "by thinking"),
        ({"complexity": 3}, "by light"),
        ({"complexity": 7, "role_model": "by role", "role_tier": "light"}, "by role"),
        ({"complexity": 4, "role_tier": "light"}, "by light"),
        ({"tier": "instant", "role_tier": "light"}, "by instant"),
        ({}, "candidate"),
    ],
)
def test_the_nearest_that_names_a_model_decides(fields: dict[str, Any], expected: str) -> None:
    choice = of(routing=EVERYTHING, **fields)

    assert choice.model == expected
    assert expected in choice.reason


def test_without_any_routing_it_is_the_runs_model_or_the_default() -> None:
    assert of().model == "run"
    assert of().reason == "no model that fits is named for the task, so it gets the run's, run"
    default = of(run=None)
    assert (default.model, default.thinking, default.chain, default.considered) == (None, None, (), ())
    assert default.reason == "no model that fits is named for the task, so it gets the run's, the default model"


@pytest.mark.parametrize("complexity", [1, 3, 8, 10])
def test_complexity_decides_only_where_its_tier_has_models(complexity: int) -> None:
    choice = of(routing=RoutingSpec(tiers={"instant": ("i",)}), complexity=complexity)

    assert (choice.model, choice.thinking) == ("run", None)


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule(), True),
        (Rule(tier="thinking"), True),
        (Rule(tier="light"), False),
        (Rule(type="audit", role="analyzer"), True),
        (Rule(role="Analyst"), True),
        (Rule(role="critic"), False),
        (Rule(type="Audit"), False),
        (Rule(min_complexity=6), True),
        (Rule(min_complexity=7), False),
        (Rule(max_complexity=6), True),
        (Rule(max_complexity=5), False),
        (Rule(min_complexity=6, max_complexity=6), True),
    ],
)
def test_a_rule_fits_when_every_condition_is_met(rule: Rule, fits: bool) -> None:
    routing = RoutingSpec(rules=(replace(rule, models=("ruled",)),))

    choice = of(routing=routing, tier="thinking", type="audit", role="analyst", complexity=6)

    assert (choice.model == "ruled") is fits


def test_a_task_of_no_known_complexity_or_role_fits_no_rule_that_asks_for_one() -> None:
    rules = (
        Rule(min_complexity=1, models=("a",)),
        Rule(max_complexity=10, models=("b",)),
        Rule(role="x", models=("c",)),
    )

    assert of(routing=RoutingSpec(rules=rules)).model == "run"


def test_the_first_rule_that_fits_counts_and_its_models_keep_their_order() -> None:
    rules = (
        Rule(type="other", models=("no",)),
        Rule(type="audit", min_complexity=5, models=("dear", "cheap", "wide")),
        Rule(type="audit", models=("late",)),
    )

    choice = of(routing=RoutingSpec(rules=rules, fallbacks=("wide", "last")), type="audit", complexity=5)

    assert (choice.model, choice.chain) == ("dear", ("cheap", "wide", "last"))
    assert choice.reason == (
        "rule 2 (type 'audit', complexity 5 or more) names dear, the first of the 3 that hold 8,000 tokens"
    )
    assert choice.considered == (
        PassedOver("cheap", "comes after dear in the list"),
        PassedOver("wide", "comes after dear in the list"),
    )


def test_a_rule_without_models_only_says_whether_to_think() -> None:
    routing = RoutingSpec(rules=(Rule(type="audit", thinking=True),), tiers={"light": ("cheap",)})

    choice = of(routing=routing, type="audit", tier="light")

    assert (choice.model, choice.thinking) == ("cheap", True)
    assert choice.reason == "tier 'light' is mapped to cheap; rule 1 has it think first"


def test_braces_in_what_clients_name_are_text() -> None:
    choice = of(
        routing=RoutingSpec(rules=(Rule(type="{model} {0}", models=("cheap",)),)), type="{model} {0}", role="{}"
    )

    assert choice.reason == "rule 1 (type '{model} {0}') names cheap"
    assert "'{x}'" in of(role="{x}", role_model="dear").reason


# --- size and price --------------------------------------------------------------------------------------------------


def test_of_several_the_cheapest_that_holds_the_tokens_serves() -> None:
    """48,000 in and 2,000 out: wide costs 0.24 + 0.02 dollars, dear 0.48 + 0.04."""
    routing = RoutingSpec(tiers={"light": ("dear", "unpriced", "cheap", "wide")})

    choice = of(LONG, routing, tier="light")

    assert (choice.model, choice.chain) == ("wide", ("dear", "unpriced"))
    assert choice.reason == (
        "tier 'light' is mapped to wide; it is the cheapest of the 3 that hold 50,000 tokens"
        " (1 of them without a known price, so considered last), at most $0.26 a call;"
        " left out: cheap (holds 10,000 tokens, the task needs 50,000); tier 'light' has it answer at once"
    )
    assert choice.considered == (
        PassedOver("cheap", "holds 10,000 tokens, the task needs 50,000"),
        PassedOver("dear", "costs up to $0.52 a call"),
        PassedOver("unpriced", "its price is not known"),
    )


def test_what_a_call_may_answer_counts_as_much_as_what_it_is_sent() -> None:
    routing = RoutingSpec(candidates=("cheap", "dear"))

    assert of(routing=routing, prompt_tokens=8_000, max_output_tokens=2_000).model == "cheap"
    assert of(routing=routing, prompt_tokens=8_000, max_output_tokens=2_001).model == "dear"


def test_of_models_of_one_price_the_first_serves() -> None:
    known: dict[str | None, Candidate] = {"twin": KNOWN["cheap"], "cheap": KNOWN["cheap"]}

    choice = choose(TASK, RoutingSpec(candidates=("twin", "cheap")), known)

    assert choice.model == "twin"
    assert choice.considered == (
        PassedOver("cheap", "costs up to $0.01 a call, too, and comes after twin in the list"),
    )


def test_where_no_price_is_known_the_first_serves_and_it_is_said() -> None:
    choice = of(routing=RoutingSpec(candidates=("unpriced", "never heard of")))

    assert (choice.model, choice.chain) == ("unpriced", ("never heard of",))
    assert choice.reason == (
        "no model that fits is named for the task, so it gets one of the run's candidates, unpriced,"
        " the first of the 2 that hold 8,000 tokens: the price of none is known"
    )
    assert choice.considered == (PassedOver("never heard of", "comes after unpriced in the list"),)


def test_first_takes_the_order_that_was_given() -> None:
    choice = of(routing=RoutingSpec(candidates=("dear", "cheap"), prefer="first"))

    assert (choice.model, choice.chain) == ("dear", ("cheap",))


def test_a_model_too_small_hands_over_to_what_comes_next() -> None:
    routing = RoutingSpec(rules=(Rule(models=("cheap",)),), tiers={"thinking": ("dear",)})

    choice = of(LONG, routing, model="cheap", tier="thinking")

    assert (choice.model, choice.thinking) == ("dear", True)
    assert choice.considered == (PassedOver("cheap", "holds 10,000 tokens, the task needs 50,000"),)


def test_fallbacks_serve_where_nothing_before_holds_the_task() -> None:
    choice = of(LONG, RoutingSpec(fallbacks=("cheap", "wide", "dear")), run="cheap")

    assert (choice.model, choice.chain) == ("wide", ("dear",))
    assert choice.reason.startswith("of the models that were named none holds the task, so it falls back to wide")


def test_where_nothing_holds_the_task_the_first_wish_stays() -> None:
    choice = of(LONG, RoutingSpec(fallbacks=("cheap",)), model="cheap", run="cheap")

    assert (choice.model, choice.chain, choice.considered) == ("cheap", (), ())
    assert choice.reason == (
        "the task asks for cheap; no model that is named holds the 50,000 tokens of the task, so it may be refused"
    )


# --- thinking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "thinking", "words"),
    [("thinking", True, "think first"), ("instant", False, "answer at once"), ("light", False, "answer at once")],
)
def test_a_tier_without_models_is_a_mode_of_the_runs_model(tier: str, thinking: bool, words: str) -> None:
    choice = of(tier=tier)

    assert (choice.model, choice.thinking) == ("run", thinking)
    assert choice.reason.endswith(f"; tier '{tier}', which is mapped to no model, has it {words}")
    assert of(role_tier=tier).thinking is thinking
    assert of(tier=tier, model="own").thinking is thinking


def test_complexity_makes_a_model_think_only_through_its_tier() -> None:
    routing = RoutingSpec(tiers={"thinking": ("dear",), "light": ("cheap",)})

    assert of(routing=routing, complexity=9).thinking is True
    assert of(routing=routing, complexity=2).thinking is False
    assert of(routing=routing, complexity=5).thinking is None
    assert of(routing=routing, complexity=9, model="own").thinking is None


def test_a_rule_wins_over_the_tier() -> None:
    routing = RoutingSpec(rules=(Rule(models=("dear",), thinking=False),))

    assert of(routing=routing, tier="thinking").thinking is False


def test_what_a_model_cannot_be_told_is_said() -> None:
    known: dict[str | None, Candidate] = {None: model(1, off_remark="it always thinks", on_remark="it never thinks")}

    at_once = choose(TaskNeeds(tier="light"), NO_ROUTING, known)
    thinking = choose(TaskNeeds(tier="thinking"), NO_ROUTING, known)
    neither = choose(TaskNeeds(), NO_ROUTING, known)

    assert at_once.reason.endswith("has it answer at once, but it always thinks")
    assert thinking.reason.endswith("has it think first, but it never thinks")
    assert "think" not in neither.reason


# --- the chain -------------------------------------------------------------------------------------------------------


def test_fallbacks_that_do_not_fit_or_were_tried_are_not_in_the_chain() -> None:
    routing = RoutingSpec(tiers={"light": ("wide", "dear")}, fallbacks=("dear", "cheap", "wide", "else"))

    choice = of(LONG, routing, tier="light")

    assert (choice.model, choice.chain) == ("wide", ("dear", "else"))
    assert PassedOver("cheap", "holds 10,000 tokens, the task needs 50,000") in choice.considered


@pytest.mark.parametrize(
    ("failures", "serves"),
    [(0, "cheap"), (1, "cheap"), (2, "wide"), (3, "wide"), (4, "dear"), (5, "dear"), (99, "dear")],
)
def test_after_so_many_failures_the_next_of_the_chain_serves(failures: int, serves: str) -> None:
    choice = of(routing=RoutingSpec(candidates=("cheap", "wide", "dear")))

    assert choice.after(failures, 2) == serves


def test_without_a_chain_the_model_keeps_the_task() -> None:
    assert of(run=None).after(50, 1) is None


@pytest.mark.parametrize(("dollars", "said"), [(0, "$0"), (1, "$0.001"), (1234, "$1.234")])
def test_what_a_call_costs_is_said_in_dollars(dollars: int, said: str) -> None:
    """1,000 tokens at so many dollars per million."""
    known: dict[str | None, Candidate] = {"a": model(dollars), "b": model(5000)}

    choice = choose(TaskNeeds(prompt_tokens=1000), RoutingSpec(candidates=("a", "b")), known)

    assert choice.reason.endswith(f"at most {said} a call")


# --- properties ------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["cheap", "dear", "wide", "unpriced", "unknown size", "never heard of"])
LISTS = st.lists(NAMES, max_size=4, unique=True).map(tuple)
TIER = st.sampled_from([None, "thinking", "instant", "light"])
COMPLEXITY = st.none() | st.integers(1, 10)
RULES = st.builds(
    Rule,
    tier=TIER,
    type=st.sampled_from([None, "a"]),
    role=st.sampled_from([None, "coder"]),
    min_complexity=COMPLEXITY,
    max_complexity=COMPLEXITY,
    models=LISTS,
    thinking=st.sampled_from([None, True, False]),
)
ROUTINGS = st.builds(
    RoutingSpec,
    rules=st.lists(RULES, max_size=3).map(tuple),
    tiers=st.dictionaries(st.sampled_from(["thinking", "instant", "light"]), LISTS.filter(bool)),
    candidates=LISTS,
    prefer=st.sampled_from(["cheapest", "first"]),
    fallbacks=LISTS,
    reroute_after=st.integers(1, 5),
)
TASKS = st.builds(
    TaskNeeds,
    model=st.none() | NAMES,
    tier=TIER,
    complexity=COMPLEXITY,
    type=st.sampled_from([None, "a", "b"]),
    role=st.sampled_from([None, "coder", "x"]),
    prompt_tokens=st.integers(0, 2_000_000),
    max_output_tokens=st.integers(1, 100_000),
    role_model=st.none() | NAMES,
    role_tier=TIER,
)


@given(ROUTINGS)
def test_routing_comes_back_from_json_as_it_was(routing: RoutingSpec) -> None:
    assert RoutingSpec.of(routing.as_json()) == routing


def test_nothing_is_stored_of_no_routing() -> None:
    assert NO_ROUTING.as_json() == {}
    assert RoutingSpec.of(None) is RoutingSpec.of({}) is NO_ROUTING


@given(TASKS, ROUTINGS, st.none() | NAMES)
def test_a_choice_always_holds_together(task: TaskNeeds, routing: RoutingSpec, run: str | None) -> None:
    choice = choose(task, routing, KNOWN, run_model=run)

    named = {run, task.model, task.role_model, *routing.models()}
    passed = [each.model for each in choice.considered]
    assert choice.model in named
    assert choice.model not in choice.chain
    assert choice.model not in passed
    assert len(set(passed)) == len(passed)
    assert len(set(choice.chain)) == len(choice.chain)
    assert set(choice.chain) <= named
    assert choice.reason
    for name in choice.chain:
        holds = KNOWN.get(name, Candidate()).context_tokens
        assert holds is None or holds >= task.total_tokens
    if "may be refused" not in choice.reason:
        holds = KNOWN.get(choice.model, Candidate()).context_tokens
        assert holds is None or holds >= task.total_tokens
