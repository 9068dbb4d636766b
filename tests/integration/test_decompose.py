"""Runs that are made of rows, files, formats and items."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests.support.planning import NAMED_MODELS, Cast, get, run, tasks_of
from tests.support.service import in_process

pytestmark = pytest.mark.anyio


def rows(count: int, **fields: Any) -> dict[str, Any]:
    data = [{"id": at, "amount": at * 3} for at in range(count)]
    return {"decompose": {"strategy": "rows", "data": data} | fields}


async def test_ten_thousand_rows_are_a_hundred_agents_of_a_hundred(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, rows(10_000, num_agents=100, prompt="Sum the amounts.", role="analyst"))

    assert (found["status"], found["counts"]["completed"], found["counts"]["total"]) == ("completed", 100, 100)
    sent = [asked.task for asked in sorted(cast.asked, key=lambda asked: asked.task_id or "")]
    assert [len(task["data"]["rows"]) for task in sent] == [100] * 100
    assert [row["id"] for task in sent for row in task["data"]["rows"]] == list(range(10_000))
    assert sent[99]["data"]["context"] == {
        "chunk_index": 99,
        "total_chunks": 100,
        "row_count": 100,
        "total_rows": 10_000,
    }
    assert cast.asked[0].prompt.startswith("Sum the amounts.\n")
    assert found["aggregation"]["strategy"] == "concat"
    in_order = [task["task_id"] for task in found["results"]["outputs"]]
    assert in_order == sorted(in_order)
    assert found["aggregated"] == "\n\n".join(f"done {task_id}" for task_id in in_order)


async def test_chunks_differ_by_one_row_at_most_and_repeat_with_the_same_ids(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, rows(10, num_agents=4))
        second = await run(client, rows(10, num_agents=4))
        other = await run(client, rows(11, num_agents=4))

    ids = [[task["task_id"] for task in found["results"]["outputs"]] for found in (first, second, other)]
    assert ids[0] == ids[1]
    assert ids[0][:2] == ids[2][:2]  # the same rows at the same place
    assert not set(ids[0][2:]) & set(ids[2][2:])
    sizes = {asked.task_id: len(asked.task["data"]["rows"]) for asked in cast.asked}
    assert [sizes[task_id] for task_id in ids[0]] == [3, 3, 2, 2]
    assert [sizes[task_id] for task_id in ids[2]] == [3, 3, 3, 2]


async def test_more_agents_than_rows_are_one_a_row(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, rows(3, num_agents=500))

    assert found["counts"]["total"] == 3


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("Alpha.")
    (folder / "b.html").write_text("<html><body><h1>Beta</h1><script>evil()</script><p>two</p></body></html>")
    (folder / "sub" / "c.txt").write_text("Gamma.")
    (folder / "sub" / "deep" / "d.txt").write_text("Delta.")
    (tmp_path / "secret.txt").write_text("TOP SECRET")
    os.symlink(tmp_path / "secret.txt", folder / "link.txt")
    return folder


async def test_files_come_from_paths_patterns_and_the_request(tmp_path: Path, workspace: Path) -> None:
    cast = Cast()
    decompose = {
        "strategy": "documents",
        "paths": ["b.html", "./a.txt"],
        "glob": ["sub/**/*.txt", "a.txt"],
        "files": [{"name": "sent.md", "content": "# Sent"}],
        "prompt": "What does it say?",
    }
    async with in_process(tmp_path / "data", provider=cast, workspace=workspace) as client:
        found = await run(client, {"decompose": decompose})

    assert found["status"] == "completed"
    sent = {asked.task["data"]["name"]: asked.task["data"]["text"] for asked in cast.asked}
    assert list(sent) == ["b.html", "a.txt", "sub/c.txt", "sub/deep/d.txt", "sent.md"]
    assert (sent["a.txt"], sent["sub/deep/d.txt"], sent["sent.md"]) == ("Alpha.", "Delta.", "# Sent")
    assert "Beta" in sent["b.html"]
    assert "evil" not in sent["b.html"]


async def test_a_long_file_is_split_without_losing_a_character(tmp_path: Path) -> None:
    text = "".join(f"Paragraph {at} says {at * at}.\n\n" for at in range(100))
    cast = Cast()
    decompose = {"strategy": "files", "files": [{"name": "long.txt", "content": text}], "max_chars": 500}
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"decompose": decompose})

    sent = {asked.task_id: asked.task["data"] for asked in cast.asked}
    parts = [sent[task["task_id"]] for task in found["results"]["outputs"]]
    assert "".join(part["text"] for part in parts) == text
    assert max(len(part["text"]) for part in parts) <= 500
    assert [part["context"]["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert parts[0]["name"] == "long.txt#1"


ESCAPES = [
    "../secret.txt",
    "/etc/passwd",
    "sub/../../secret.txt",
    "link.txt",
    "..\\secret.txt",
    "a.txt\0",
    "%2e%2e/secret.txt",
]


@pytest.mark.parametrize("path", ESCAPES)
async def test_no_path_leaves_the_workspace(tmp_path: Path, workspace: Path, path: str) -> None:
    cast = Cast()
    bodies = [
        {"decompose": {"strategy": "files", "paths": [path]}},
        {"decompose": {"strategy": "formats", "path": path, "formats": ["html"]}},
        {"goal": "Read it.", "attachments": {"paths": [path]}},
    ]
    async with in_process(tmp_path / "data", provider=cast, workspace=workspace) as client:
        for body in bodies:
            response = await client.post("/v1/swarms", json=body)
            assert response.status_code == 422, response.text
            assert "SECRET" not in response.text
            assert str(tmp_path) not in response.text
        listed = await get(client, "/v1/swarms")

    assert listed["items"] == []
    assert cast.asked == []


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "**/../../*", "link*"])
async def test_no_pattern_leaves_the_workspace(tmp_path: Path, workspace: Path, pattern: str) -> None:
    cast = Cast()
    async with in_process(tmp_path / "data", provider=cast, workspace=workspace) as client:
        response = await client.post("/v1/swarms", json={"decompose": {"strategy": "files", "glob": pattern}})

    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"] == "/decompose/glob"
    assert str(tmp_path) not in response.text


async def test_without_a_workspace_no_file_is_read(tmp_path: Path) -> None:
    async with in_process(tmp_path, provider=Cast()) as client:
        response = await client.post("/v1/swarms", json={"decompose": {"strategy": "files", "paths": ["a.txt"]}})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/decompose/paths/0"


async def test_formats_are_written_at_once_and_checked_last(tmp_path: Path) -> None:
    cast = Cast()
    source = "Revenue was 7 million."
    decompose = {"strategy": "multi-format", "source": source, "formats": ["HTML", "md", "slides", "spreadsheet"]}
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"decompose": decompose})
        tasks = await tasks_of(client, found["swarm_id"])

    assert (found["status"], found["counts"]["total"]) == ("completed", 5)
    *written, check = cast.asked
    names = [asked.task["data"]["format"] for asked in written]
    assert names == ["html", "markdown", "slides", "spreadsheet"]
    assert all(asked.task["data"]["source"] == source for asked in written)
    assert check.began > max(asked.ended for asked in written)
    assert tasks[check.task_id or ""]["role"] == "validator"
    assert tasks[check.task_id or ""]["depends_on"] == [asked.task_id for asked in written]
    assert check.task["data"]["formats"] == {asked.task_id: name for asked, name in zip(written, names, strict=True)}
    assert found["results"]["outputs"][-1]["task_id"] == check.task_id


async def test_a_template_is_filled_in_for_each_item(tmp_path: Path) -> None:
    cast = Cast()
    items = [{"title": "One", "tags": ["x", "y"]}, {"title": "Two {not.a.field}", "tags": []}]
    decompose = {
        "strategy": "for-each",
        "prompt": "{index}: translate {item.title}; {{keep}} {item.tags}",
        "items": items,
    }
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"decompose": decompose, "aggregate": "none"})

    assert found["aggregated"] is None
    prompts = sorted(asked.prompt.split("\n")[0] for asked in cast.asked)
    assert prompts == ['0: translate One; {keep} ["x","y"]', "1: translate Two {not.a.field}; {keep} []"]


async def test_twenty_thousand_items_are_twenty_thousand_tasks(tmp_path: Path) -> None:
    cast = Cast()
    cast.hold("task")
    decompose = {"strategy": "map", "prompt": "Square {item}.", "items": list(range(20_000))}
    async with in_process(tmp_path, provider=cast) as client:
        response = await client.post("/v1/swarms", json={"decompose": decompose})
        assert response.status_code == 201, response.text[:500]
        assert response.json()["counts"]["total"] == 20_000
        assert (await client.post(f"/v1/swarms/{response.json()['swarm_id']}/cancel")).status_code == 202


async def test_fields_of_a_decomposition_are_those_of_each_task(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    cast = Cast().on("task", '{"n": 1}')
    fields = {"role": "coder", "complexity": 9, "max_output_tokens": 77, "output_schema": schema, "priority": "high"}
    decompose = {"strategy": "map", "prompt": "Do {item}.", "items": [1, 2]} | fields
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"decompose": decompose, "aggregate": "by_role"})
        tasks = await tasks_of(client, found["swarm_id"])

    assert found["aggregated"] == {"coder": [{"n": 1}, {"n": 1}]}
    assert [(task["role"], task["complexity"], task["priority"]) for task in tasks.values()] == [("coder", 9, 8)] * 2
    assert {asked.request.max_output_tokens for asked in cast.asked} == {77}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no strategy": ({}, "/decompose/strategy"),
    "an unknown strategy": ({"strategy": "slice"}, "/decompose/strategy"),
    "a strategy of another type": ({"strategy": ["rows"]}, "/decompose/strategy"),
    "no rows": ({"strategy": "rows", "data": []}, "/decompose/data"),
    "rows of no agents": ({"strategy": "rows", "data": [1], "num_agents": 0}, "/decompose/num_agents"),
    "too many agents": ({"strategy": "rows", "data": [0] * 20_001, "num_agents": 20_001}, "/decompose/num_agents"),
    "a row above what a task may have": ({"strategy": "rows", "data": ["x" * 1_100_000]}, "/decompose/data/0"),
    "no files": ({"strategy": "files"}, "/decompose"),
    "the same file twice": (
        {"strategy": "files", "files": [{"name": "a", "content": "x"}, {"name": "a", "content": "y"}]},
        "/decompose/files/1/name",
    ),
    "no formats": ({"strategy": "formats", "source": "x", "formats": []}, "/decompose/formats"),
    "an unknown format": ({"strategy": "formats", "source": "x", "formats": ["hologram"]}, "/decompose/formats/0"),
    "a format twice": ({"strategy": "formats", "source": "x", "formats": ["md", "markdown"]}, "/decompose/formats/1"),
    "no source": ({"strategy": "formats", "formats": ["html"]}, "/decompose/source"),
    "an unknown placeholder": ({"strategy": "map", "prompt": "{thing}", "items": [1]}, "/decompose/prompt"),
    "an open brace": ({"strategy": "map", "prompt": "{item", "items": [1]}, "/decompose/prompt"),
    "a field that an item lacks": (
        {"strategy": "map", "prompt": "{item.a}", "items": [{"a": 1}, {"b": 1}]},
        "/decompose/items/1",
    ),
    "no items": ({"strategy": "map", "prompt": "{item}", "items": []}, "/decompose/items"),
    "a field of another strategy": ({"strategy": "rows", "data": [1], "glob": "*"}, "/decompose/glob"),
    "a schema that is none": ({"strategy": "rows", "data": [1], "output_schema": {"type": "thing"}}, "/decompose"),
    "a model that nobody serves": ({"strategy": "rows", "data": [1], "model": "no-such"}, "/decompose/model"),
    "a remote schema": (
        {"strategy": "rows", "data": [1], "output_schema": {"$ref": "http://example.com/s.json"}},
        "/decompose",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_decomposition_is_refused_by_its_field(tmp_path: Path, wrong: str) -> None:
    decompose, pointer = WRONG[wrong]
    async with in_process(tmp_path, **NAMED_MODELS) as client:
        response = await client.post("/v1/swarms", json={"decompose": decompose})
        listed = await get(client, "/v1/swarms")

    assert response.status_code == 422, response.text[:500]
    found = [error["pointer"] for error in response.json()["errors"]]
    assert found[0].startswith(pointer), found
    assert listed["items"] == []


async def test_a_prompt_bomb_is_refused(tmp_path: Path) -> None:
    """20,000 items times a template of 1 MB would be 20 GB."""
    body = {"decompose": {"strategy": "map", "prompt": "x" * 500_000 + "{item}", "items": list(range(20_000))}}
    async with in_process(tmp_path, provider=Cast()) as client:
        response = await client.post(
            "/v1/swarms", content=orjson.dumps(body), headers={"content-type": "application/json"}
        )

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"].startswith("/decompose")


async def test_an_idempotency_key_starts_one_decomposition(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:

        async def post(body: dict[str, Any]) -> httpx2.Response:
            return await client.post("/v1/swarms", json=body, headers={"Idempotency-Key": "k1"})

        first, again, other = await post(rows(4)), await post(rows(4)), await post(rows(5))
        listed = await get(client, "/v1/swarms")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert first.json()["swarm_id"] == again.json()["swarm_id"]
    assert len(listed["items"]) == 1


async def test_a_single_chunk_is_merged_as_it_is(tmp_path: Path) -> None:
    async with in_process(tmp_path, provider=Cast().on("task", "All of it.")) as client:
        found = await run(client, rows(3, num_agents=1))

    assert found["aggregated"] == "All of it."


async def test_uploaded_files_are_inputs_by_id_and_by_name(tmp_path: Path) -> None:
    """The kind of a file is told by its name, also where it is named by its id."""
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        ids = []
        for name, content in (("a.html", b"<p>one <b>A</b></p>"), ("n.md", b"old"), ("n.md", b"two N")):
            made = await client.post("/v1/files", params={"name": name}, content=content)
            ids.append(made.json()["file_id"])
        found = await run(client, {"decompose": {"strategy": "files", "paths": [ids[0], "n.md", ids[1]]}})
        attached = await client.post(
            "/v1/swarms/simulate", json={"goal": "Sum it up.", "attachments": {"paths": [ids[0]]}}
        )
        source = {"strategy": "formats", "path": ids[0], "formats": ["email"]}
        formats = await client.post("/v1/swarms/simulate", json={"decompose": source})
        refused = [
            await client.post("/v1/swarms", json={"decompose": {"strategy": "files", "paths": paths}})
            for paths in ([ids[2], "n.md"], ["fil_" + "0" * 26], ["./n.md"])
        ]

    assert (found["status"], found["counts"]["completed"]) == ("completed", 3)
    sent = {asked.task["data"]["name"]: asked.task["data"]["text"].strip() for asked in cast.asked}
    assert sent == {"a.html": "one A", "n.md": "two N", f"{ids[1]}/n.md": "old"}
    assert (attached.status_code, formats.status_code) == (200, 200), (attached.text, formats.text)
    assert [answer.status_code for answer in refused] == [422] * 3


async def test_rows_come_from_an_uploaded_table(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        table = "city,people\n" + "".join(f"c{at},{at}\n" for at in range(10))
        uploaded = (await client.post("/v1/files?name=cities.csv", content=table.encode())).json()
        by_id = await run(client, {"decompose": {"strategy": "rows", "path": uploaded["file_id"], "num_agents": 5}})
        by_name = await run(client, {"decompose": {"strategy": "rows", "path": "cities.csv", "num_agents": 5}})

    ids = [[task["task_id"] for task in found["results"]["outputs"]] for found in (by_id, by_name)]
    assert (by_id["counts"]["completed"], ids[0]) == (5, ids[1])
    rows_sent = [asked.task["data"]["rows"] for asked in sorted(cast.asked, key=lambda asked: asked.task_id or "")]
    assert [row for chunk in rows_sent[::2] for row in chunk] == [{"city": f"c{at}", "people": at} for at in range(10)]


@pytest.mark.parametrize(
    ("decompose", "pointer", "why"),
    [
        ({}, "/decompose/data", "exactly one of data and path"),
        ({"data": [1], "path": "t.csv"}, "/decompose/data", "exactly one of data and path"),
        ({"path": "nowhere.csv"}, "/decompose/path", "SWARMD_WORKSPACE"),
        ({"path": "t.csv"}, "/decompose/path", "'t.csv' is no table: line 3 has 3 cells, the first line 2"),
    ],
)
async def test_a_table_that_cannot_be_read_starts_nothing(
    tmp_path: Path, decompose: dict[str, Any], pointer: str, why: str
) -> None:
    async with in_process(tmp_path, provider=Cast()) as client:
        await client.post("/v1/files?name=t.csv", content=b"a,b\n1,2\n1,2,3\n")
        refused = await client.post("/v1/swarms", json={"decompose": {"strategy": "rows"} | decompose})
        listed = (await client.get("/v1/swarms")).json()["items"]

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert why in refused.json()["detail"]
    assert listed == []
