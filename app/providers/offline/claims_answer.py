"""Sub-tasks on documents that ask for named matters, and sub-tasks that check the claims of others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.providers.offline.aspects import aspect_of, aspects_in
from app.providers.offline.claims import SUPPORTED, UNSUPPORTED, Claim, is_claims, read_claims, source_of
from app.providers.offline.documents import read_document
from app.providers.offline.evidence import Evidence, supported_claim, texts_of
from app.providers.offline.extraction import extract
from app.providers.offline.materials import Material
from app.providers.offline.merge_claims import claims_report
from app.providers.offline.passages import Passage, read_passages
from app.providers.offline.reading import Question
from app.providers.offline.report import Room
from app.providers.offline.summary import digest
from app.providers.offline.text import sentences, shorten
from app.providers.offline.totals import SEPARATOR

MAX_CHECKED = 300

_SOURCE = re.compile(r" \[[^\[\]\n]{1,320}\]$")

_SUMMARISES = re.compile(r"\bsummar(?:y|ise|ize|ising|izing)\b", re.IGNORECASE)
_CHECKS = re.compile(
    r"(?:validat|verif|fact-?check|double-?check|check\w* (?:each|every|all|the|whether))", re.IGNORECASE
)
_REPORTED = re.compile(r"^(?:#{1,6} .*|[A-Z][\w ]{1,24}: .*\u00b7.*|\|.*\|)$", re.MULTILINE)


def claims_answer(question: Question, materials: Sequence[Material], room: Room) -> str:
    """Claims on the matters that the prompt names, each with its source; empty when it names none."""
    documents = [material for material in materials if material.kind == "document" and material.text.strip()]
    if not documents:
        return ""
    if question.inputs and is_validating(question):
        return _checked_report(question, documents, room)
    aspects = [] if question.inputs else aspects_in(own_words(question.prompt))
    if not aspects:
        return ""
    claims: list[Claim] = []
    for at, material in enumerate(documents, start=1):
        name = material.name or f"text {at}"
        claims += extract(name, read_passages(material.text), aspects, material.place)
    more = []
    if _SUMMARISES.search(own_words(question.prompt)):
        more = [("Key points", _key_points(material, at)) for at, material in enumerate(documents, start=1)]
    title = documents[0].name or "Answers" if len(documents) == 1 else "Answers by document"
    return claims_report(shorten(title, 160), claims, room, more)


def own_words(prompt: str) -> str:
    """``prompt`` without what the service adds below it: a review of the last answer, the format of the next."""
    return prompt.partition("\n\n## ")[0] if not prompt.startswith("## ") else prompt


def is_validating(question: Question) -> bool:
    """Whether the sub-task is to check what others said."""
    role = question.task.get("role") if question.task else None
    return role == "validator" or _CHECKS.match(own_words(question.prompt)) is not None


def _key_points(material: Material, at: int) -> list[str]:
    best = digest(read_document(material.text), 5).best
    source = source_of(material.name or f"text {at}", "")
    return [f"- {shorten(sentence, 420)} [{source}]" for sentence in best]


def _checked_report(question: Question, documents: Sequence[Material], room: Room) -> str:
    claims = [claim for name, value in (question.inputs or {}).items() for claim in _claims_of(name, value)]
    checker = _Checker(documents)
    checked = [checker.checked(claim) for claim in claims[:MAX_CHECKED]]
    if not checked:
        return "Nothing to check: the inputs hold no claims.\n"
    return claims_report("Checked claims", checked, room)


def _claims_of(name: str, value: object) -> list[Claim]:
    """The claims of one input: as they are written, or each sentence of any other text."""
    found: list[Claim] = []
    for text in texts_of([value]):
        if is_claims(text):
            found += read_claims(text)
            continue
        plain = _REPORTED.sub("", text[:100_000])
        said = [sentence.lstrip("-*• ") for line in plain.split("\n") for sentence in sentences(line)]
        label = shorten(str(name), 60).replace("*", "")
        plain_said = [each.replace("**", "") for each in said if len(each.split()) > 2 and SEPARATOR not in each]
        found += [Claim(label, shorten(_SOURCE.sub("", each), 400), "") for each in plain_said]
    return found


class _Checker:
    """Checks claims against documents; each document is read once, however many claims there are."""

    def __init__(self, documents: Sequence[Material]) -> None:
        self._documents = list(documents)
        self._evidence: dict[str, Evidence] = {}
        self._passages: dict[int, list[Passage]] = {}

    def checked(self, claim: Claim) -> Claim:
        """``claim`` with its status, by the document it names, or by any where it names none of them."""
        named = [m for m in self._documents if m.name and source_of(m.name, "") == claim.document]
        against = named or self._documents
        source = claim.source or source_of(" and ".join(m.name or "text" for m in against[:3]), "")
        if claim.found:
            key = claim.document if named else ""
            if key not in self._evidence:
                self._evidence[key] = Evidence(m.text for m in against)
            is_supported = supported_claim(claim, self._evidence[key])
        else:
            is_supported = not any(self._finds(claim, material) for material in against)
        return Claim(claim.aspect, claim.text, source, SUPPORTED if is_supported else UNSUPPORTED)

    def _finds(self, claim: Claim, material: Material) -> bool:
        """Whether what is claimed to be missing is there."""
        if id(material) not in self._passages:
            self._passages[id(material)] = read_passages(material.text)
        again = extract(material.name, self._passages[id(material)], [aspect_of(claim.aspect)], material.place)
        return any(each.found for each in again)
