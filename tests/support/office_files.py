"""PDF, Word and Excel files of given content, and hostile ones."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO

import docx
import openpyxl


def pdf(pages: Sequence[str], *, compressed: bytes | None = None) -> bytes:
    """A PDF whose pages say these lines; ``compressed`` replaces the content of each by this zlib stream."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").split("\n")
        drawn = "BT /F1 12 Tf 50 750 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in shown) + " ET"
        content = zlib.compress(drawn.encode("latin-1")) if compressed is None else compressed
        resources = "<< /Font << /F1 3 0 R >> >>"
        box = "/MediaBox [0 0 612 792]"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R {box} /Resources {resources} /Contents {5 + 2 * number} 0 R >>".encode()
        )
        head = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + content + b"\nendstream")
    out = BytesIO()
    out.write(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    table = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write(b"".join(f"{place:010d} 00000 n \n".encode() for place in places))
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode())
    return out.getvalue()


def word(paragraphs: Sequence[tuple[str, str]], table: Sequence[Sequence[str]] = ()) -> bytes:
    """A Word document of (style, text) and, at its end, a table."""
    made = docx.Document()
    for style, text in paragraphs:
        made.add_paragraph(text, style=style)
    if table:
        grid = made.add_table(len(table), len(table[0]))
        for row, cells in enumerate(table):
            for column, text in enumerate(cells):
                grid.cell(row, column).text = text
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def excel(sheets: dict[str, Sequence[Sequence[object]]]) -> bytes:
    made = openpyxl.Workbook()
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    made.remove(made.worksheets[0])
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def with_member(content: bytes, name: str, member: bytes) -> bytes:
    """The same zip with one member replaced, or added."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, member)
    return out.getvalue()


def laughs(levels: int) -> str:
    """The declarations of entities that expand to 10 ** ``levels`` laughs, the last one named ``boom``."""
    lines = ['<!ENTITY e0 "ha">']
    lines += [f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, levels + 1)]
    return "<!DOCTYPE x [" + "".join(lines) + f'<!ENTITY boom "&e{levels};">]>'
