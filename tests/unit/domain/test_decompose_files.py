"""Files become one task each; long ones are split between paragraphs, and nothing of them is lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decompose.files import file_tasks
from app.domain.decompose.requests import Bounds, FileSources, FilesRequest
from app.domain.decompose.splitting import split_text
from app.domain.decompose.tally import json_bytes
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment, PlannedTask


def tasks_of(
    *documents: tuple[str, str], max_chars: int = 400_000, prompt: str | None = None, bounds: Bounds | None = None
) -> list[PlannedTask]:
    request = FilesRequest(sources=FileSources(), max_chars=max_chars, prompt=prompt)
    return file_tasks(request, [Attachment(name=name, text=text) for name, text in documents], bounds or Bounds())


def test_a_file_is_a_task_with_its_name_and_text() -> None:
    [first, second] = tasks_of(("reports/a.md", "# A"), ("b.txt", "B"), prompt="Summarise it")

    assert first.data == {"name": "reports/a.md", "text": "# A", "context": {"part": 1, "parts": 1}}
    assert first.id.startswith("reports-a.md-")
    assert (second.prompt, second.data["name"]) == ("Summarise it", "b.txt")


def test_a_long_file_is_split_between_paragraphs_and_its_parts_are_numbered() -> None:
    paragraphs = ["a" * 60, "b" * 60, "c" * 60]

    tasks = tasks_of(("long.txt", "\n\n".join(paragraphs)), max_chars=100)

    assert [task.data["text"] for task in tasks] == ["a" * 60 + "\n\n", "b" * 60 + "\n\n", "c" * 60]
    assert [task.data["name"] for task in tasks] == ["long.txt#1", "long.txt#2", "long.txt#3"]
    assert [task.data["context"] for task in tasks] == [{"part": part, "parts": 3} for part in (1, 2, 3)]
    assert [task.id.rpartition("-")[0] for task in tasks] == ["long.txt-1", "long.txt-2", "long.txt-3"]


@given(
    st.lists(st.sampled_from(["word ", "line\n", "end.\n\n", "文字", "\x00", '"', "🙂"]), max_size=120).map("".join),
    st.integers(1, 40),
    st.integers(8, 60),
)
def test_parts_fit_both_limits_and_joined_again_are_the_text(text: str, max_chars: int, max_bytes: int) -> None:
    parts = split_text(text, max_chars=max_chars, max_bytes=max_bytes)

    assert "".join(parts) == text
    assert all(len(part) <= max_chars and json_bytes(part) <= max_bytes for part in parts)
    assert all(parts) or text == ""


@pytest.mark.parametrize("character", ["x", "文", "🙂", "\x01", '"'])
def test_a_task_input_stays_below_a_mebibyte_whatever_the_characters(character: str) -> None:
    tasks = tasks_of(("f", character * 1_000_000))

    assert sum(len(task.data["text"]) for task in tasks) == 1_000_000
    for task in tasks:
        assert len(task.data["text"]) <= 400_000
        assert len(json.dumps({"prompt": task.prompt, "data": task.data}, ensure_ascii=False).encode()) < 1024 * 1024


def test_parts_of_a_text_without_any_break_are_equal() -> None:
    assert list(map(len, split_text("x" * 1000, max_chars=300, max_bytes=10_000))) == [250, 250, 250, 250]


def test_ids_depend_on_name_and_content_and_need_no_escapes() -> None:
    [one] = tasks_of(("a b/ü?#.txt", "x"))
    [same] = tasks_of(("a b/ü?#.txt", "x"))
    [other] = tasks_of(("a b/ü?#.txt", "y"))
    [looks_the_same, beside] = tasks_of(("a-b/ü?#.txt", "x"), ("a b/ü?#.txt", "x"))

    assert one.id == same.id == beside.id
    assert len({one.id, other.id, looks_the_same.id}) == 3
    assert one.id.startswith("a-b-ü-.txt-")
    assert len(tasks_of(("d/" * 2000 + "f", "x"))[0].id) <= 256
    assert tasks_of(("///", "x"))[0].id.startswith("file-")


def test_too_many_parts_are_refused_before_they_are_made() -> None:
    with pytest.raises(InvalidRequest, match="makes 1,001 tasks; at most 1,000"):
        tasks_of(("f", "x" * 100_001), max_chars=100, bounds=Bounds(max_tasks=1000))


def test_a_prompt_that_leaves_no_room_for_text_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        tasks_of(("f", "x"), prompt="p" * 600_000)

    assert caught.value.errors[0].pointer == "/decompose/prompt"


def test_no_files_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        tasks_of()

    assert caught.value.errors[0].pointer == "/decompose"
