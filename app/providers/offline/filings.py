"""Named facts of annual reports: company, fiscal year, key figures; from inline XBRL tags or from the cover's text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.domain.html_facts import Fact
from app.domain.html_text import HtmlText

COVER_BLOCKS = 400
"""The cover page of a filing lies within this many blocks of its start."""

KEY_FIGURES = {
    "Revenue": (
        "RevenueFromContractWithCustomerExcludingAssessedTax",
        "RevenueFromContractWithCustomerIncludingAssessedTax",
        "Revenues",
        "SalesRevenueNet",
    ),
    "Operating income": ("OperatingIncomeLoss",),
    "Net income": ("NetIncomeLoss", "ProfitLoss"),
    "Operating cash flow": ("NetCashProvidedByUsedInOperatingActivities",),
    "Total assets": ("Assets",),
    "Total equity": ("StockholdersEquity", "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"),
    "Long-term debt": ("LongTermDebtNoncurrent", "LongTermDebt"),
}
"""Label → tags of the US-GAAP taxonomy in order of preference; for revenue the largest counts."""

_FISCAL_YEAR = re.compile(
    r"for\s+the\s+(?:fiscal\s+)?year\s+ended:?\s+([A-Z][a-z]+\s+\d{1,2}\s*,\s+\d{4})", re.IGNORECASE
)
_EXACT_NAME = re.compile(r"exact\s+name\s+of\s+registrant", re.IGNORECASE)
_FORM = re.compile(r"\bform\s+(10-[KQ](?:/A)?|20-F|8-K)\b", re.IGNORECASE)


def filing_fields(blocks: Sequence[str], html: HtmlText | None = None) -> dict[str, str]:
    """Company, form, fiscal year and key figures of a filing; empty for any other document."""
    fields = _tagged_fields(html) if html is not None and html.facts else {}
    cover = [block for block in blocks[:COVER_BLOCKS] if len(block) < 2000]
    for index, block in enumerate(cover):
        if "Company" not in fields and index and _EXACT_NAME.search(block):
            fields["Company"] = _name_before(cover, index)
        if "Fiscal year ended" not in fields and (found := _FISCAL_YEAR.search(block)):
            fields["Fiscal year ended"] = " ".join(found.group(1).replace(" ,", ",").split())
        if "Form" not in fields and (form := _FORM.search(block)):
            fields["Form"] = form.group(1).upper()
    if "Fiscal year ended" not in fields and "Company" not in fields:
        return {}
    return {name: " ".join(value.split()) for name, value in fields.items() if value}


def _name_before(cover: Sequence[str], index: int) -> str:
    block = cover[index]
    before = _EXACT_NAME.split(block)[0].strip(" (|")
    if len(before) > 2:
        return before[-120:]
    for candidate in reversed(cover[max(0, index - 4) : index]):
        if len(candidate) < 120 and any(char.isalpha() for char in candidate):
            return candidate.strip(" |_")
    return ""


def _tagged_fields(html: HtmlText) -> dict[str, str]:
    cover: dict[str, str] = {}
    for fact in html.facts:
        if fact.name.startswith("dei:"):
            cover.setdefault(fact.name[4:], fact.text)
    fields = {
        "Company": cover.get("EntityRegistrantName", ""),
        "Form": cover.get("DocumentType", ""),
        "Fiscal year": cover.get("DocumentFiscalYearFocus", ""),
        "Fiscal year ended": cover.get("DocumentPeriodEndDate", ""),
    }
    by_tag: dict[str, list[Fact]] = {}
    for fact in html.facts:
        if fact.context not in html.segmented:
            by_tag.setdefault(fact.name.partition(":")[2], []).append(fact)
    for label, tags in KEY_FIGURES.items():
        values = [_latest(by_tag[tag], html.periods) for tag in tags if tag in by_tag]
        known = [value for value in values if value is not None]
        if known:
            fields[label] = _money(max(known) if label == "Revenue" else known[0])
    return fields


def _latest(facts: Sequence[Fact], periods: dict[str, str]) -> float | None:
    """The value of the newest and, among those, longest period (a year rather than its last quarter)."""
    best: tuple[str, str, float] | None = None
    for fact in facts:
        value = _value(fact)
        if value is None:
            continue
        start = periods.get(f"{fact.context}:start", "")
        rank = (periods.get(fact.context, ""), _descending(start), value)
        if best is None or rank[:2] > best[:2]:
            best = rank
    return None if best is None else best[2]


def _descending(date: str) -> str:
    """A string that sorts the other way round than ``date``."""
    return "".join(chr(ord("9") - int(char)) if char.isdigit() and char.isascii() else char for char in date)


def _value(fact: Fact) -> float | None:
    digits = fact.text.replace(",", "").strip("$() ")
    try:
        return float(digits) * 10.0**fact.scale
    except (ValueError, OverflowError):
        return None


def _money(value: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"${value / size:,.2f} {word}".replace(".00 ", " ")
    return f"${value:,.0f}"
