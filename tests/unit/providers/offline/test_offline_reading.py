"""What the caller sent is taken apart the way the service put it together."""

from __future__ import annotations

import json

from app.providers.offline.reading import content_text, split_sections
from app.providers.offline.tokens import cut_to_tokens, estimate_tokens


def test_sections_are_split_off_the_end() -> None:
    text = 'Do it.\n\n## Task\n{"id": "a", "data": 1}\n\n## Inputs\n{"b": "x"}'
    assert split_sections(text) == ("Do it.", {"id": "a", "data": 1}, {"b": "x"})


def test_a_missing_section_is_none() -> None:
    assert split_sections("Just this") == ("Just this", None, None)
    assert split_sections('## Inputs\n{"b": null}') == ("", None, {"b": None})


def test_headings_inside_of_json_strings_are_no_sections() -> None:
    inputs = {"a": 'quoted\n## Task\n{"id": "not me"}\n## Inputs\n{}'}
    text = 'Go\n\n## Task\n{"id": "me"}\n\n## Inputs\n' + json.dumps(inputs)
    assert split_sections(text) == ("Go", {"id": "me"}, inputs)


def test_a_prompt_that_uses_the_same_heading_stays_whole() -> None:
    text = "Write a section called\n## Task\nwith three lines."
    assert split_sections(text) == (text, None, None)


def test_pretty_printed_and_fenced_objects_are_read() -> None:
    assert split_sections('x\n## Task\n```json\n{\n "id": 1\n}\n```')[1] == {"id": 1}


def test_content_of_any_shape_gives_text() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "u"}}, "two", 3]
    assert content_text(parts) == "one\n[image_url]\ntwo"
    assert content_text(None) == ""
    assert content_text("a\ud800b") == "a?b"


def test_tokens_are_a_quarter_of_the_bytes_rounded_up() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abcd", "abcde", "äöü")] == [0, 1, 1, 2, 2]


def test_a_cut_never_splits_a_character() -> None:
    assert cut_to_tokens("aaaä" * 3, 1) == "aaa"
    assert cut_to_tokens("short", 99) == "short"
