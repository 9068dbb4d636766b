"""PDF, Word and Excel become text; hostile ones are refused before they can do harm."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
import zipfile
import zlib
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest

from app.documents import office_zip
from app.documents.excel import read_excel
from app.documents.isolated import Workers
from app.documents.kinds import parsed_kind
from app.documents.reader import Documents
from app.documents.text import text_of
from app.documents.worker import answer
from app.ports.documents import Selection
from app.ports.workspace import UnreadableDocument
from tests.support.office_files import excel, laughs, pdf, with_member, word

pytestmark = pytest.mark.anyio

MEGABYTE = 1024 * 1024


@pytest.fixture
def documents(workers: Workers) -> Documents:
    return Documents(workers)


async def test_a_pdf_is_read_page_by_page(documents: Documents) -> None:
    content = pdf([f"page {number}\nsecond line" for number in range(1, 6)])

    whole = await documents.read("report.pdf", content)
    some = await documents.read("report.pdf", content, Selection(pages=((4, None), (2, 2))))

    assert (whole.unit, whole.total, [part.number for part in whole.parts]) == ("page", 5, [1, 2, 3, 4, 5])
    assert whole.parts[0].text == "page 1\nsecond line"
    assert [(part.number, part.text[:6]) for part in some.parts] == [(4, "page 4"), (5, "page 5"), (2, "page 2")]
    with pytest.raises(UnreadableDocument, match="5 pages, none of those"):
        await documents.read("report.pdf", content, Selection(pages=((6, 9),)))


async def test_a_word_document_keeps_headings_lists_and_tables(documents: Documents) -> None:
    content = word(
        [("Title", "Annual report"), ("Heading 2", "Results"), ("Normal", "It grew."), ("List Bullet", "a point")],
        [["Year", "Net sales"], ["2025", "680,985"]],
    )

    read = await documents.read("a.docx", content)

    assert (read.unit, read.total) == ("text", 1)
    assert read.parts[0].text.splitlines() == [
        *("# Annual report", "", "## Results", "It grew.", "a point", ""),
        *("Year | Net sales", "2025 | 680,985"),
    ]


async def test_a_workbook_is_read_sheet_by_sheet_with_its_exact_values(documents: Documents) -> None:
    rows: list[list[object]] = [
        ["Item", "Amount"],
        ["Net\nincome", 1234.5],
        [None, None],
        [True, dt.date(2025, 1, 31)],
        [3.0, 2**40],
    ]
    content = excel({"Income": rows, "Notes": [["see page 3"]]})

    both = await documents.read("a.xlsx", content)
    by_name = await documents.read("a.xlsx", content, Selection(sheet="notes"))
    by_number = await documents.read("a.xlsx", content, Selection(sheet="2"))

    assert (both.unit, both.names) == ("sheet", ("Income", "Notes"))
    assert both.parts[0].text.split("\n") == [
        *("Item\tAmount", "Net income\t1234.5", "TRUE\t2025-01-31", "3\t1099511627776"),
    ]
    assert by_name == by_number
    assert [(part.number, part.name, part.text) for part in by_name.parts] == [(2, "Notes", "see page 3")]
    with pytest.raises(UnreadableDocument, match="no sheet 'Balance'; its sheets are: Income, Notes"):
        await documents.read("a.xlsx", content, Selection(sheet="Balance"))


async def test_a_formula_that_nothing_has_computed_is_shown_itself(documents: Documents) -> None:
    """Programs that only write workbooks leave computing to whoever opens them; a computed one shows its value."""
    uncomputed = excel({"S": [[1, 2, "=A1+B1"], [3], [None, "=SUM(A1:A2)"]], "T": [["=S!A1", "x"]]})
    document = await documents.read("a.xlsx", uncomputed)
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(BytesIO(uncomputed)) as opened:
        written = opened.read(sheet)
    assert b"<f>A1+B1</f><v" in written
    computed = re.sub(rb"<f>A1\+B1</f><v\s*/>|<f>A1\+B1</f><v></v>", b"<f>A1+B1</f><v>3</v>", written)
    partly = await documents.read("a.xlsx", with_member(uncomputed, sheet, computed), Selection(sheet="S"))

    assert [part.text for part in document.parts] == ["1\t2\t=A1+B1\n3\n\t=SUM(A1:A2)", "=S!A1\tx"]
    assert partly.parts[0].text == "1\t2\t3\n3\n\t=SUM(A1:A2)"


async def test_the_plain_port_reads_them_too() -> None:
    assert await asyncio.to_thread(text_of, "a.pdf", pdf(["one", "two"])) == "one\n\ntwo"
    assert await asyncio.to_thread(text_of, "a.xlsx", excel({"S": [["x", 1]]})) == "[S]\nx\t1"


async def test_pages_and_sheets_of_what_has_none_are_refused(documents: Documents) -> None:
    with pytest.raises(UnreadableDocument, match="no pages"):
        await documents.read("a.txt", b"text", Selection(pages=((1, 1),)))
    with pytest.raises(UnreadableDocument, match="no sheets"):
        await documents.read("a.pdf", pdf(["x"]), Selection(sheet="1"))


async def test_the_main_text_of_a_page_leaves_out_its_navigation(documents: Documents) -> None:
    paragraphs = "".join(
        f"<p>This is paragraph {n} of the article, long enough to count as text.</p>" for n in range(9)
    )
    page = f"<html><body><nav><a href='/a'>Imprint</a></nav><article><h1>News</h1>{paragraphs}</article></body></html>"
    assert "Imprint" in text_of("a.html", page.encode())

    text = await documents.main_text(page.encode())

    assert "Imprint" not in text
    assert "paragraph 8 of the article" in text
    assert "Net sales | 680" in await documents.main_text(b"<table><tr><td>Net sales<td>680</table>")


async def test_a_zip_bomb_is_refused_before_it_is_unpacked(documents: Documents) -> None:
    bomb = with_member(word([("Normal", "x")]), "word/document.xml", b"\0" * (300 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    with zipfile.ZipFile(BytesIO(bomb)) as naive:
        assert len(naive.read("word/document.xml")) == 300 * MEGABYTE

    before = time.perf_counter()
    with pytest.raises(UnreadableDocument, match="would unpack to 31"):
        await documents.read("a.docx", bomb)
    assert time.perf_counter() - before < 20


async def test_a_zip_of_very_many_or_of_secret_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_zip, "MAX_MEMBERS", 20)
    content = word([("Normal", "x")])
    office_zip.check_zip(content)
    for number in range(20):
        content = with_member(content, f"word/media/{number}", b"x")
    with pytest.raises(UnreadableDocument, match="parts; more than 20"):
        office_zip.check_zip(content)

    encrypted = bytearray(excel({"S": [["x"]]}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = encrypted.find(mark)
        while at >= 0:
            encrypted[at + flags] |= 1
            at = encrypted.find(mark, at + 4)
    with pytest.raises(UnreadableDocument, match="password"):
        office_zip.check_zip(bytes(encrypted))


async def test_a_zip_that_lies_about_its_sizes_unpacks_no_more_than_it_says(documents: Documents) -> None:
    honest = with_member(word([("Normal", "x")]), "word/document.xml", b"\0" * MEGABYTE)
    lying = bytearray(honest)
    for mark, size_at, name_at in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        at = next(
            at
            for at in range(len(honest))
            if honest.startswith(mark, at) and honest.startswith(b"word/document.xml", at + name_at)
        )
        assert honest[at + size_at : at + size_at + 4] == MEGABYTE.to_bytes(4, "little")
        lying[at + size_at : at + size_at + 4] = (100).to_bytes(4, "little")
    office_zip.check_zip(bytes(lying))

    with pytest.raises(UnreadableDocument, match=r"no Word document|broken"):
        await documents.read("a.docx", bytes(lying))


@pytest.mark.parametrize(
    ("name", "content", "member"),
    [
        ("a.docx", word([("Normal", "x")]), "word/document.xml"),
        ("a.xlsx", excel({"S": [["x"]]}), "xl/worksheets/sheet1.xml"),
        ("a.xlsx", excel({"S": [["x"]]}), "xl/workbook.xml"),
        ("a.xlsx", excel({"S": [["x"]]}), "[Content_Types].xml"),
        ("a.docx", word([("Normal", "x")]), "[Content_Types].xml"),
    ],
)
async def test_entities_are_not_expanded(documents: Documents, name: str, content: bytes, member: str) -> None:
    assert len(ET.fromstring(f"{laughs(4)}<x>&boom;</x>").text or "") == 20_000

    with zipfile.ZipFile(BytesIO(content)) as opened:
        xml = opened.read(member).decode()
    head, _, rest = xml.partition("?>") if xml.startswith("<?xml") else ("", "", xml)
    opening, mark, remainder = rest.partition(">")
    hostile = (head + "?>" if head else "") + laughs(9) + opening + mark + "&boom;" + remainder
    try:
        read = await documents.read(name, with_member(content, member, hostile.encode()))
    except UnreadableDocument:
        return
    assert "ha" not in "".join(part.text for part in read.parts)


async def test_an_external_entity_does_not_read_a_file(documents: Documents) -> None:
    wml = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f"<w:document xmlns:w='{wml}'><w:body><w:p><w:r><w:t>[&f;]</w:t></w:r></w:p></w:body></w:document>"
    hostile = f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>{body}'

    read = await documents.read("a.docx", with_member(word([("Normal", "x")]), "word/document.xml", hostile.encode()))

    assert "root:" not in read.parts[0].text


async def test_deeply_nested_xml_is_refused_or_read_but_never_crashes_the_service(documents: Documents) -> None:
    deep = b"<w:p>" * 100_000 + b"</w:p>" * 100_000
    wml = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    hostile = b"<w:document xmlns:w='" + wml + b"'><w:body>" + deep + b"</w:body></w:document>"

    with pytest.raises(UnreadableDocument, match="no Word document"):
        await documents.read("a.docx", with_member(word([("Normal", "x")]), "word/document.xml", hostile))


async def test_a_page_that_unpacks_to_a_gigabyte_stays_within_its_memory(documents: Documents) -> None:
    engine = zlib.compressobj(9)
    bomb = b"".join(engine.compress(b" " * MEGABYTE) for _ in range(400)) + engine.flush()
    assert len(bomb) < MEGABYTE
    assert len(zlib.decompress(bomb)) == 400 * MEGABYTE

    before = time.perf_counter()
    read = await documents.read("a.pdf", pdf(["x", "y"], compressed=bomb))

    assert [part.text for part in read.parts] == ["[this page cannot be read: LimitReachedError]"] * 2
    assert time.perf_counter() - before < 30


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"%PDF-" + b"\xff" * 5000, pdf(["x"])[:200], pdf([])])
async def test_a_broken_pdf_is_a_clear_refusal(documents: Documents, content: bytes) -> None:
    with pytest.raises(UnreadableDocument, match=r"no PDF that can be read|no pages|broken"):
        await documents.read("a.pdf", content)


def test_workbooks_are_not_read_without_what_keeps_entities_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.documents.excel.DEFUSEDXML", False)
    told = answer(lambda: read_excel, b'{"pages": [], "sheet": null}', excel({"S": [["x"]]}))
    assert told == {"refused": "the library defusedxml is missing: pip install 'swarmd[tools]'"}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", b"%PDF-1.7", "pdf"),
        ("upload", b"%PDF-1.7", "pdf"),
        ("a.pdf", b"\n%PDF-1.7", "pdf"),
        ("a.txt", b"about %PDF-1.7", None),
        ("a.DOCX", b"PK\x03\x04", "docx"),
        ("a.xlsm", b"PK\x03\x04", "xlsx"),
        ("a.zip", b"PK\x03\x04", None),
        ("docx", b"PK\x03\x04", None),
        ("fil_1", word([("Normal", "x")]), "docx"),
        ("fil_1", excel({"S": [["x"]]}), "xlsx"),
        ("a.docx", b"plain text", None),
    ],
)
def test_kinds(name: str, content: bytes, kind: str | None) -> None:
    assert parsed_kind(name, content) == kind
