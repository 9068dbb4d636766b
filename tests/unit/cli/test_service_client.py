"""The client survives a service that goes away for a while, starts nothing twice, and reports the rest in words."""

from collections.abc import Callable, Iterator

import httpx2
import orjson
import pytest

from app.cli.client import Answer, ServiceClient
from app.cli.failures import EXIT_ERROR, EXIT_USAGE, Failure

Handler = Callable[[httpx2.Request], httpx2.Response]


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client_of(handler: Handler, time: Time | None = None, key: str | None = None) -> ServiceClient:
    time = time or Time()
    transport = httpx2.MockTransport(handler)
    return ServiceClient("http://x:1/v1/", key, transport=transport, sleep=time.sleep, clock=lambda: time.now)


def answers(*steps: httpx2.Response | Exception) -> tuple[Handler, list[httpx2.Request]]:
    requests: list[httpx2.Request] = []
    remaining: Iterator[httpx2.Response | Exception] = iter(steps)

    def handle(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        step = next(remaining)
        if isinstance(step, Exception):
            raise step
        return step

    return handle, requests


def ok(body: object = None) -> httpx2.Response:
    return httpx2.Response(200, content=orjson.dumps(body or {"swarm_id": "swm_1"}))


def test_a_lost_connection_is_tried_again_with_growing_pauses() -> None:
    time = Time()
    handler, requests = answers(httpx2.ConnectError("refused"), httpx2.ReadError(""), httpx2.Response(503), ok())

    assert client_of(handler, time).swarm("swm_1") == {"swarm_id": "swm_1"}
    assert len(requests) == 4
    assert time.now == 0.25 + 0.5 + 1.0


def test_a_repeated_start_carries_the_same_idempotency_key_and_another_start_another() -> None:
    handler, requests = answers(httpx2.ReadError("reset"), ok(), ok())
    client = client_of(handler)

    client.create_swarm(b"{}")
    client.create_swarm(b"{}")

    first, again, second = (request.headers["Idempotency-Key"] for request in requests)
    assert first == again != second


def test_patience_ends() -> None:
    time = Time()

    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused")

    with pytest.raises(Failure, match=r"no answer from http://x:1 \(connection refused\)") as failure:
        client_of(refuse, time).swarm("swm_1")

    assert failure.value.exit_code == EXIT_ERROR
    assert time.now <= 60


def test_retry_after_is_honoured_up_to_a_limit() -> None:
    time = Time()
    handler, _ = answers(
        httpx2.Response(429, headers={"Retry-After": "2"}), httpx2.Response(429, headers={"Retry-After": "3600"}), ok()
    )

    client_of(handler, time).swarm("swm_1")

    assert time.now == 2 + 5


def test_a_refusal_is_not_repeated() -> None:
    problem = {"status": 422, "detail": "a cycle", "errors": [{"pointer": "/tasks", "detail": "a -> b -> a"}]}
    handler, requests = answers(httpx2.Response(422, content=orjson.dumps(problem)))

    with pytest.raises(Failure, match="a -> b -> a") as failure:
        client_of(handler).create_swarm(b"{}")

    assert failure.value.exit_code == EXIT_USAGE
    assert len(requests) == 1


def test_an_answer_that_is_not_json_is_an_error() -> None:
    with pytest.raises(Failure, match="HTTP 200: <html>"):
        client_of(lambda _: httpx2.Response(200, text="<html>")).swarm("swm_1")


def test_the_key_goes_into_the_header_and_ids_into_the_path_escaped() -> None:
    handler, requests = answers(ok())

    client_of(handler, key="sk-1").swarm("a/b?c")

    assert requests[0].headers["Authorization"] == "Bearer sk-1"
    assert requests[0].url.raw_path == b"/v1/swarms/a%2Fb%3Fc"


@pytest.mark.parametrize("url", ["", "foo", "ftp://x", "http://", "http://é..x", "//x"])
def test_a_url_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(Failure) as failure:
        ServiceClient(url)
    assert failure.value.exit_code == EXIT_USAGE


@pytest.mark.parametrize("key", ["kéy", "a\nb", "a\r\nX: y"])
def test_a_key_that_no_header_can_carry_is_a_usage_error(key: str) -> None:
    with pytest.raises(Failure, match="characters"):
        ServiceClient("http://x", key)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (ok({"items": [], "next_cursor": None}), Answer.READY),
        (ok({"hello": "world"}), Answer.NONE),
        (httpx2.Response(200, text="another server"), Answer.NONE),
        (httpx2.Response(404, content=b"{}"), Answer.NONE),
        (httpx2.Response(401, content=b"{}", headers={"Content-Type": "application/problem+json"}), Answer.REFUSED),
        (httpx2.Response(401, content=b"{}", headers={"Content-Type": "application/json"}), Answer.NONE),
        (httpx2.ConnectError("refused"), Answer.NONE),
        (httpx2.ReadTimeout("slow"), Answer.NONE),
    ],
)
def test_only_a_swarmd_service_counts_as_one(response: httpx2.Response | Exception, answer: Answer) -> None:
    handler, _ = answers(response)

    assert client_of(handler).probe() is answer


def test_the_log_is_read_page_by_page_to_its_end() -> None:
    asked: list[int] = []

    def log(request: httpx2.Request) -> httpx2.Response:
        after = int(request.url.params["after"])
        asked.append(after)
        return ok({"items": [{"seq": seq} for seq in range(after + 1, min(after + 1000, 2500) + 1)]})

    assert [event["seq"] for event in client_of(log).new_events("swm_1", 0)] == list(range(1, 2501))
    assert asked == [0, 1000, 2000]


def test_a_list_is_read_page_by_page_with_its_filters() -> None:
    handler, requests = answers(ok({"items": [1], "next_cursor": "c 1"}), ok({"items": [2], "next_cursor": None}))

    pages = client_of(handler).pages("/v1/swarms", status="failed", agent=None, limit=1)

    assert [item for page in pages for item in page["items"]] == [1, 2]
    assert [request.url.query for request in requests] == [
        b"status=failed&limit=1",
        b"status=failed&limit=1&cursor=c+1",
    ]


def test_what_starts_work_is_asked_for_once_however_often_it_is_sent() -> None:
    handler, requests = answers(httpx2.ReadError("reset"), ok(), ok())
    client = client_of(handler)

    client.post("/v1/swarms/swm_1/retry", {"states": ["failed"]}, once=True)
    client.post("/v1/swarms/swm_1/pause")

    first, again, pause = requests
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert again.content == b'{"states":["failed"]}'
    assert ("Idempotency-Key" in pause.headers, pause.content) == (False, b"")
