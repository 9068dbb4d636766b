"""Bytes of a document become text in the right encoding, or an error that says what they are instead."""

import time

import pytest

from app.documents.text import text_of
from app.ports.workspace import UnreadableDocument


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Grüße €\r\nzwei\rdrei".encode(), "Grüße €\nzwei\ndrei"),
        (b"\xef\xbb\xbfmark", "mark"),
        ("breit ü".encode("utf-16"), "breit ü"),
        ("breit ü".encode("utf-32"), "breit ü"),
        (b"caf\xe9 \x80 \x81", "café € \ufffd"),
        (b"", ""),
        (b"a" * 9000 + b"\0b", "a" * 9000 + "\ufffdb"),
    ],
)
def test_encodings_are_told_apart(content: bytes, expected: str) -> None:
    assert text_of("notes.txt", content) == expected


def test_html_is_read_without_its_markup_by_name_or_where_the_name_says_nothing() -> None:
    page = b"<!DOCTYPE html><title>T</title><p>one &amp; <b>two</b></p><script>no</script>"

    assert text_of("d/page.HTM", page).split("\n")[-1] == "one & two"
    assert text_of("page", page).split("\n")[-1] == "one & two"
    assert text_of("page.md", b"<p>kept</p>") == "<p>kept</p>"
    assert text_of("1.2/notes", b"<p>kept</p>") == "<p>kept</p>"


def test_the_declared_encoding_of_html_holds_where_it_is_not_utf_8() -> None:
    page = '<meta charset="koi8-r"><p>Привет</p>'

    assert text_of("a.html", page.encode("koi8-r")) == "Привет"
    assert text_of("a.html", page.encode()) == "Привет"
    assert text_of("a.html", b'<meta charset="iso-8859-1"><p>\x80</p>') == "€"


def test_a_declared_encoding_that_is_none_of_the_web_is_passed_over() -> None:
    """Python's Punycode decoder takes quadratic time, and others of its encodings make no text at all."""
    started = time.process_time()

    text = text_of("a.html", b'<meta charset="punycode"><p>\xe9' + b"-9" * 500_000)

    assert text.startswith("é-9-9")
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pdf", b"%PDF-1.7 ...", "it is no PDF that can be read"),
        ("a.pdf", b"\n\n%PDF-1.7 ...", "it is no PDF that can be read"),
        ("a.docx", b"PK\x03\x04rest", "it is broken"),
        ("a.xlsx", b"PK\x03\x04rest", "it is broken"),
        ("a.pptx", b"PK\x03\x04rest", "PowerPoint presentations are not supported yet"),
        ("a.bin", b"PK\x03\x04rest", "archives are not supported yet"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "images are not supported yet"),
        ("a.txt", b"ab\0cd", "binary"),
    ],
)
def test_what_is_no_text_is_refused_by_its_kind(name: str, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableDocument, match=said):
        text_of(name, content)


def test_source_code_that_speaks_of_a_format_is_text() -> None:
    assert text_of("sniff.py", b'MAGIC = b"%PDF-"') == 'MAGIC = b"%PDF-"'
