"""Roles and routing on the wire: what is taken, what is refused and with which pointer, and what is answered."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.api.schemas.roles import RoleChanges, RolePage, role_page_json
from app.api.schemas.routing import ChoiceOut, RoutingIn, choice_json
from app.api.strict_json import validate
from app.domain.errors import InvalidRequest
from app.domain.roles import BUILT_IN, Role
from app.domain.routing import TaskNeeds, choose
from app.domain.routing_spec import NO_ROUTING, RoutingSpec, Rule

PROMPT = "You are a tester."


def pointers(caught: pytest.ExceptionInfo[InvalidRequest]) -> list[str]:
    return [error.pointer for error in caught.value.errors]


# --- roles -----------------------------------------------------------------------------------------------------------


def test_a_role_is_taken_whole_and_null_removes_one() -> None:
    body = {
        "Tester": {"system_prompt": PROMPT, "capability_tags": ["a", "b", "a"], "model": "m", "tier": "light"},
        "plain": {"system_prompt": PROMPT},
        "gone": None,
    }

    assert validate(RoleChanges, body).to_domain() == {
        "Tester": Role(name="Tester", system_prompt=PROMPT, capability_tags=("a", "b"), model="m", tier="light"),
        "plain": Role(name="plain", system_prompt=PROMPT),
        "gone": None,
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"a": {}}, "/a/system_prompt"),
        ({"a": {"system_prompt": ""}}, "/a/system_prompt"),
        ({"a": {"system_prompt": " \n"}}, "/a/system_prompt"),
        ({"a": {"system_prompt": "x" * 32_769}}, "/a/system_prompt"),
        ({"a": {"system_prompt": None}}, "/a/system_prompt"),
        ({"a": {"system_prompt": PROMPT, "tier": "fast"}}, "/a/tier"),
        ({"a": {"system_prompt": PROMPT, "model": ""}}, "/a/model"),
        ({"a": {"system_prompt": PROMPT, "built_in": True}}, "/a/built_in"),
        ({"a": {"system_prompt": PROMPT, "capability_tags": "code"}}, "/a/capability_tags"),
        ({"a": {"system_prompt": PROMPT, "capability_tags": ["ok", " "]}}, "/a/capability_tags/1"),
        ({"a": {"system_prompt": PROMPT, "capability_tags": ["x"] * 101}}, "/a/capability_tags"),
        ({"a": "text"}, "/a"),
        ({"": {"system_prompt": PROMPT}}, "/"),
        ({" a": None}, "/ a"),
        ({"a\n": None}, "/a\n"),
        ({"x" * 201: None}, f"/{'x' * 201}"),
        ([], ""),
        ({str(number): None for number in range(1001)}, ""),
    ],
)
def test_a_wrong_role_is_refused_by_its_field(body: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(RoleChanges, body)

    assert pointers(caught) == [pointer]


def test_roles_are_answered_as_one_page() -> None:
    answer = orjson.loads(orjson.dumps(role_page_json(BUILT_IN.values())))

    page = RolePage.model_validate(answer)
    assert (len(page.items), page.next_cursor) == (11, None)
    assert answer["items"][0]["capability_tags"] == list(next(iter(BUILT_IN.values())).capability_tags)


# --- routing ---------------------------------------------------------------------------------------------------------


def test_routing_is_taken_with_one_model_or_several() -> None:
    body = {
        "rules": [
            {"type": "audit", "min_complexity": 5, "model": ["a", "b", "a"], "thinking": True},
            {"tier": "light", "role": "coder", "max_complexity": 3, "model": "c"},
            {"thinking": False},
        ],
        "tiers": {"thinking": "a", "instant": ["b", "c"]},
        "candidates": ["a", "a"],
        "prefer": "first",
        "fallbacks": ["z"],
        "reroute_after": 3,
    }

    assert validate(RoutingIn, body).to_domain() == RoutingSpec(
        rules=(
            Rule(type="audit", min_complexity=5, models=("a", "b"), thinking=True),
            Rule(tier="light", role="coder", max_complexity=3, models=("c",)),
            Rule(thinking=False),
        ),
        tiers={"thinking": ("a",), "instant": ("b", "c")},
        candidates=("a",),
        prefer="first",
        fallbacks=("z",),
        reroute_after=3,
    )


def test_an_empty_routing_asks_for_nothing() -> None:
    assert validate(RoutingIn, {}).to_domain() == NO_ROUTING


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"rule": []}, "/rule"),
        ({"rules": [{"type": "a"}]}, "/routing/rules/0"),
        (
            {"rules": [{"model": "a"}, {"model": "b", "min_complexity": 5, "max_complexity": 4}]},
            "/routing/rules/1/max_complexity",
        ),
        ({"rules": [{"model": "a", "min_complexity": 0}]}, "/rules/0/min_complexity"),
        ({"rules": [{"model": "a", "max_complexity": 11}]}, "/rules/0/max_complexity"),
        ({"rules": [{"model": "a", "tier": "fast"}]}, "/rules/0/tier"),
        ({"rules": [{"model": []}]}, "/rules/0/model"),
        ({"rules": [{"model": ["a", ""]}]}, "/rules/0/model/1"),
        ({"rules": [{"model": "a", "models": "b"}]}, "/rules/0/models"),
        ({"rules": [{"model": "a"}] * 51}, "/rules"),
        ({"tiers": {"fast": "a"}}, "/tiers/fast"),
        ({"tiers": {"light": ["a"] * 21}}, "/tiers/light"),
        ({"candidates": "a"}, "/candidates"),
        ({"prefer": "best"}, "/prefer"),
        ({"reroute_after": 0}, "/reroute_after"),
        ({"reroute_after": 1.5}, "/reroute_after"),
    ],
)
def test_a_wrong_routing_is_refused_by_its_field(body: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(RoutingIn, body).to_domain()

    assert pointers(caught) == [pointer]


def test_a_choice_is_answered_with_all_that_was_considered() -> None:
    choice = choose(TaskNeeds(tier="light"), RoutingSpec(tiers={"light": ("a", "b")}, fallbacks=("c",)), {})

    answer = orjson.loads(orjson.dumps(choice_json(choice)))

    assert ChoiceOut.model_validate(answer).model_dump() == answer
    assert (answer["model"], answer["thinking"], answer["chain"]) == ("a", False, ["b", "c"])
    assert answer["considered"] == [{"model": "b", "why_not": "comes after a in the list"}]
