"""The formats that are known by name, and what a document in each must look like."""

from __future__ import annotations

INSTRUCTIONS: dict[str, str] = {
    "html": (
        "one complete HTML5 document: a doctype, `<html lang>`, a `<head>` with `<meta charset>` and a `<title>`, "
        "and a `<body>` of semantic elements (`h1` once, `h2` and `h3` below it, `p`, `ul`, `table` with `thead` "
        "and `tbody`). Close every element, escape `&`, `<` and `>` in text, and use no scripts and nothing from "
        "another site"
    ),
    "markdown": (
        "one CommonMark document: a single `#` heading, `##` and `###` sections below it, lists with `-`, tables "
        "in the pipe syntax with a header row, code in fences that name the language. No HTML, no front matter, "
        "and no fence around the whole document"
    ),
    "slides": (
        "a slide deck in Markdown. Slides are parted by a line that holds only `---`. The first slide has the "
        "title and one line on what the deck is about; every other one has one `##` heading that states its "
        "message and three to six bullets of at most fifteen words, with the figures that carry it. Give five to "
        "fifteen slides, the last one with the conclusions, and after the bullets of a slide a line `Notes:` with "
        "what the speaker says"
    ),
    "spreadsheet": (
        "one CSV table after RFC 4180: a header row of short unique column names, then one record a row, every row "
        "with the same number of fields, comma separated, fields with commas, quotes or line breaks in double "
        "quotes and quotes in them doubled. One fact a cell, numbers without thousands separators and without "
        "units (the unit belongs in the column name), dates as YYYY-MM-DD, an empty field where the source says "
        "nothing. No totals that the source does not give, and nothing before or after the table"
    ),
    "json": (
        "one JSON document (RFC 8259) whose top level is an object: names in snake_case, numbers as numbers, dates "
        "as YYYY-MM-DD, null where the source says nothing, lists for what repeats. No comments, no trailing "
        "commas, and no text or fence around it"
    ),
    "yaml": (
        "one YAML 1.2 document whose top level is a mapping: names in snake_case, two spaces a level, strings "
        "quoted where they could be read as another type. No tabs, no tags, no anchors, and no fence around it"
    ),
    "xml": (
        "one well-formed XML 1.0 document: a declaration, a single root element, names in lower case, every "
        "element closed, `&`, `<` and `>` escaped. No document type definition"
    ),
    "text": (
        "plain text without any markup: a title line, an empty line between paragraphs, lines of at most 80 "
        "characters, lists with `-`"
    ),
    "latex": (
        "one LaTeX document that compiles as it is with pdflatex and the packages of a basic installation: "
        "`\\documentclass{article}`, `\\usepackage[utf8]{inputenc}`, title and sections, tables in `tabular`. Escape "
        "`# $ % & _ { } ~ ^` and the backslash in text, and close every environment"
    ),
    "email": (
        "one e-mail: a line `Subject:` of at most 80 characters, an empty line, a greeting, at most 250 words in "
        "short paragraphs with the most important fact first, what is asked of the reader, and a closing line"
    ),
    "summary": (
        "a summary of at most 200 words in full sentences: the most important finding first, then the figures that "
        "support it, then what is open"
    ),
}
"""What follows "Write …" in the prompt of a format."""

_ALIASES = {
    "htm": "html",
    "html5": "html",
    "web": "html",
    "web_page": "html",
    "webpage": "html",
    "md": "markdown",
    "commonmark": "markdown",
    "slide": "slides",
    "slide_deck": "slides",
    "deck": "slides",
    "presentation": "slides",
    "csv": "spreadsheet",
    "sheet": "spreadsheet",
    "table": "spreadsheet",
    "yml": "yaml",
    "txt": "text",
    "plain": "text",
    "plain_text": "text",
    "plaintext": "text",
    "tex": "latex",
    "mail": "email",
    "e_mail": "email",
    "abstract": "summary",
}


def canonical_format(name: str) -> str:
    """The name without case, blanks, hyphens and common spellings, whether or not the format is known."""
    plain = "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
    return _ALIASES.get(plain, plain)
