"""Merging claims: each keeps its source, over any number of levels and in any room."""

from __future__ import annotations

import re

import pytest

from app.providers.offline.claims import Claim, counts_line, read_claims
from app.providers.offline.tokens import estimate_tokens
from app.scheduler.merging import merge_prompt
from tests.support.offline_asking import ask, ask_text


def report(*claims: Claim) -> str:
    return f"{counts_line(claims)}\n\n" + "\n".join(claim.line() for claim in claims)


def filing(name: str, revenue: str, auditor: str) -> str:
    return report(
        Claim("Revenue", f'{revenue}: "Total revenue {revenue}"', f"{name}, Item 8"),
        Claim("Auditor", auditor, f"{name}, Item 9A"),
        Claim("Risks", f'"{name} may fail"', f"{name}, Item 1A"),
        Claim("Risks", f'"{name} may be late"', f"{name}, Item 1A"),
    )


THREE = {
    "read-a": filing("a.txt", "$2 million (2024)", "KPMG LLP"),
    "read-b": filing("b.txt", "$3 billion (2024)", "Smith LLP"),
    "read-c": filing("c.txt", "$900 million (2023)", "KPMG LLP"),
}


def test_a_comparison_with_the_source_of_each_claim() -> None:
    answer = ask_text("Compare them.", inputs=THREE)
    assert "| Document | Revenue | Auditor | Risks |" in answer
    assert "| b.txt | $3 billion (2024) | Smith LLP | b.txt may fail (and 1 more) |" in answer
    assert (
        "- Revenue, highest first: b.txt $3 billion (2024) [b.txt, Item 8]; c.txt $900 million (2023) [c.txt, Item 8]; "
        "a.txt $2 million (2024) [a.txt, Item 8]" in answer
    )
    assert (
        "KPMG LLP in a.txt [a.txt, Item 9A] and c.txt [c.txt, Item 9A]; Smith LLP in b.txt [b.txt, Item 9A]" in answer
    )
    claims = read_claims(answer)
    assert len(claims) == 12
    assert {claim.source for claim in claims} == {
        f"{name}.txt, {item}" for name in "abc" for item in ("Item 8", "Item 9A", "Item 1A")
    }


def test_merging_merged_reports_loses_and_adds_nothing() -> None:
    once = ask_text("Merge.", inputs=THREE)
    twice = ask_text("Merge.", inputs={"x": once, "y": THREE["read-b"]})
    assert sorted(read_claims(twice), key=str) == sorted(read_claims(once), key=str)


@pytest.mark.parametrize("limit", [60, 150, 300, 500, 900])
def test_short_room_drops_what_is_said_twice_first_and_never_a_source(limit: int) -> None:
    many = {f"read-{at}": filing(f"d{at}.txt", f"${at + 2} million (2024)", "KPMG LLP") for at in range(12)}
    result = ask("Merge.", inputs=many, max_output_tokens=limit)
    text = result.content or ""
    assert estimate_tokens(text) <= limit
    for line in re.findall(r"^- \*\*.*$", text, re.MULTILINE):
        assert line.endswith("]"), line
    if limit >= 900:
        assert len({claim.document for claim in read_claims(text)}) == 12


def test_levels_do_not_grow() -> None:
    text = ask_text("Merge.", inputs=THREE)
    for level in range(4):
        longer = ask_text("Merge.", inputs={f"l{level}": text, "again": THREE["read-a"]})
        assert len(longer) <= len(text) + 200
        text = longer


def test_a_check_counts_more_than_the_claim_and_one_part_is_enough() -> None:
    claim = Claim("Revenue", "$2 million", "a.txt, Item 8")
    wrong = Claim("Revenue", "$2 million", "a.txt, part 1 of 2, Item 8", "not supported")
    right = Claim("Revenue", "$2 million", "a.txt, part 2 of 2, Item 8", "supported")
    assert [c.status for c in read_claims(ask_text("Merge.", inputs={"r": report(claim), "v": report(wrong)}))] == [
        "not supported"
    ]
    merged = read_claims(ask_text("Merge.", inputs={"r": report(claim), "v": report(wrong), "w": report(right)}))
    assert merged == [right]


def test_what_one_part_found_is_not_missing_in_the_document() -> None:
    absent = Claim("Auditor", "not found in a.txt, part 1 of 2", "a.txt, part 1 of 2")
    found = Claim("Auditor", "KPMG LLP", "a.txt, part 2 of 2, Item 8")
    assert read_claims(ask_text("Merge.", inputs={"p1": report(absent), "p2": report(found)})) == [found]
    nowhere = read_claims(ask_text("Merge.", inputs={"p1": report(absent), "p2": report(absent)}))
    assert nowhere == [Claim("Auditor", "not found in a.txt", "a.txt")]


def test_the_value_that_most_parts_give_comes_first() -> None:
    values = ["$5 million", "$7 million (2024)", "$7 million"]
    inputs = {
        f"p{at}": report(Claim("Revenue", value, f"a.txt, part {at} of 3")) for at, value in enumerate(values, start=1)
    }
    assert [claim.value for claim in read_claims(ask_text("Merge.", inputs=inputs))] == [
        "$7 million (2024)",
        "$5 million",
    ]


def test_other_outputs_keep_the_task_as_their_source() -> None:
    answer = ask_text("Merge.", inputs={"rivers": "Rivers flow to the sea.", "lakes": "Lakes are full of water."})
    assert "- **rivers**: Rivers flow to the sea. [rivers]" in answer
    again = ask_text("Merge.", inputs={"all": answer, "hills": "Hills are high and steep."})
    assert "- **rivers**: Rivers flow to the sea. [rivers]" in again
    assert "- **hills**: Hills are high and steep. [hills]" in again


def test_objects_with_the_same_fields_are_compared_in_a_table() -> None:
    inputs = {"a": {"revenue": "5", "auditor": "KPMG"}, "b": {"revenue": "7", "auditor": "Smith", "own": "x"}}
    answer = ask_text("Compare.", inputs=inputs)
    assert "| Input | revenue | auditor |\n| --- | --- | --- |\n| a | 5 | KPMG |\n| b | 7 | Smith |" in answer
    assert "- **a**: revenue: 5; auditor: KPMG [a]" in answer


def test_a_report_for_a_goal_is_called_after_it() -> None:
    prompt = merge_prompt("synthesis", "Merge them.", "Compare the rivers.", 1, True)
    assert ask_text(prompt, inputs={"a": "Rivers flow far."}).startswith("# Merged report: Compare the rivers\n")


def test_a_report_on_other_inputs_beside_them_counts_nothing_twice() -> None:
    inputs = {"read-a": "Rivers flow to the sea.", "read-b": "Lakes are full of water."}
    both = ask_text("Merge.", inputs=inputs)
    answer = ask_text("Merge.", inputs={**inputs, "both": both})
    assert answer.startswith("# Merged report\n\n3 inputs, 2 documents")
    assert answer.count("Rivers flow to the sea.") == 1


def test_texts_without_a_table_of_matters_get_no_table() -> None:
    claims = [Claim("read-a", "Rivers flow.", "a.txt"), Claim("read-b", "Lakes lie.", "b.txt")]
    assert "| Document" not in ask_text("Merge.", inputs={"v": report(*claims)})
