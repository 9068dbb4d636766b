"""Merged reports add up over two levels, name every input and carry the findings over."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.providers.offline.findings import weight
from app.providers.offline.merge_code import read_files, read_findings
from app.providers.offline.totals import find_line, format_line, parse_pairs
from tests.support.offline_asking import ask, ask_text

FOLDERS = {
    "shop/cart": {"cart.py": "import os\n\ndef add(x=[]):\n    return eval(x)\n", "tax.py": '"""Tax."""\n'},
    "shop/ship": {"box.py": "try:\n    x = 1\nexcept:\n    x = 2\n", "map.js": "// TODO: map\nlet a = 1;\n"},
}


def _reviews(folder: str) -> dict[str, str]:
    return {
        f"{folder}/{name}": ask_text(
            "Review. Markdown, no headings.",
            task={
                "id": f"{folder}/{name}",
                "type": "code_review",
                "data": {"path": f"{folder}/{name}", "source": source},
            },
        )
        for name, source in FOLDERS[folder].items()
    }


def _folder_report(folder: str, prompt: str = "Merge the reviews.") -> str:
    return ask_text(prompt, task={"id": folder}, inputs=_reviews(folder))


def test_totals_add_up_at_both_levels() -> None:
    files = {path: text for folder in FOLDERS for path, text in _reviews(folder).items()}
    report = ask_text("Write the final report.", task={"id": "report"}, inputs={f: _folder_report(f) for f in FOLDERS})
    for line in ("Totals", "Findings"):
        expected: Counter[str] = Counter()
        for text in files.values():
            expected.update({label: int(value) for label, value in find_line(text, line).items()})
        assert find_line(report, line) == expected
    assert find_line(report, "Totals")["files"] == 4
    assert find_line(report, "Totals")["lines"] == sum(s.count("\n") for f in FOLDERS.values() for s in f.values())


def test_the_worst_files_and_findings_reach_the_final_report() -> None:
    report = ask_text("Write the final report.", task={"id": "report"}, inputs={f: _folder_report(f) for f in FOLDERS})
    ranked = read_files("report", report)
    assert [score.path for score in ranked][:2] == ["shop/cart/cart.py", "shop/ship/box.py"]
    assert [score.weight for score in ranked] == sorted((score.weight for score in ranked), reverse=True)
    assert "shop/cart/cart.py:4 eval-or-exec" in report
    assert report.startswith("# Code review report: shop\n")
    weights = [weight(found.kind) for found in read_findings("report", report)]
    assert weights == sorted(weights, reverse=True)
    assert weights


def test_every_input_is_named_however_many_there_are() -> None:
    inputs = {f"part-{n}": f"The {n}th part speaks of rivers and lakes." for n in range(120)}
    text = ask_text("Merge. At most 100 words.", inputs=inputs)
    assert all(f"`{name}`" in text for name in inputs)


def test_a_final_report_is_a_page_or_two() -> None:
    inputs = {f: _folder_report(f) for f in FOLDERS}
    assert 30 <= ask_text("Write the final report.", task={"id": "report"}, inputs=inputs).count("\n") <= 90


def test_missing_inputs_are_named_at_both_levels() -> None:
    folder = ask_text(
        "Merge.", inputs={**_reviews("shop/cart"), "shop/cart/gone.py": None, "b.py": {"error": "timeout"}}
    )
    assert "Missing: shop/cart/gone.py, b.py" in folder
    assert "- `shop/cart/gone.py`: no output" in folder
    assert "Missing: other, shop/cart/gone.py, b.py" in ask_text("Report.", inputs={"shop/cart": folder, "other": ""})


def test_short_room_keeps_the_lines_that_are_added_up() -> None:
    prompt = "Merge the reviews. Markdown, no headings, at most 100 words."
    text = _folder_report("shop/cart", prompt)
    assert "#" not in text
    assert find_line(text, "Totals") == find_line(_folder_report("shop/cart"), "Totals")
    limited = ask("Merge the reviews.", inputs=_reviews("shop/cart"), max_output_tokens=250)
    assert limited.finish_reason == "stop"
    assert limited.usage.completion_tokens <= 250


def test_a_shortened_report_still_adds_up() -> None:
    cut = {name: text[:250] + "\n[shortened]" for name, text in _reviews("shop/cart").items()}
    assert find_line(ask_text("Merge.", inputs=cut), "Totals")["files"] == 2


DOCUMENTS = {
    "a.rst": "PEP: 1\nTitle: Rivers\nStatus: Final\n\nGoal\n====\n\nThis PEP proposes rivers into 14 lakes.\n",
    "b.rst": "PEP: 2\nTitle: Lakes\nStatus: Draft\n\nGoal\n====\n\nThis PEP proposes lakes, rivers and $3 million.\n",
}


def _summaries(documents: dict[str, str]) -> dict[str, str]:
    return {name: ask_text("Read.", task={"data": {"path": name, "text": text}}) for name, text in documents.items()}


def test_documents_are_carried_over_two_levels() -> None:
    first = ask_text("Merge.", task={"id": "docs/1"}, inputs=_summaries(DOCUMENTS))
    more = {"c.rst": DOCUMENTS["a.rst"].replace("Rivers", "Creeks")}
    second = ask_text("Merge.", task={"id": "docs/2"}, inputs=_summaries(more))
    report = ask_text("Report.", task={"id": "report"}, inputs={"docs/1": first, "docs/2": second})
    assert find_line(report, "Totals")["documents"] == 3
    assert find_line(report, "Status") == {"Final": 2, "Draft": 1}
    for name, title in (("a.rst", "PEP 1: Rivers"), ("b.rst", "PEP 2: Lakes"), ("c.rst", "PEP 1: Creeks")):
        assert f"- **{name} ({title})**: This PEP proposes" in report
    assert "- $3 million (b.rst (PEP 2: Lakes))" in report
    assert "- rivers: in 2 of 2 inputs" in report


def test_the_parts_of_a_document_become_one_document() -> None:
    parts = {
        f"big part {n}": ask_text(
            "Read.", task={"data": {"path": "big", "part": n, "parts": 2, "text": "Rivers flow. " * 30}}
        )
        for n in (1, 2)
    }
    assert find_line(next(iter(parts.values())), "Totals")["parts"] == 1
    totals = find_line(ask_text("Merge.", task={"id": "big"}, inputs=parts), "Totals")
    assert totals["documents"] == 1
    assert "parts" not in totals


def test_outputs_that_are_objects_are_added_up() -> None:
    inputs = {
        "a": {"verdict": "ok", "errors": 2, "files": ["x"]},
        "b": '{"verdict": "ok", "errors": 3, "files": []}',
        "c": [1, 2],
    }
    text = ask_text("Merge.", inputs=inputs)
    assert find_line(text, "Totals") == {"errors": 5, "files": 1, "items": 2}
    assert "verdict: ok (2)" in text


def test_other_models_texts_are_merged_by_their_best_sentences() -> None:
    inputs = {
        "x": "Rivers are long. The Nile is the longest of the rivers at 6,650 km.",
        "y": "- Lakes are deep.\n- Baikal is deep.",
    }
    text = ask_text("Combine", inputs=inputs)
    assert "6,650 km" in text
    assert "Baikal" in text


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}( [a-z]{1,8})?", fullmatch=True), st.integers(0, 10**9), min_size=1))
def test_a_line_of_totals_is_read_back(counts: dict[str, int]) -> None:
    line = format_line("Totals", counts)
    assert find_line(f"# Title\n\n{line}\n\nmore", "Totals") == counts
    assert parse_pairs("no pairs here") == {}
