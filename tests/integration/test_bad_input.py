"""Bad requests: a problem document that names the field, nothing stored, and a service that goes on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx2
import pytest

from app.api.strict_json import parse
from tests.support.problems import pointers, problem
from tests.support.refusals import GOOD, refused, unharmed
from tests.support.service import ServiceProcess

__all__ = ["unharmed"]

MIB = 1024 * 1024


# --- the graph -------------------------------------------------------------------------------------------------------


def chain(*edges: tuple[str, list[str]]) -> dict[str, Any]:
    return {"tasks": [{"id": task_id, "depends_on": depends_on} for task_id, depends_on in edges]}


def test_a_cycle_is_named_by_its_path(client: httpx2.Client) -> None:
    document = refused(client, chain(("free", []), ("a", ["b"]), ("b", ["c"]), ("c", ["a", "free"])))

    assert document["code"] == "dependency_cycle"
    path = document["detail"].rpartition(": ")[2].split(" -> ")
    assert path[0] == path[-1]
    assert sorted(path[1:]) == ["a", "b", "c"]
    follows = {"a": "b", "b": "c", "c": "a"}
    assert all(follows[here] == there for here, there in pairwise(path))
    assert pointers(document) == [f"/tasks/{['free', 'a', 'b', 'c'].index(path[0])}/depends_on"]


def test_a_task_that_waits_for_itself_is_a_cycle(client: httpx2.Client) -> None:
    assert refused(client, chain(("a", ["a"])))["detail"].endswith("a -> a")


def test_a_cycle_through_every_task_is_named_in_a_message_of_bounded_length(client: httpx2.Client) -> None:
    ring = chain(*((str(index), [str((index + 1) % 5000)]) for index in range(5000)))

    document = refused(client, ring)

    assert "5000 tasks" in document["detail"]
    assert len(document["detail"]) < 2000


def test_an_unknown_dependency_is_named(client: httpx2.Client) -> None:
    document = refused(client, chain(("a", []), ("b", ["a", "nobody"])))

    assert pointers(document) == ["/tasks/1/depends_on/1"]
    assert "'nobody'" in document["detail"]


def test_a_duplicate_id_is_named(client: httpx2.Client) -> None:
    document = refused(client, chain(("a", []), ("b", []), ("a", [])))

    assert pointers(document) == ["/tasks/2/id"]
    assert "'a'" in document["detail"]


def test_id_and_task_id_that_differ_are_refused(client: httpx2.Client) -> None:
    assert pointers(refused(client, {"tasks": [{"id": "a", "task_id": "b"}]})) == ["/tasks/0/task_id"]


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"tasks": []}, {"tasks": None}])
def test_a_run_without_a_task_is_refused(client: httpx2.Client, body: Any) -> None:
    assert pointers(refused(client, body)) == ["/tasks"]


def test_20_001_tasks_are_too_many(client: httpx2.Client) -> None:
    document = refused(client, {"tasks": [{}] * 20_001})

    assert pointers(document) == ["/tasks"]
    assert "20001" in document["detail"]
    assert "20000" in document["detail"]


def test_tasks_are_counted_before_they_are_built(client: httpx2.Client, service: ServiceProcess) -> None:
    """Ten million empty tasks fit into the body; built, they would take 17 GB."""
    psutil = pytest.importorskip("psutil", reason="pip install psutil")
    refused(client, b'{"tasks":[' + b",".join([b"{}"] * 3_000_000) + b"]}")

    assert psutil.Process(service.pid).memory_info().rss < 1000 * MIB


def test_a_body_of_33_mib_is_refused_by_its_length(client: httpx2.Client) -> None:
    body = b'{"tasks":[{"id":"a","prompt":"' + b"x" * (33 * MIB) + b'"}]}'

    assert refused(client, body, status=413)["code"] == "body_too_large"


def test_a_body_of_33_mib_is_refused_while_it_streams_in(client: httpx2.Client) -> None:
    pieces = (b"[" + b" " * MIB for _ in range(33))

    assert refused(client, pieces, status=413)["code"] == "body_too_large"


def test_a_task_above_1_mib_is_refused(client: httpx2.Client) -> None:
    document = refused(client, {"tasks": [{}, {"prompt": "x" * MIB}]})

    assert pointers(document) == ["/tasks/1"]


@pytest.mark.parametrize("task_id", ["", "x" * 257])
@pytest.mark.parametrize("field", ["id", "task_id"])
def test_ids_have_1_to_256_characters(client: httpx2.Client, field: str, task_id: str) -> None:
    assert pointers(refused(client, {"tasks": [{field: task_id}]})) == [f"/tasks/0/{field}"]


def test_the_first_bad_task_is_reported_and_the_others_cost_nothing(client: httpx2.Client) -> None:
    bad = {"id": 1, "prompt": 2, "priority": [], "timeout_s": "x"}

    document = refused(client, {"tasks": [bad] * 20_000})

    assert pointers(document) == ["/tasks/0/id", "/tasks/0/prompt", "/tasks/0/priority", "/tasks/0/timeout_s"]


# --- JSON that is none, or that cannot be kept -----------------------------------------------------------------------


def in_data(value: bytes) -> bytes:
    return b'{"tasks":[{"id":"a","data":{"x":' + value + b"}}]}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"tasks": [}',
        b"{'tasks': []}",
        b'{"tasks": [{}]} more',
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"tasks": [{}]}',
        in_data(b'"\xff"'),
        in_data(b"NaN"),
        in_data(b"-Infinity"),
        in_data(b"1e999"),
        in_data(b"-1E+999"),
        in_data(b"1" + b"0" * 400),
        in_data(b"01"),
        in_data(rb'"\ud800"'),
        in_data(rb'"\udc00\ud800"'),
        in_data(rb'{"\ud83d": 1}'),
        in_data(b'"\x00"'),
        in_data(b"[" * 100_000 + b"]" * 100_000),
        in_data(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ],
)
def test_what_is_not_json_is_refused(client: httpx2.Client, body: bytes) -> None:
    assert refused(client, body, status=400)["code"] == "malformed_json"


@pytest.mark.parametrize("number", [b"18446744073709551615", b"9223372036854775808", b"-9223372036854775809"])
def test_an_integer_above_64_bits_is_refused_by_name(client: httpx2.Client, number: bytes) -> None:
    document = problem(client.post("/v1/swarms", content=in_data(b"[0," + number + b"]")), 422)

    assert pointers(document) == ["/tasks/0/data/x/1"]


@pytest.mark.parametrize(
    ("value", "place"), [(rb'["a\u0000b"]', "/x/0"), (rb'{"k\u0000": 1}', "/x/k\0"), (rb'"\\\u0000"', "/x")]
)
def test_a_text_that_no_database_stores_is_refused_by_name(client: httpx2.Client, value: bytes, place: str) -> None:
    document = problem(client.post("/v1/swarms", content=in_data(value)), 422)

    assert pointers(document) == [f"/tasks/0/data{place}"]
    assert parse(rb'["\\u0000"]') == ["\\u0000"], "a backslash, and letters"


@pytest.mark.parametrize("levels", [98, 250, 254, 300, 900, 1015])
@pytest.mark.parametrize("core", [b"", b"1234567890123456"])
def test_nesting_that_could_not_be_sent_again_is_refused(client: httpx2.Client, levels: int, core: bytes) -> None:
    document = refused(client, in_data(b"[" * levels + core + b"]" * levels))

    assert pointers(document) == ["/tasks/0/data"]


def test_nested_metadata_is_refused(client: httpx2.Client) -> None:
    body = b'{"tasks":[{}],"metadata":{"x/y~z":' + b"[" * 300 + b"]" * 300 + b"}}"

    assert pointers(refused(client, body)) == ["/metadata/x~1y~0z/0"]


@pytest.mark.parametrize("body", [[], "text", 5, None, True, [GOOD]])
def test_a_body_that_is_no_object_is_refused(client: httpx2.Client, body: Any) -> None:
    assert pointers(refused(client, body)) == [""]
