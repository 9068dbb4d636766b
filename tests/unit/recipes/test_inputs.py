"""What templates know of the user's files."""

import pytest

from app.recipes import inputs
from app.recipes.inputs import InputFile
from app.recipes.recipe import RecipeError


def code(*paths: str) -> list[InputFile]:
    return [InputFile(path=path, text="x = 1\n", language="Python") for path in paths]


def test_one_folder_goes_straight_to_the_report() -> None:
    found = inputs.source("shop", code("shop/a.py", "shop/b.py"))

    assert found["folders"] == []
    assert found["groups"] == ["shop/a.py", "shop/b.py"]


def test_a_large_folder_is_cut_into_balanced_groups() -> None:
    found = inputs.source("shop", code(*(f"shop/{n:03}.py" for n in range(121))))

    assert [group["count"] for group in found["folders"]] == [40, 40, 41]
    assert [group["id"] for group in found["folders"]] == ["shop/ 1", "shop/ 2", "shop/ 3"]
    assert [one for group in found["folders"] for one in group["ids"]] == [file["id"] for file in found["files"]]


def test_many_small_folders_are_put_together() -> None:
    found = inputs.source("shop", code(*(f"shop/{n:03}/a.py" for n in range(100))))

    assert [group["count"] for group in found["folders"]] == [60, 40]
    assert found["folders"][1]["name"] == "shop/060/ to shop/099/"
    assert len(found["groups"]) == 2


def test_a_tree_that_no_report_can_hold_is_refused() -> None:
    with pytest.raises(RecipeError, match="3,661 files are too many"):
        inputs.source("shop", code(*(f"shop/{n:05}.py" for n in range(3661))))


def test_long_paths_stay_apart_as_ids() -> None:
    tail = "/".join(["folder"] * 60) + "/a.py"
    ids = {inputs.short_id(f"one/{tail}"), inputs.short_id(f"two/{tail}")}

    assert len(ids) == 2
    assert all(len(each) <= 250 and each.endswith("folder/a.py") for each in ids)


def test_without_python_there_is_nothing_to_check_across_files() -> None:
    found = inputs.source("shop", [InputFile(path="shop/a.go", text="x", language="Go")])

    assert (found["python"], found["check"]) == (0, None)


def test_a_document_is_one_text_without_markup() -> None:
    page = InputFile(path="page.html", text="<html><body><p>Revenue was 5.</p></body></html>")

    assert inputs.document([page])["text"].strip() == "Revenue was 5."
    for wrong in ([], [page, page], [InputFile(path="page.html", text="<html></html>")]):
        with pytest.raises(RecipeError):
            inputs.document(wrong)


def test_columns_are_named_as_they_come_up() -> None:
    found = inputs.table("t", [{"a": 1}, {"b": 2, "a": 3}, 5])

    assert (found["count"], found["columns"]) == (3, "a, b")
