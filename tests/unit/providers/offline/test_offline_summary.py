"""Summaries are made of the document's own sentences, names and figures, whatever its markup."""

from __future__ import annotations

import time

from app.providers.offline.documents import read_document
from app.providers.offline.summary import digest
from app.providers.offline.text import sentences
from tests.support.offline_asking import ask_text

PEP = """PEP: 9999
Title: A ``frozen`` type
Author: Ada Lovelace <ada@example.com>,
        Charles Babbage <cb@example.com>
Status: Final
Type: Standards Track
Python-Version: 3.99

Abstract
========

This PEP proposes a frozen type for :pep:`123` mappings. It makes 42 percent of copies unnecessary [1]_.

Specification
=============

.. note:: Not for quoting, this note speaks of mappings and mappings and frozen mappings.

The frozen type hashes by content::

    # this is code, and no heading
    frozen = make(mapping)

Every frozen mapping keeps its insertion order for iteration.
"""

FILING = """<?xml version='1.0'?><html><head><title>acme-20241231</title><style>p {color: red}</style></head><body>
<ix:header><ix:hidden>
<ix:nonNumeric name="dei:DocumentFiscalYearFocus" contextRef="c1">2024</ix:nonNumeric>
<xbrli:context id="c1"><xbrli:entity></xbrli:entity><xbrli:startDate>2024-01-01</xbrli:startDate>
<xbrli:endDate>2024-12-31</xbrli:endDate></xbrli:context>
<xbrli:context id="c0"><xbrli:startDate>2023-01-01</xbrli:startDate>
<xbrli:endDate>2023-12-31</xbrli:endDate></xbrli:context>
<xbrli:context id="s1"><xbrli:segment><xbrldi:explicitMember>x</xbrldi:explicitMember></xbrli:segment>
<xbrli:endDate>2024-12-31</xbrli:endDate></xbrli:context>
</ix:hidden></ix:header>
<script>if (1 < 2) { alert("never read this sentence as text, it is a script"); }</script>
<p><ix:nonNumeric name="dei:EntityRegistrantName" contextRef="c1">ACME&nbsp;ANVILS INC.</ix:nonNumeric></p>
<p>(Exact name of registrant as specified in its charter)</p>
<div>ITEM 1. BUSINESS</div><div>ITEM 7. MANAGEMENT&#8217;S DISCUSSION</div>
<p>ACME Anvils makes anvils for coyotes and sold 12,345 anvils in its best year so far.</p>
<table><tr><td>Revenue</td><td>$
<ix:nonFraction name="us-gaap:Revenues" contextRef="c0" scale="6">900</ix:nonFraction></td>
<td><ix:nonFraction name="us-gaap:Revenues" contextRef="c1" scale="6">1,250</ix:nonFraction></td></tr>
<tr><td>Segment</td><td>
<ix:nonFraction name="us-gaap:Revenues" contextRef="s1" scale="6">9,999</ix:nonFraction></td></tr>
</table></body></html>"""


def test_a_pep_gives_its_headers_and_its_sentences() -> None:
    text = ask_text("Summarise.", task={"id": "x", "data": {"path": "pep-9999.rst", "text": PEP}})
    assert text.startswith("# PEP 9999: A frozen type\n")
    for fact in ("Status: Final", "Type: Standards Track", "Python-Version: 3.99", "Ada Lovelace", "Charles Babbage"):
        assert fact in text
    assert "- This PEP proposes a frozen type for PEP 123 mappings." in text
    assert "42 percent of copies unnecessary." in text
    assert "Not for quoting" not in text
    assert "Abstract · Specification" in text


def test_code_in_a_document_is_neither_heading_nor_sentence() -> None:
    document = read_document(PEP)
    assert document.headings == ["Abstract", "Specification"]
    assert not any("frozen = make" in paragraph for paragraph in document.paragraphs)


def test_a_filing_gives_company_year_and_the_latest_figures_of_the_whole_company() -> None:
    text = ask_text("Summarise.", task={"id": "x", "data": {"text": FILING}})
    assert text.startswith("# ACME ANVILS INC.\n")
    assert "- Fiscal year: 2024" in text
    assert "- Revenue: $1.25 billion" in text
    assert "sold 12,345 anvils" in text
    assert "ITEM 1. BUSINESS · ITEM 7. MANAGEMENT" in text
    assert "never read this sentence" not in text
    assert "color: red" not in text


def test_the_cover_of_a_plain_text_filing_is_read_too() -> None:
    text = (
        "FORM 10-K\n\nFor the fiscal year ended November 29, 2024\n\nACME ANVILS INC.\n\n"
        "(Exact name of registrant as specified in its charter)\n\nWe make anvils for coyotes all over the desert."
    )
    fields = read_document(text).fields
    assert fields == {"Form": "10-K", "Fiscal year ended": "November 29, 2024", "Company": "ACME ANVILS INC."}


def test_markdown_headings_lists_and_links_are_read_as_text() -> None:
    document = read_document(
        "# Rocks\n\n- See [the guide](http://x/y) for **granite**.\n- Basalt is a dark rock.\n\n## More\n"
    )
    assert document.title == "Rocks"
    assert document.headings == ["More"]
    assert document.paragraphs == ["See the guide for granite.", "Basalt is a dark rock."]


def test_fenced_code_is_no_prose_unless_the_fence_stays_open() -> None:
    paragraphs = read_document("One fine line.\n```py\nx = 1\n```\nAnother line.").paragraphs
    assert paragraphs == ["One fine line.", "Another line."]
    assert "Still read." in " ".join(read_document("A line.\n```\nStill read.").paragraphs)


def test_the_best_sentences_carry_the_subject_and_keep_their_order() -> None:
    filler = [f"Nothing much happened on that quiet day number {n}." for n in range(30)]
    text = " ".join(
        ["Glaciers shape valleys because glaciers grind rock.", *filler, "Glaciers carved 14 valleys here."]
    )
    best = digest(read_document(text + "\n\nGlaciers move, and glaciers leave moraines in valleys."), 3).best
    assert "Glaciers shape valleys because glaciers grind rock." in best
    assert best[-1].startswith("Glaciers move")


def test_abbreviations_and_decimals_do_not_end_sentences() -> None:
    text = "Dr. Smith paid 3.5 million, e.g. for rent. The U.S. office closed. Was it late? Yes."
    assert sentences(text) == [
        "Dr. Smith paid 3.5 million, e.g. for rent.",
        "The U.S. office closed.",
        "Was it late?",
        "Yes.",
    ]


def test_megabytes_of_hostile_markup_cost_no_more_than_their_length() -> None:
    started = time.process_time()
    for text in (
        "<html>" + "<a " * 300_000,
        "<html>" + "<!-- " * 200_000,
        "<p>" * 300_000,
        "`" * 500_000,
        "a" * 2_000_000,
    ):
        assert ask_text("Summarise.", task={"data": {"text": text}})
    assert time.process_time() - started < 20
