"""Ids sort by time, are recognised by their form, and a sub-agent's id leads back to its task."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ids import AGENT_PREFIX, SWARM_PREFIX, is_id, make_id, number_of, split_sub_agent_id, sub_agent_id

MOMENTS = st.integers(0, 2**48 - 1)
BITS = st.integers(0, 2**80 - 1)


def test_an_id_has_the_layout_of_a_ulid() -> None:
    # The example of the specification: 1469918176385 ms is written 01ARYZ6S41.
    assert make_id(SWARM_PREFIX, 1469918176385, 0) == "swm_01ARYZ6S41" + "0" * 16
    assert make_id(SWARM_PREFIX, 2**48 - 1, 2**80 - 1) == "swm_7" + "Z" * 25


@given(MOMENTS, BITS, MOMENTS, BITS)
def test_ids_sort_as_text_by_the_time_they_were_made(at: int, bits: int, later_at: int, later_bits: int) -> None:
    first, second = make_id(AGENT_PREFIX, at, bits), make_id(AGENT_PREFIX, later_at, later_bits)

    assert (first < second) == ((at, bits) < (later_at, later_bits))
    assert (first == second) == ((at, bits) == (later_at, later_bits))


def test_more_random_bits_than_there_is_room_for_do_not_touch_the_time() -> None:
    assert make_id(SWARM_PREFIX, 5, 2**80 + 7) == make_id(SWARM_PREFIX, 5, 7)


@given(MOMENTS, BITS)
def test_an_id_is_recognised_by_its_form(at: int, bits: int) -> None:
    made = make_id(SWARM_PREFIX, at, bits)

    assert is_id(SWARM_PREFIX, made)
    assert not is_id(AGENT_PREFIX, made)


@pytest.mark.parametrize(
    "text",
    ["", "swm_", "01ARYZ6S410000000000000000", "swm_01aryz6s410000000000000000", "swm_" + "0" * 27, "swm_" + "U" * 26],
)
def test_what_is_no_id_is_not_taken_for_one(text: str) -> None:
    assert not is_id(SWARM_PREFIX, text)


@given(MOMENTS, BITS, st.integers(0, 200_000))
def test_a_sub_agents_id_leads_back_to_its_task(at: int, bits: int, index: int) -> None:
    swarm_id = make_id(SWARM_PREFIX, at, bits)
    agent_id = sub_agent_id(swarm_id, index)

    assert agent_id.startswith(AGENT_PREFIX)
    assert split_sub_agent_id(agent_id) == (swarm_id, index)
    assert not is_id(AGENT_PREFIX, agent_id)


def test_the_sub_agents_of_a_swarm_sort_in_the_order_of_its_tasks() -> None:
    swarm_id = make_id(SWARM_PREFIX, 1, 1)
    ids = [sub_agent_id(swarm_id, index) for index in (0, 9, 10, 99, 100, 19_999)]

    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "agt_",
        "agt_01ARYZ6S410000000000000000",
        "agt_01ARYZ6S410000000000000000_",
        "agt_01ARYZ6S410000000000000000_x",
        "agt_01ARYZ6S410000000000000000_-0001",
        "agt_01ARYZ6S410000000000000000_+0001",
        "agt_01ARYZ6S410000000000000000_" + "\N{ARABIC-INDIC DIGIT ONE}" * 5,
        "agt_01ARYZ6S410000000000000000_²",
        "agt_01ARYZ6S410000000000000000_1",
        "agt_01ARYZ6S410000000000000000_000001",
        "agt_01ARYZ6S410000000000000000_" + "1" * 5_000,
        "swm_01ARYZ6S410000000000000000_00001",
        "01ARYZ6S410000000000000000_00001",
    ],
)
def test_what_names_no_sub_agent_is_not_taken_for_one(text: str) -> None:
    assert split_sub_agent_id(text) is None


@given(MOMENTS, BITS)
def test_an_id_writes_down_its_time_and_its_bits(at: int, bits: int) -> None:
    assert number_of(make_id(SWARM_PREFIX, at, bits)) == (at << 80) + bits
