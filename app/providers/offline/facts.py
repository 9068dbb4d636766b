"""Known matters as values of JSON fields: what a document or the claims of earlier tasks say on a field's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from app.providers.offline.aspects import Aspect, aspect_of
from app.providers.offline.claims import Claim, read_claims
from app.providers.offline.extraction import extract
from app.providers.offline.merge_claims import amount_of, merged_claims
from app.providers.offline.passages import Passage, read_passages

LEAST_TEXT = 40
"""Characters below which a text is a request and no document."""

_NAME_FIELDS = frozenset({"document", "company", "file", "filing", "name", "title"})


_ROW = re.compile(r'"([^"]*)", in (thousand|million|billion)s$')
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_UNITS = {"thousand": 1e3, "million": 1e6, "billion": 1e9}


def _exact(claim: Claim) -> float | None:
    """The amount of a claim as its row has it: the value beside it is rounded for reading."""
    amount = amount_of(claim.value)
    row = _ROW.search(claim.text)
    if amount is None or row is None:
        return amount
    exact = [float(each.replace(",", "")) * _UNITS[row.group(2)] for each in _NUMBER.findall(row.group(1))]
    near = [each for each in exact if abs(each - abs(amount)) <= abs(amount) / 500]
    return near[0] if near and amount > 0 else -near[0] if near else amount


@dataclass(frozen=True)
class Facts:
    """What ``text`` says on named matters."""

    text: str

    @cached_property
    def _claims(self) -> list[Claim]:
        return merged_claims(read_claims(self.text)) if "- **" in self.text else []

    @cached_property
    def _passages(self) -> list[Passage]:
        return read_passages(self.text) if len(self.text) >= LEAST_TEXT else []

    @cached_property
    def documents(self) -> list[str]:
        """The documents that claims speak of, in order; empty for any other text."""
        return list(dict.fromkeys(claim.document for claim in self._claims))

    def of(self, field: str, index: int | None) -> list[Claim]:
        """The claims on the matter that ``field`` is called after; empty for a field of any other kind."""
        aspect = aspect_of(re.sub(r"[_-]+|(?<=[a-z])(?=[A-Z])", " ", field))
        if aspect.kind == "text":
            return []
        if self._claims:
            document = self.documents[index % len(self.documents)] if index is not None else None
            return [
                claim for claim in self._claims if claim.aspect == aspect.name and document in {None, claim.document}
            ]
        return self._read(aspect)

    def _read(self, aspect: Aspect) -> list[Claim]:
        return extract("the text", self._passages, [aspect]) if self._passages else []

    def text_of(self, field: str, index: int | None) -> str | None:
        """The value of a text field; None where this has nothing to say on it."""
        if self.documents and index is not None and field.lower() in _NAME_FIELDS:
            return self.documents[index % len(self.documents)]
        if self.documents and index is not None and field.lower() in {"source", "sources"}:
            document = self.documents[index % len(self.documents)]
            return next(claim.source for claim in self._claims if claim.document == document)
        claims = self.of(field, index)
        return "; ".join(claim.value.strip('"') for claim in claims) if claims else None

    def number_of(self, field: str, index: int | None) -> float | None:
        """The value of a number field in single units; None where there is none."""
        amounts = [_exact(claim) for claim in self.of(field, index)]
        return next((amount for amount in amounts if amount is not None), None)

    def items_of(self, field: str) -> list[str]:
        """The values of a list field, without those that were not found."""
        return [claim.value.strip('"') for claim in self.of(field, None) if claim.found]
