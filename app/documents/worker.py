"""The process that parses one document and ends: ``python -m app.documents.worker KIND``.

Standard input: a line of JSON (``pages``, ``sheet``), then the document. Standard output: one JSON object, either the
fields of ``ports.documents.Document`` or ``{"refused": why}``. KIND's library is loaded before the input is read, so
that a process can be started ahead of its document.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.documents.limits import CPU_S, HTML_CPU_S, WALL_S, limit_this_process
from app.ports.documents import Document, Selection
from app.ports.workspace import UnreadableDocument

Reader = Callable[[bytes, Selection], Document]


def reader_of(kind: str) -> Reader:
    """Load the reader of ``pdf``, ``docx``, ``xlsx`` or ``html``.

    Raises:
        ModuleNotFoundError: its library is not installed.
    """
    if kind == "pdf":
        from app.documents.pdf import read_pdf

        return read_pdf
    if kind == "docx":
        from app.documents.word import read_word

        return lambda content, _: read_word(content)
    if kind == "xlsx":
        from app.documents.excel import read_excel

        return read_excel
    from app.documents.main_text import read_main_text

    return lambda content, _: read_main_text(content)


def answer(load: Callable[[], Reader], header: bytes, content: bytes) -> dict[str, Any]:
    """Return the object for standard output; never raises for what a document can do."""
    try:
        asked = json.loads(header)
        selection = Selection(pages=tuple((first, last) for first, last in asked["pages"]), sheet=asked["sheet"])
        return asdict(load()(content, selection))
    except UnreadableDocument as exc:
        return {"refused": str(exc)}
    except ModuleNotFoundError as exc:
        return {"refused": f"the library {exc.name} is missing: pip install 'swarmd[tools]'"}
    except MemoryError:
        return {"refused": "it needs more memory than one document may use"}
    except RecursionError:
        return {"refused": "it is nested too deeply"}
    except Exception as exc:  # parsers raise whatever the bytes lead to
        return {"refused": f"it is broken ({type(exc).__name__})"}


def main() -> None:
    """Serve one document; ends without an answer where the parent has gone."""
    kind = sys.argv[1]
    out = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # libraries print and warn
        os.dup2(nowhere.fileno(), 1)
    limit_this_process(HTML_CPU_S if kind == "html" else CPU_S)
    try:
        reader: Reader | None = reader_of(kind)
    except ModuleNotFoundError:
        reader = None  # told when a document comes
    header = sys.stdin.buffer.readline()
    if not header:
        return
    signal.alarm(int(WALL_S) + 5)  # if the service is gone by then, nobody else ends this process
    content = sys.stdin.buffer.read()
    told = answer(lambda: reader if reader is not None else reader_of(kind), header, content)
    out.write(json.dumps(told, ensure_ascii=False).encode(errors="replace"))  # lone surrogates are no text
    out.flush()
    os._exit(0)  # what a parser has left behind is not worth taking down in order


if __name__ == "__main__":
    main()
