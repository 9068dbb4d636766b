"""The main text of a web page as Markdown (trafilatura). Runs in the process of ``worker`` only."""

from __future__ import annotations

import trafilatura

from app.documents.limits import MAX_CHARS
from app.documents.text import decoded
from app.domain.html_text import html_to_text
from app.ports.documents import Document, Part

_FEW_CHARS = 200
"""Less than that, and the page may be one of figures or links: then its whole text is better."""


def read_main_text(content: bytes) -> Document:
    """Read the main text, or the whole one where there is no main text to be found."""
    source = decoded(content, may_declare=True)
    whole = html_to_text(source)
    main = trafilatura.extract(
        source, output_format="markdown", include_comments=False, include_tables=True, favor_recall=True
    )
    text = main if main and (len(main) >= _FEW_CHARS or len(main) * 2 >= len(whole)) else whole
    return Document(unit="text", parts=(Part(number=1, text=text[:MAX_CHARS]),), total=1)
