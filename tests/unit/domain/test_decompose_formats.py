"""One source becomes one task a format, and a validator over all of them."""

import re

import pytest

from app.domain.decompose.format_names import INSTRUCTIONS, canonical_format
from app.domain.decompose.formats import format_tasks
from app.domain.decompose.requests import Bounds, FormatsRequest, TaskFields, WantedFormat
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment, PlannedTask

SOURCE = "ACME sold 12,345 anvils in 2024."


def tasks_of(
    *formats: str | WantedFormat,
    source: str = SOURCE,
    name: str = "",
    check: bool = True,
    prompt: str | None = None,
    fields: TaskFields | None = None,
) -> list[PlannedTask]:
    wanted = [item if isinstance(item, WantedFormat) else WantedFormat(name=item) for item in formats]
    request = FormatsRequest(formats=wanted, consistency_check=check, prompt=prompt, fields=fields or TaskFields())
    return format_tasks(request, Attachment(name=name, text=source), Bounds())


def test_each_format_has_its_own_rules_and_the_whole_source() -> None:
    html, slides, sheet, _ = tasks_of("HTML", "slides", "csv", prompt="For the board")

    assert [task.data["format"] for task in (html, slides, sheet)] == ["html", "slides", "spreadsheet"]
    assert all(task.data["source"] == SOURCE for task in (html, slides, sheet))
    assert "doctype" in (html.prompt or "")
    assert "`---`" in (slides.prompt or "")
    assert "RFC 4180" in (sheet.prompt or "")
    assert all("For the board" in (task.prompt or "") for task in (html, slides, sheet))


def test_a_validator_depends_on_all_formats_and_knows_which_is_which() -> None:
    *rendered, check = tasks_of("html", "markdown", "json", fields=TaskFields(role="writer"))

    assert check.depends_on == tuple(task.id for task in rendered)
    assert (check.role, check.type, check.allow_failed_dependencies) == ("validator", "consistency", True)
    assert check.data == {
        "formats": {task.id: task.data["format"] for task in rendered},
        "source": SOURCE,
    }
    assert {task.role for task in rendered} == {"writer"}
    assert all(field in (check.prompt or "") for field in ('"consistent"', '"differences"', '"missing"', '"invented"'))


def test_the_check_can_be_switched_off() -> None:
    assert [task.type for task in tasks_of("html", "text", check=False)] == ["format", "format"]


def test_the_schema_of_the_formats_is_not_that_of_the_report() -> None:
    rendered, check = tasks_of("json", fields=TaskFields(extra={"model": "m", "output_schema": {"type": "object"}}))

    assert dict(rendered.extra) == {"model": "m", "output_schema": {"type": "object"}}
    assert dict(check.extra) == {"model": "m"}


def test_a_format_of_ones_own_needs_instructions() -> None:
    haiku, _ = tasks_of(WantedFormat(name="Haiku", instructions="a haiku of 5-7-5 syllables, {instructions}."))

    assert (haiku.prompt or "").startswith("Write a haiku of 5-7-5 syllables, {instructions}.\n")
    assert haiku.id.startswith("format-haiku-")
    with pytest.raises(InvalidRequest, match=r"/decompose/formats/1: unknown format 'haiku'.*known are html, markdown"):
        tasks_of("html", "haiku")


def test_every_known_format_gives_a_task_with_an_id_that_needs_no_escapes() -> None:
    tasks = tasks_of(*INSTRUCTIONS)

    assert len({task.id for task in tasks}) == len(INSTRUCTIONS) + 1
    assert all(re.fullmatch(r"[\w.-]{1,256}", task.id) for task in tasks)
    assert [task.id for task in tasks] == [task.id for task in tasks_of(*INSTRUCTIONS)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Slide-Deck", "slides"),
        (" MD ", "markdown"),
        ("plain text", "text"),
        ("LaTeX", "latex"),
        ("odd one", "odd_one"),
    ],
)
def test_spellings_of_formats_are_forgiven(written: str, meant: str) -> None:
    assert canonical_format(written) == meant


def test_what_cannot_be_made_names_its_field() -> None:
    def pointer(*formats: str, source: str = SOURCE) -> str:
        with pytest.raises(InvalidRequest) as caught:
            tasks_of(*formats, source=source)
        return caught.value.errors[0].pointer

    assert pointer("html", "HTM") == "/decompose/formats/1"
    assert pointer(" ") == "/decompose/formats/0"
    assert pointer() == "/decompose/formats"
    assert pointer("html", source=" \n") == "/decompose/source"
    assert pointer("html", source="x" * 1_100_000) == "/decompose/source"
