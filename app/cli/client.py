"""The service as the commands see it: a handful of calls over HTTP, each safe to repeat.

Blocking on purpose: a command does one thing at a time, and Ctrl-C then lands in the code that knows which swarm to
cancel. Connection errors are retried with back-off for ``patience_s``, since a service that restarts goes on with its
swarms by itself; the POST that starts one carries an ``Idempotency-Key``, so a repeated one starts no second run.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2
import orjson

from app.cli.failures import EXIT_USAGE, Failure, problem_failure
from app.cli.patience import Patience

JsonObject = dict[str, Any]

TERMINAL_STATUSES = frozenset({"completed", "partial", "failed", "cancelled"})
EVENTS_PER_PAGE = 1000
STREAM_SILENCE_S = 45.0
"""A stream that says nothing for so long is lost: the service sends a comment every 15 s."""

BUSY = frozenset({429, 502, 503, 504})


class Answer(Enum):
    READY = "takes requests"
    REFUSED = "is a swarmd service, but refuses the key or is not ready"
    NONE = "is no swarmd service"


class ServiceClient:
    """A connection to one service.

    Args:
        base_url: where it listens; a trailing ``/v1`` is dropped.
        patience_s: seconds to keep trying while the service does not answer.
        transport: replaces the network, for tests.
        sleep: replaces ``time.sleep``, for tests.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        patience_s: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self.patience_s = patience_s
        self._sleep = sleep
        self._clock = clock
        if key is not None and not (key.isascii() and key.isprintable()):
            raise Failure("the API key holds characters that no key of this service has", EXIT_USAGE)
        try:
            url = httpx2.URL(self.base_url)
        except httpx2.InvalidURL as exc:
            raise Failure(f"{base_url!r} is not a URL: {exc}", EXIT_USAGE) from exc
        if url.scheme not in {"http", "https"} or not url.host:
            raise Failure(f"expected a URL such as http://127.0.0.1:8000, got {base_url!r}", EXIT_USAGE)
        self._http = httpx2.Client(
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(60.0, connect=5.0),
            transport=transport,
            # A proxy of the environment is meant for the outside; it cannot reach this machine's loopback.
            trust_env=not _is_loopback(url.host),
        )

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._http.close()

    def probe(self, timeout_s: float = 2.0) -> Answer:
        """Whether a swarmd service answers there; any other server on that port counts as none."""
        try:
            response = self._http.get("/v1/swarms?limit=1", timeout=timeout_s)
            body: Any = orjson.loads(response.content)
        except (httpx2.HTTPError, orjson.JSONDecodeError):
            return Answer.NONE
        if response.status_code == 200 and isinstance(body, dict) and "next_cursor" in body:
            return Answer.READY
        is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
        return Answer.REFUSED if is_problem and response.status_code in {401, 403, 429, 503} else Answer.NONE

    def has_page(self, path: str) -> bool:
        """Whether a GET of ``path`` succeeds."""
        try:
            return self._http.get(path, timeout=5.0, follow_redirects=True).status_code == 200
        except httpx2.HTTPError:
            return False

    def create_swarm(self, body: bytes) -> JsonObject:
        """Start the swarm that ``body`` (JSON) describes.

        Raises:
            Failure: the service refused it, or does not answer.
        """
        return self._call("POST", "/v1/swarms", content=body, headers=_once(), patience_s=10.0)

    def swarm(self, swarm_id: str) -> JsonObject:
        return self.get(swarm_path(swarm_id))

    def results(self, swarm_id: str) -> JsonObject:
        return self.get(swarm_path(swarm_id, "results"))

    def cancel(self, swarm_id: str) -> JsonObject:
        return self.post(swarm_path(swarm_id, "cancel"))

    def get(self, path: str, **query: object) -> JsonObject:
        """What is at ``path``; parameters that are None are left out.

        Raises:
            Refused: the service answers with an error.
            Failure: it does not answer.
        """
        return self._call("GET", path, query=query)

    def post(self, path: str, body: object = None, *, once: bool = False) -> JsonObject:
        """Ask for something to be done.

        Args:
            once: with an ``Idempotency-Key``, for what starts work; the rest may be asked for twice.
        """
        content = None if body is None else orjson.dumps(body)
        return self._call("POST", path, content=content, headers=_once() if once else None, patience_s=5.0)

    def pages(self, path: str, **query: object) -> Iterator[JsonObject]:
        """The pages of a list, each asked for when the one before has been taken."""
        while True:
            page = self.get(path, **query)
            yield page
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def new_events(self, swarm_id: str, after: int) -> Iterator[JsonObject]:
        """The logged events with ``seq`` > ``after`` so far, in order."""
        while True:
            page = self.get(swarm_path(swarm_id, "events"), after=after, limit=EVENTS_PER_PAGE)
            items: list[JsonObject] = page["items"]
            yield from items
            if len(items) < EVENTS_PER_PAGE:
                return
            after = int(items[-1]["seq"])

    @contextlib.contextmanager
    def stream(self, path: str, query: Mapping[str, object], *, accept: str = "*/*") -> Iterator[httpx2.Response]:
        """A successful answer, to be read piece by piece. Neither asking nor reading is tried again.

        Raises:
            Refused: the service answers with an error.
            httpx2.TransportError: the connection failed or was lost, here or in the block.
        """
        timeout = httpx2.Timeout(60.0, connect=5.0, read=STREAM_SILENCE_S)
        request = self._http.build_request(
            "GET", path, params=_given(query), headers={"Accept": accept}, timeout=timeout
        )
        response = self._http.send(request, stream=True)
        try:
            if not response.is_success:
                response.read()
                raise _refusal(response)
            yield response
        finally:
            response.close()

    def patience(self, patience_s: float | None = None) -> Patience:
        """How long to try again; by default as long as this client does."""
        return Patience(self.patience_s if patience_s is None else patience_s, self._sleep, self._clock)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        patience_s: float | None = None,
    ) -> JsonObject:
        patience = self.patience(patience_s)
        kind = {"Content-Type": "application/json"} if content is not None else {}
        while True:
            try:
                response = self._http.request(
                    method, path, params=_given(query), content=content, headers=kind | (headers or {})
                )
            except httpx2.TransportError as exc:
                if not patience.rest():
                    raise self.silence(exc) from exc
            else:
                if response.status_code not in BUSY or not patience.rest(_retry_after_s(response, at_most_s=5.0)):
                    return _parsed(response)

    def silence(self, exc: Exception) -> Failure:
        """What to tell when the service has not answered for long enough."""
        return Failure(f"no answer from {self.base_url} ({reason(exc)})")


def swarm_path(swarm_id: str, *more: str) -> str:
    """The path of a swarm, or of something below it; every part is quoted."""
    return "/".join(["/v1/swarms", *(quote(part, safe="") for part in (swarm_id, *more))])


def _parsed(response: httpx2.Response) -> JsonObject:
    if response.is_success:
        with contextlib.suppress(orjson.JSONDecodeError):
            body: Any = orjson.loads(response.content)
            if isinstance(body, dict):
                return body
    raise _refusal(response)


def _refusal(response: httpx2.Response) -> Failure:
    try:
        return problem_failure(response.status_code, orjson.loads(response.content))
    except orjson.JSONDecodeError:
        return problem_failure(response.status_code, response.text)


def _retry_after_s(response: httpx2.Response, *, at_most_s: float) -> float:
    with contextlib.suppress(KeyError, ValueError):
        return min(max(float(response.headers["Retry-After"]), 0.0), at_most_s)
    return 0.0


def reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _given(query: Mapping[str, object] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (query or {}).items() if value is not None}


def _once() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
