"""The summary of one document as a report that people read and that ``merge_documents`` adds up."""

from __future__ import annotations

from app.providers.offline.documents import read_document
from app.providers.offline.report import Report
from app.providers.offline.summary import digest
from app.providers.offline.text import number, shorten, squeeze
from app.providers.offline.totals import SEPARATOR, format_line, top

KEY_SENTENCES = 7
LISTED_HEADINGS = 14
LISTED_TERMS = 10
FIELDS_HIDDEN = frozenset({"Post-History", "Discussions-To", "Resolution", "Content-Type", "Last-Modified", "Version"})


def document_report(name: str, text: str, *, part: bool = False, sentences: int = KEY_SENTENCES) -> Report:
    """Title, named facts, best sentences, figures and headings of one document (or part of one)."""
    document = read_document(text)
    found = digest(document, sentences)
    title = document.title or name
    if "PEP" in document.fields and document.title:
        title = f"PEP {document.fields['PEP']}: {document.title}"
    counts = {"parts" if part else "documents": 1, "words": found.words, "sentences": found.sentences}
    report = Report(shorten(title, 160) or "Summary", [format_line("Totals", counts)])
    if found.terms:
        report.lead.append(format_line("Terms", top(found.terms, LISTED_TERMS)))
    fields = [f"- {field}: {shorten(value, 160)}" for field, value in document.fields.items() if _is_shown(field)]
    report.add("Facts", fields)
    best = found.best or ([shorten(squeeze(text[:2000]), 300)] if text.strip() else [])
    report.add("Key points", [f"- {shorten(sentence, 420)}" for sentence in best], keep=1)
    telling = [figure for figure in found.figures if _is_telling(figure)]
    if len(telling) > 1:
        report.add("Figures", [SEPARATOR.join(telling[:15])])
    headings = [shorten(heading, 80) for heading in document.headings[:LISTED_HEADINGS]]
    if headings:
        more = len(document.headings) - len(headings)
        tail = f"{SEPARATOR}and {number(more)} more" if more > 0 else ""
        report.add("Sections", [SEPARATOR.join(headings) + tail])
    return report


def _is_telling(figure: str) -> bool:
    """Whether a figure means something without its sentence: it has a unit or is large."""
    return not figure[-1].isdigit() or figure[0] in "$€£" or "," in figure


def _is_shown(field: str) -> bool:
    return field not in FIELDS_HIDDEN and field not in {"Title", "PEP"}
