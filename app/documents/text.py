"""Bytes of a document to text: which kind it is, in which encoding, and for HTML without its markup.

Encodings: a byte order mark decides; else what is valid UTF-8 is UTF-8; else HTML's own declaration holds, if it is one
of the encodings in use on the web; else Windows-1252, as browsers do. A byte that means nothing there becomes U+FFFD.
"""

from __future__ import annotations

import codecs
import re

from app.documents.isolated import read_blocking
from app.documents.kinds import parsed_kind, suffix_of
from app.domain.html_text import html_to_text, is_html_name
from app.ports.workspace import UnreadableDocument

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_KINDS = (
    (b"{\\rtf", "RTF documents"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "documents of older versions of Office"),
    (b"\x89PNG\r\n", "images"),
    (b"\xff\xd8\xff", "images"),
    (b"GIF8", "images"),
    (b"\x1f\x8b", "compressed files"),
    (b"7z\xbc\xaf", "archives"),
)
_ZIP = b"PK\x03\x04"
_ZIP_KINDS = {
    "pptx": "PowerPoint presentations",
    "odt": "OpenDocument files",
    "ods": "OpenDocument files",
    "odp": "OpenDocument files",
    "epub": "EPUB books",
}
_BINARY_SAMPLE = 8192
_DECLARATION_BYTES = 2048
_DECLARED = re.compile(rb"(?:charset|encoding)\s{0,10}=\s{0,10}[\"']?([\w-]{1,40})", re.IGNORECASE)
_WEB_ENCODINGS = re.compile(
    r"iso-8859-(?:[2-9]|1[0-6])|windows-125[0-8]|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5",
    re.IGNORECASE,
)
_HTML_START = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def text_of(name: str, content: bytes) -> str:
    """See ``ports.workspace.DocumentText``. Line ends become ``\\n``, and no character of the text is NUL."""
    parsed = parsed_kind(name, content)
    if parsed is not None:
        document = read_blocking(parsed, content)
        if document.unread_from is not None:
            raise UnreadableDocument("it is too long to be read whole")
        return "\n\n".join(f"[{part.name}]\n{part.text}" if part.name else part.text for part in document.parts)
    suffix = suffix_of(name)
    kind = _unsupported(suffix, content)
    if kind is not None:
        raise UnreadableDocument(f"{kind} are not supported yet: send the text, or a file of text or HTML")
    is_html = is_html_name(name)
    text = decoded(content, may_declare=is_html or not suffix)
    if is_html or (not suffix and _HTML_START.match(text)):
        return html_to_text(text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unsupported(suffix: str, content: bytes) -> str | None:
    if content.startswith(_ZIP):
        return _ZIP_KINDS.get(suffix, "archives")
    return next((kind for magic, kind in _KINDS if content.startswith(magic)), None)


def decoded(content: bytes, *, may_declare: bool) -> str:
    """Decode a text; with ``may_declare`` an encoding that it declares itself is believed.

    Raises:
        UnreadableDocument: it is binary.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, "replace").replace("\0", "\ufffd")
    if b"\0" in content[:_BINARY_SAMPLE]:
        raise UnreadableDocument("it is binary, not text")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode(_declared(content) if may_declare else "cp1252", "replace")
    return text.replace("\0", "\ufffd")


def _declared(content: bytes) -> str:
    """Only known encodings: Python has others, such as Punycode, that take quadratic time."""
    found = _DECLARED.search(content[:_DECLARATION_BYTES])
    name = found.group(1).decode() if found else ""
    return name if _WEB_ENCODINGS.fullmatch(name) else "cp1252"
