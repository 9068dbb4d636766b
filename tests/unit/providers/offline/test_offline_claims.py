"""Answers on named matters of a document: figures, names and headings with their place, or an honest "not found"."""

from __future__ import annotations

import pytest

from app.providers.offline.aspects import aspects_in, aspects_of_goal
from app.providers.offline.claims import Claim, read_claims
from app.providers.offline.extraction import extract
from app.providers.offline.passages import read_passages
from tests.support.offline_asking import ask_json, ask_text

FILING = """Acme Corporation

Item 1. Business
We cast widgets for railways. As of December 31, 2024, we employed 1,234 people in three countries.

Item 1A. Risk Factors
Risks Related to Our Business
We depend on a single foundry, and losing it could harm our business.
All of our widgets are cast by one foundry. If it failed, we could not deliver for months. Another would take years.
Our patents expire soon, which may increase competition.
Nine of our patents expire in 2027. Others may then sell the same widgets at a lower price than we do, and faster.

Item 7. Management's Discussion and Analysis
Segment revenue | 2023 | 2024
Total revenue | 77 | 88

Item 8. Financial Statements
Consolidated Statements of Income
(in thousands, except per share data)
Year ended December 31, | 2024 | 2023
Total revenue | $ | 1,250,400 | | $ | 1,100,000
Cost of revenue | 700,000 | | 650,000
Net income | $ | (250,000) | | 200,000
We have audited the accounts of Acme Corporation.
/s/ Smith & Jones LLP
We have served as the Company's auditor since 1999.
Total revenue | 1,250,400 | 1,100,000
"""


def claims_of(prompt: str, text: str = FILING, part: str = "") -> list[Claim]:
    return extract("acme.txt", read_passages(text), aspects_in(prompt), part)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("Compare these six filings' revenue, risks and auditors, and validate each claim", "Revenue Risks Auditor"),
        ("Report the auditor, headquarters and revenue of the company", "Auditor Headquarters Revenue"),
        (
            "Compare research and development, dividends and EPS",
            "Research and development/Dividends/Earnings per share",
        ),
        ("Aspects: revenue; dividend policy; auditors", "Revenue/Dividend policy/Auditor"),
        ("Read it and list the statements and figures that matter most.", ""),
    ],
)
def test_the_matters_that_a_prompt_names(prompt: str, names: str) -> None:
    expected = names.split("/") if "/" in names else names.split()
    assert [aspect.name for aspect in aspects_in(prompt)] == expected


def test_figures_names_and_headings_with_their_place() -> None:
    claims = claims_of("Give revenue, net income, the auditor, risks and the number of employees.")
    assert [(claim.aspect, claim.value, claim.source) for claim in claims] == [
        ("Revenue", "$1.25 billion (2024)", "acme.txt, Item 8"),
        ("Net income", "-$250 million (2024)", "acme.txt, Item 8"),
        ("Auditor", "Smith & Jones LLP", "acme.txt, Item 8"),
        ("Risks", '"We depend on a single foundry, and losing it could harm our business"', "acme.txt, Item 1A"),
        ("Risks", '"Our patents expire soon, which may increase competition"', "acme.txt, Item 1A"),
        ("Employees", "1,234", "acme.txt, Item 1"),
    ]
    assert '"Total revenue $1,250,400 $1,100,000", in thousands' in claims[0].text
    assert "auditor since 1999" in claims[2].text


def test_the_newest_year_is_taken_wherever_its_column_stands() -> None:
    text = "Item 8. Statements\n(in millions) | 2022 | 2023 | 2024\nTotal revenues | 100 | 200 | 300\n"
    assert claims_of("Give the revenue.", text)[0].value == "300 million (2024)"


def test_the_currency_is_that_of_the_table_and_never_made_up() -> None:
    text = "(in millions) | 2024 | 2023\nProduct revenue | € 4 | € 3\nTotal revenue | 9 | 8\n"
    assert claims_of("Give the revenue.", text)[0].value == "€9 million (2024)"


def test_a_label_that_a_line_break_parts_from_its_figures() -> None:
    text = "(in billions) | 2024 | 2023\nTotal revenues\n$ | 5.5 | $ | 5.1\n"
    assert claims_of("Give the revenue.", text)[0].value == "$5.5 billion (2024)"


def test_html_is_read_like_text() -> None:
    rows = "".join(f"<tr><td>{'</td><td>'.join(line.split(' | '))}</td></tr>" for line in FILING.split("\n"))
    html = f"<html><body><table>{rows}</table></body></html>"
    assert claims_of("Give revenue and auditor.", html) == claims_of("Give revenue and auditor.")


def test_a_sentence_gives_the_figure_where_no_table_does() -> None:
    text = "Freight revenue was $3 million. In 2024, our revenue was $12.5 million, and we paid our debts.\n"
    claim = claims_of("Give the revenue.", text)[0]
    assert claim.value == "$12.5 million"
    assert "we paid our debts" in claim.text
    assert not claims_of("Give the revenue.", text, "part 2 of 3")[0].found


def test_what_is_not_there_is_not_found() -> None:
    claims = claims_of("Compare revenue, dividends and the auditor.", "Item 1. Business\nWe sell shoes.\n")
    assert [claim.found for claim in claims] == [False, False, False]
    assert claims[0].text == "not found in acme.txt"
    part = claims_of("Give the revenue.", "We sell shoes.", "part 2 of 3")
    assert part[0].line() == "- **Revenue**: not found in acme.txt, part 2 of 3 [acme.txt, part 2 of 3]"


def test_a_report_that_refers_to_another_document_is_quoted_on_it() -> None:
    text = "Item 8. Statements\nSee the annual report, which is incorporated herein by reference.\nItem 9. None\n"
    claim = claims_of("Give the revenue.", text)[0]
    assert not claim.found
    assert claim.source == "acme.txt, Item 8"
    assert "annual report" in claim.text


def test_a_part_knows_the_section_it_begins_in() -> None:
    text = "Total revenue | 5 | 4\nItem 9. Changes in Accountants\nNone.\n"
    assert claims_of("Give the revenue.", text, "part 3 of 4")[0].source == "acme.txt, part 3 of 4, Item 8"


def test_parts_of_a_report_beside_its_risk_factors_name_none() -> None:
    text = "Item 7. Discussion\nRates could harm our sales, and there is a risk that they rise.\nItem 8. Statements\n"
    assert not claims_of("Name the risks.", text, "part 2 of 3")[0].found
    assert claims_of("Name the risks.", "Rates could harm our sales, and there is a risk that they rise.\n")[0].found


def test_any_other_matter_is_answered_by_quotes_that_name_it() -> None:
    text = "We lease our headquarters in Oslo until the year 2031.\nOur shops are in Norway and in Sweden.\n"
    claims = claims_of("Report revenue, headquarters and auditor.", text)
    assert claims[1].text == '"We lease our headquarters in Oslo until the year 2031."'


PAPER = """PEP: 9
Title: Roads
Author: A. Smith, who wrote it all
Status: Final

Rationale
=========
Roads connect the towns of a whole country. They also
last for a very long time, if they are built well.
"""


def test_header_lines_and_sections_answer_matters_of_their_name() -> None:
    claims = claims_of("Aspects: authors; status; rationale; cost", PAPER)
    assert [(claim.text, claim.source) for claim in claims] == [
        ('"A. Smith, who wrote it all"', "acme.txt"),
        ('"Final"', "acme.txt"),
        ('"Roads connect the towns of a whole country."', 'acme.txt, section "Rationale"'),
        ('"They also last for a very long time, if they are built well."', 'acme.txt, section "Rationale"'),
        ("not found in acme.txt", "acme.txt"),
    ]


@pytest.mark.parametrize(
    ("goal", "names"),
    [
        ("Compare these papers' status, authors and rationale, and validate each claim", "Status Authors Rationale"),
        ("Compare the method and data of each paper", "Method Data"),
        ("Summarise these papers and write a report", ""),
    ],
)
def test_a_goal_may_name_matters_that_nobody_knows(goal: str, names: str) -> None:
    assert [aspect.name for aspect in aspects_of_goal(goal)] == names.split()


def test_years_of_maturity_are_no_columns() -> None:
    text = "(in millions) | 2027 | 2034\nTotal revenue | 5 | 9\n"
    assert claims_of("Give the revenue.", text)[0].value == "5 million"


def test_a_sub_task_on_documents_answers_each_matter_of_each() -> None:
    documents = [{"name": "acme.txt", "text": FILING}, {"name": "shoes.txt", "text": "We sell good shoes in Oslo."}]
    answer = ask_text(
        "Report revenue and auditor.", task={"id": "t1", "role": "researcher", "data": {"documents": documents}}
    )
    assert "| acme.txt | $1.25 billion (2024) | Smith & Jones LLP |" in answer
    assert "| shoes.txt | not found | not found |" in answer
    assert [claim.document for claim in read_claims(answer)] == ["acme.txt"] * 2 + ["shoes.txt"] * 2


def test_a_review_of_the_last_answer_asks_for_nothing_of_its_own() -> None:
    review = '\n\n## Review of your previous answer\nMend it.\n{"score":0.2,"critique":"The auditor is missing."}'
    task = {"id": "t1", "data": {"documents": [{"name": "acme.txt", "text": FILING}]}}
    claims = read_claims(ask_text("Report the revenue." + review, task=task))
    assert [claim.aspect for claim in claims] == ["Revenue"]


def test_fields_of_a_schema_are_filled_from_the_document() -> None:
    schema = {
        "type": "object",
        "required": ["revenue", "auditor", "risks", "employees"],
        "properties": {
            "revenue": {"type": "number"},
            "auditor": {"type": "string"},
            "risks": {"type": "array", "items": {"type": "string"}},
            "employees": {"type": "integer"},
        },
    }
    answer = ask_json(
        "Read the filing.",
        task={"id": "t1", "data": {"documents": [{"name": "acme.txt", "text": FILING}]}},
        response_format={"type": "json_schema", "json_schema": {"name": "facts", "schema": schema}},
    )
    assert answer["revenue"] == 1_250_400_000
    assert answer["auditor"] == "Smith & Jones LLP"
    assert answer["employees"] == 1234
    assert len(answer["risks"]) == 2


@pytest.mark.parametrize(
    "text", ["|" * 200_000, "Item 1A. " * 40_000, "/s/ A B " * 40_000, "risk 2024 $1,000 " * 30_000]
)
def test_hostile_texts_cost_no_more_than_their_length(text: str) -> None:
    assert claims_of("Give revenue, risks, auditor, employees and dividends.", text)
