"""One text in several formats, the check that they agree, and findings of code in the shape a schema asks for."""

import csv
import io
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.support.offline_asking import ask, ask_json, ask_text

SOURCE = """# Harbour report

The harbour handled 4,310 containers in 2024.

## Costs

- Dredging cost $2.5 million.
- Lights & buoys <new> cost $310,000.

```
not prose 999,999
```
"""
FINDINGS: dict[str, Any] = {
    "type": "object",
    "required": ["purpose", "findings"],
    "properties": {
        "purpose": {"type": "string"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line", "kind", "message", "severity"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1},
                    "kind": {"type": "string"},
                    "message": {"type": "string"},
                    "severity": {"enum": ["low", "medium", "high"]},
                },
            },
        },
    },
}
CODE = '"""Adds things."""\nimport os\n\n\ndef add(x, into=[]):\n    """Add."""\n    into.append(x)\n'


def write(name: str, **fields: Any) -> str:
    task = {"id": f"format-{name}", "type": "format", "data": {"format": name, "source": SOURCE}}
    return ask_text("Write the document.", task=task, **fields)


def test_html_is_whole_and_escaped() -> None:
    page = write("html")
    opened: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Balance().feed(page)
    assert opened == []
    assert page.count("<h1>") == 1
    assert "<h2>Costs</h2>\n<ul>\n<li>Dredging cost $2.5 million.</li>" in page
    assert "<li>Lights &amp; buoys &lt;new&gt; cost $310,000.</li>" in page
    assert "999,999" not in page


def test_markdown_and_slides_keep_the_sections() -> None:
    assert write("markdown") == (
        "# Harbour report\n\nThe harbour handled 4,310 containers in 2024.\n\n## Costs\n\n"
        "- Dredging cost $2.5 million.\n\n- Lights & buoys <new> cost $310,000.\n"
    )
    slides = write("slides").split("\n---\n")
    assert [slide.strip().split("\n")[0] for slide in slides] == ["# Harbour report", "## Costs"]
    assert "Notes: Dredging cost $2.5 million." in slides[1]


def test_a_spreadsheet_is_a_table_with_a_statement_a_row() -> None:
    rows = list(csv.DictReader(io.StringIO(write("spreadsheet"))))

    assert [row["section"] for row in rows] == ["Harbour report", "Costs", "Costs"]
    assert rows[0] == {
        "section": "Harbour report",
        "statement": "The harbour handled 4,310 containers in 2024.",
        "figures": "4,310; 2024",
    }


def test_a_short_room_drops_lines_and_not_the_end_of_the_document() -> None:
    long = "# Log\n\n" + "\n\n".join(f"On day {n} the crew worked." for n in range(1000))
    task = {"id": "f", "type": "format", "data": {"format": "html", "source": long}}

    answer = ask("Write.", task=task, max_output_tokens=400)

    assert answer.finish_reason == "stop"
    assert (answer.content or "").endswith("</html>\n")


def check(**written: Any) -> Any:
    data = {"formats": {f"t-{name}": name for name in written}, "source": SOURCE}
    task = {"id": "consistency", "type": "consistency", "role": "validator", "data": data}
    inputs = {f"t-{name}": text for name, text in written.items()}
    return ask_json("Compare them. Answer with one JSON object and nothing else.", task=task, inputs=inputs)


def test_formats_made_of_one_source_are_consistent() -> None:
    told = check(html=write("html"), markdown=write("markdown"), spreadsheet=write("spreadsheet"))

    assert told == {
        "consistent": True, "facts_compared": 4, "differences": [], "invented": [], "missing": [], "unchecked": [],
    }  # fmt: skip


def test_a_figure_that_the_source_lacks_is_invented_and_one_left_out_is_missing() -> None:
    told = check(markdown=write("markdown"), html=write("html").replace("4,310", "4,130"), slides=None)

    assert told["consistent"] is False
    assert told["invented"] == [{"fact": "4,130", "formats": ["html"]}]
    assert told["missing"] == [{"fact": "4,310", "formats": ["html"]}]
    assert told["unchecked"] == ["slides"]


def review(schema: Any, code: str = CODE) -> Any:
    task = {"id": "add.py", "role": "reviewer", "data": {"path": "add.py", "source": code}}
    form = {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}
    return ask_json("Review the file.", task=task, response_format=form)


def test_findings_are_those_of_the_code() -> None:
    told = review(FINDINGS)

    assert told["purpose"] == "Adds things."
    assert [(each["line"], each["kind"], each["severity"]) for each in told["findings"]] == [
        (5, "mutable-default", "high"),
        (2, "unused-import", "low"),
    ]
    assert told["findings"][1]["message"] == "`os` is imported and never used"


def test_code_without_findings_has_none() -> None:
    assert review(FINDINGS, '"""Nothing."""\n')["findings"] == []


@pytest.mark.parametrize("item", [{"type": "string", "maxLength": 3}, {"type": "object"}, {"type": "array"}])
def test_a_shape_that_findings_do_not_have_is_still_met(item: Any) -> None:
    schema = {"type": "object", "required": ["findings"], "properties": {"findings": {"type": "array", "items": item}}}

    assert isinstance(review(schema)["findings"], list)


def test_reviews_as_objects_are_merged_like_reviews() -> None:
    first = review(FINDINGS) | {"lines": 7}
    told = ask_text("Merge the reviews.", inputs={"add.py": first, "b.py": review(FINDINGS, '"""Nothing."""\n')})

    assert "Totals: files 2 · lines 7 · findings 2 · weight 6" in told
    assert "1. `add.py`: 2 findings, weight 6, 7 lines; mostly mutable-default" in told
    assert "- add.py:5 mutable-default: `add` shares one mutable default between calls" in told
