"""Recipes as files: all of them load and fill in; wrong files and wrong values are told by name."""

from typing import Any

import pytest

from app.recipes import inputs
from app.recipes.inputs import InputFile
from app.recipes.loading import all_recipes, load, read, recipe_names
from app.recipes.recipe import Parameter, Reads, RecipeError

FILES = [InputFile(path="shop/a.py", text="A = 1\n", language="Python"), InputFile(path="shop/b/c.go", text="x")]
INPUTS: dict[Reads, Any] = {
    Reads.ATTACHMENTS: inputs.attached("shop", FILES),
    Reads.DOCUMENTS: inputs.attached("shop", FILES),
    Reads.DOCUMENT: inputs.document(FILES[:1]),
    Reads.ROWS: inputs.table("t.csv", [{"a": 1}, {"a": 2, "b": 3}]),
    Reads.SOURCE: inputs.source("shop", FILES),
}


def body_of(name: str, **given: str) -> dict[str, Any]:
    recipe = load(name)
    return recipe.build(recipe.values(given), INPUTS[recipe.reads])


def test_the_five_recipes_are_there() -> None:
    assert recipe_names() == ["data", "documents", "formats", "research", "review"]
    assert [recipe.name for recipe in all_recipes()] == recipe_names()


@pytest.mark.parametrize("name", recipe_names())
def test_each_makes_one_kind_of_work_and_says_whose_it_is(name: str) -> None:
    body = body_of(name, **({"goal": "Find out."} if name == "research" else {}))

    assert len({"goal", "tasks", "decompose"} & body.keys()) == 1
    assert body["metadata"] == {"recipe": name}
    assert "${" not in str(body)
    assert all(parameter.help for parameter in load(name).parameters)


def test_review_is_a_task_a_file_one_a_folder_a_report_and_a_validator() -> None:
    tasks = {task["id"]: task for task in body_of("review")["tasks"]}

    assert list(tasks) == ["shop/a.py", "shop/b/c.go", "shop/", "shop/b/", "report", "validation"]
    assert tasks["shop/b/"]["depends_on"] == ["shop/b/c.go"]
    assert tasks["report"]["depends_on"] == ["shop/", "shop/b/"]
    assert tasks["validation"]["role"] == "validator"
    assert "Python-files: 1\n" in tasks["validation"]["data"]["text"]


def test_structured_reviews_have_a_schema_of_findings() -> None:
    plain, structured = (body_of("review", structured=wanted)["tasks"][0] for wanted in ("false", "true"))

    assert "output_schema" not in plain
    findings = structured["output_schema"]["properties"]["findings"]
    assert findings["items"]["required"] == ["line", "kind", "message"]


def test_documents_ask_for_the_fields_that_are_wanted() -> None:
    decompose = body_of("documents", fields="parties, date,parties")["decompose"]

    assert decompose["output_schema"]["required"] == ["parties", "date"]
    assert decompose["output_schema"]["properties"] == {"parties": {"type": "string"}, "date": {"type": "string"}}
    assert "The fields: parties, date." in decompose["prompt"]
    assert decompose["files"] == [{"name": "shop/a.py", "content": "A = 1\n"}, {"name": "shop/b/c.go", "content": "x"}]


def test_research_leaves_out_what_is_not_given() -> None:
    recipe = load("research")
    body = recipe.build(recipe.values({"goal": "Find out."}), inputs.attached("", []))

    assert body.keys() == {"name", "goal", "planner", "limits", "metadata"}


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("research", {}, "needs goal (--goal)"),
        ("research", {"goal": " "}, "expected some words"),
        ("research", {"goal": "x", "planner": "nobody"}, "expected one of supervisor, orchestrator"),
        ("data", {"agents": "0"}, "from 1 to 1000"),
        ("data", {"agents": "many"}, "expected a whole number"),
        ("data", {"agnets": "3"}, "has no parameter 'agnets': it takes question, agents"),
        ("review", {"structured": "maybe"}, "expected true or false"),
        ("formats", {"formats": ","}, "expected 1-100 names"),
    ],
)
def test_wrong_values_are_told_by_name(name: str, given: dict[str, str], says: str) -> None:
    with pytest.raises(RecipeError) as error:
        load(name).values(given)
    assert says in str(error.value)


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(RecipeError, match="there are data, documents, formats, research, review"):
        load("../secrets")


HEAD = 'name = "x"\nsummary = "s"\ndescription = "d"\nreads = "nothing"\nexample = "e"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "recipe x: "),
        ('name = "x"', "lacks body, description"),
        (HEAD + 'extra = 1\n[body]\ngoal = "g"', "unknown fields: extra"),
        (HEAD.replace("nothing", "minds") + '[body]\ngoal = "g"', "'minds'"),
        (HEAD.replace('"x"', '"y"') + '[body]\ngoal = "g"', "its name is 'y'"),
        (HEAD + '[body]\ngoal = "${aim}"', "asks for aim"),
        (HEAD + '[parameters.aim]\ntype = "colour"\nhelp = "h"\n[body]\ngoal = "${aim}"', "unknown type 'colour'"),
    ],
)
def test_a_file_that_is_no_recipe_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as error:
        read("x", text)
    assert says in str(error.value)


def test_a_number_keeps_within_its_bounds() -> None:
    ratio = Parameter(name="ratio", type="number", help="", least=0, most=1)

    assert ratio.parsed(" 0.5 ") == 0.5
    for wrong in ("nan", "inf", "-0.1", "1.5", ""):
        with pytest.raises(RecipeError):
            ratio.parsed(wrong)
