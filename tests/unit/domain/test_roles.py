"""Which role a task gets: by name, by tags, by load; and what the built-in roles are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.roles import BUILT_IN, Role, RoleWish, assign, canonical, find, pool


def role(name: str, *tags: str) -> Role:
    return Role(name=name, system_prompt=f"You are {name}.", capability_tags=tags)


def tagged(*tags: str) -> RoleWish:
    return RoleWish(capability_tags=tags)


ROLES = [role("anna", "code", "python"), role("bert", "code", "rust"), role("cora", "code"), role("dora", "law")]


def test_every_built_in_role_has_a_prompt_of_its_own() -> None:
    names = ["analyzer", "coder", "critic", "extractor", "planner", "researcher", "reviewer", "summarizer"]
    names += ["synthesizer", "validator", "writer"]
    assert sorted(BUILT_IN) == sorted(names)
    assert len({each.system_prompt for each in BUILT_IN.values()}) == len(names)
    for name, each in BUILT_IN.items():
        assert (each.name, each.built_in) == (name, True)
        assert 3 <= each.system_prompt.count(". ") + 1 <= 8, name
        assert each.system_prompt.startswith("You are a")
        assert not set("\n\t") & set(each.system_prompt)
        assert "  " not in each.system_prompt


def test_no_built_in_role_is_favoured_by_the_number_of_its_tags() -> None:
    """Else load would never decide between two of them."""
    assert {len({*each.capability_tags, each.name}) for each in BUILT_IN.values()} == {7}


@pytest.mark.parametrize(
    ("given_name", "means"),
    [
        ("analyst", "analyzer"),
        ("Data-Analyst", "analyzer"),
        ("aggregator", "synthesizer"),
        ("  Code   Reviewer ", "reviewer"),
        ("CODER", "coder"),
        ("sommelier", "sommelier"),
    ],
)
def test_other_names_and_spellings_mean_the_built_in_role(given_name: str, means: str) -> None:
    assert canonical(given_name) == means
    assert find(given_name, BUILT_IN) is BUILT_IN.get(means)


def test_the_very_name_wins_over_another_spelling_of_it() -> None:
    own = role("analyst")

    roles = pool({"analyst": own})

    assert find("analyst", roles) is own
    assert find("Analyst", roles) is BUILT_IN["analyzer"]


def test_the_pool_is_the_built_in_roles_and_the_own_ones_which_replace_them() -> None:
    mine, other = role("coder"), role("alchemist")

    roles = pool({"coder": mine, "alchemist": other})

    assert list(roles) == sorted([*BUILT_IN, "alchemist"])
    assert (roles["coder"], roles["alchemist"], roles["writer"]) == (mine, other, BUILT_IN["writer"])
    assert BUILT_IN["coder"].built_in


def test_a_named_role_stays_as_it_is_named_known_or_not() -> None:
    wishes = [RoleWish(role="sommelier"), RoleWish(role="Anna", capability_tags=("law",)), RoleWish()]

    assert assign(wishes, ROLES) == ["sommelier", "Anna", None]


def test_most_tags_win_then_the_fewest_that_were_not_asked_for() -> None:
    assert assign([tagged("code", "rust")], ROLES) == ["bert"]
    assert assign([tagged("Code")], ROLES) == ["cora"]  # two tags with its name; anna and bert have three
    assert assign([tagged("rust", "law", "code")], ROLES) == ["bert"]
    assert assign([tagged("dora")], ROLES) == ["dora"]  # the name is a tag
    assert assign([tagged("cooking")], ROLES) == [None]
    assert assign([tagged(" ", "-")], ROLES) == [None]


def test_tags_are_compared_without_differences_of_spelling() -> None:
    roles = [role("x", "Machine-Learning")]

    assert assign([tagged("machine learning"), tagged("MACHINE_learning")], roles) == ["x", "x"]


def test_ties_go_to_the_least_load_then_to_the_name() -> None:
    roles = [role("b", "t"), role("a", "t"), role("c", "t")]

    assert assign([tagged("t")] * 4, roles) == ["a", "b", "c", "a"]
    assert assign([tagged("t")] * 4, roles, {"a": 2, "c": 1}) == ["b", "b", "c", "a"]


def test_tasks_that_name_a_role_count_as_its_load_by_whatever_name() -> None:
    roles = [BUILT_IN["reviewer"], BUILT_IN["critic"], BUILT_IN["validator"]]
    wishes = [RoleWish(role="Critic"), RoleWish(role="code-reviewer"), tagged("quality"), tagged("quality")]

    assert assign(wishes, roles) == ["Critic", "code-reviewer", "validator", "critic"]


def test_what_is_given_as_load_is_not_changed() -> None:
    load = {"a": 1}

    assign([tagged("t")], [role("a", "t")], load)

    assert load == {"a": 1}


def test_the_built_in_roles_share_work_that_several_can_do() -> None:
    found = assign([tagged("quality")] * 6, BUILT_IN.values())

    assert found == ["critic", "reviewer", "validator"] * 2


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple), max_size=30),
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple), max_size=6),
)
def test_nobody_with_more_of_the_tags_is_passed_over(
    wanted: list[tuple[str, ...]], held: list[tuple[str, ...]]
) -> None:
    roles = [role(f"role {number}", *tags) for number, tags in enumerate(held)]
    by_name = {each.name: set(each.capability_tags) for each in roles}

    found = assign([tagged(*tags) for tags in wanted], roles)

    for tags, name in zip(wanted, found, strict=True):
        most = max((len(set(tags) & each) for each in by_name.values()), default=0)
        assert (0 if name is None else len(set(tags) & by_name[name])) == most


def test_twenty_thousand_tasks_and_all_roles_a_tenant_may_have_take_no_time() -> None:
    roles = [role(f"role {number}", *(f"tag {tag}" for tag in range(number, number + 100))) for number in range(211)]
    wishes = [tagged(f"tag {number % 50}", "tag 51") for number in range(20_000)]

    started = time.process_time()
    found = assign(wishes, roles)

    assert None not in found
    assert time.process_time() - started < 5
