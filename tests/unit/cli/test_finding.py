"""An id that is not known is answered with the nearest that is."""

from typing import Any

import httpx2
import orjson
import pytest

from app.cli.failures import EXIT_ERROR, Refused
from app.cli.finding import hints, nearest
from tests.support.run_stream import client_of

SWARMS: list[dict[str, Any]] = [
    {"swarm_id": "swm_01M7ZXQY4N9QBAJH0G66E9YP24", "name": None, "status": "running"},
    {"swarm_id": "swm_01M7ZXHW916TT5F2BXYSVE6DNC", "name": "two\nviews", "status": "completed"},
]


def service(request: httpx2.Request) -> httpx2.Response:
    path = request.url.path
    body: dict[str, Any] = {"status": 404, "detail": "no such thing"}
    status = 404
    if path == "/v1/swarms":
        status, body = 200, {"items": SWARMS}
    elif path.endswith("/tasks"):
        status, body = 200, {"items": [{"task_id": "costs"}, {"task_id": "people"}]}
    elif path.removeprefix("/v1/swarms/") in {swarm["swarm_id"] for swarm in SWARMS}:
        status, body = 200, {"swarm_id": "x"}
    return httpx2.Response(status, content=orjson.dumps(body))


def hint(swarm_id: str, task_id: str | None = None, status: int = 404) -> list[str]:
    with (
        client_of(service) as client,
        pytest.raises(Refused) as refused,
        hints(client, swarm_id, task_id),
    ):
        raise Refused("HTTP 404: no such thing", EXIT_ERROR, status)
    assert (refused.value.exit_code, refused.value.status) == (EXIT_ERROR, status)
    first, *rest = refused.value.message.splitlines()
    assert first == "HTTP 404: no such thing"
    return [line.strip() for line in rest]


def test_a_mistyped_id_is_answered_with_the_nearest() -> None:
    assert hint("swm_01m7zxhw916tt5f2bxysve6dn") == [
        "did you mean swm_01M7ZXHW916TT5F2BXYSVE6DNC (two views)? `swarmd ls` lists the runs"
    ]


def test_a_name_is_answered_with_the_id() -> None:
    assert hint("two\nviews")[0].startswith("did you mean swm_01M7ZXHW916TT5F2BXYSVE6DNC (two views)?")


def test_an_id_like_no_other_is_answered_with_how_to_list_them() -> None:
    assert hint("report") == ["`swarmd ls` lists the runs"]


def test_a_task_is_looked_for_in_its_run() -> None:
    swarm_id = str(SWARMS[0]["swarm_id"])

    assert hint(swarm_id, "cost") == [f"did you mean costs? `swarmd get {swarm_id} --tasks` lists its tasks"]
    assert hint(swarm_id, "zebra") == [f"`swarmd get {swarm_id} --tasks` lists its tasks"]
    assert hint("nope", "costs") == ["`swarmd ls` lists the runs"]


def test_nothing_is_guessed_where_the_run_is_there_or_the_error_is_another() -> None:
    assert hint(str(SWARMS[0]["swarm_id"])) == []
    assert hint("report", status=409) == []


def test_a_service_that_cannot_be_asked_leaves_the_error_as_it_was() -> None:
    broken = client_of(lambda _: httpx2.Response(500, text="oops"))

    with broken as client, pytest.raises(Refused, match=r"^HTTP 404: x$"), hints(client, "a"):
        raise Refused("HTTP 404: x", EXIT_ERROR, 404)


def test_the_nearest_come_best_first_without_regard_to_case() -> None:
    assert nearest("Intro", ["intro-2", "INTRO", "outro", "summary"]) == ["INTRO", "intro-2"]
