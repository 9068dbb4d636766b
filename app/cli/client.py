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
from collections.abc import Callable, Iterator
from enum import Enum
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2
import orjson

from app.cli.failures import EXIT_USAGE, Failure, problem_failure

JsonObject = dict[str, Any]

TERMINAL_STATUSES = frozenset({"completed", "partial", "failed", "cancelled"})
EVENTS_PER_PAGE = 1000
_BUSY = frozenset({429, 502, 503, 504})


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
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        return self._call("POST", "/v1/swarms", content=body, headers=headers, patience_s=10.0)

    def swarm(self, swarm_id: str) -> JsonObject:
        return self._call("GET", f"/v1/swarms/{_segment(swarm_id)}")

    def results(self, swarm_id: str) -> JsonObject:
        return self._call("GET", f"/v1/swarms/{_segment(swarm_id)}/results")

    def cancel(self, swarm_id: str) -> JsonObject:
        return self._call("POST", f"/v1/swarms/{_segment(swarm_id)}/cancel", patience_s=5.0)

    def new_events(self, swarm_id: str, after: int, *, pages: int = 5) -> Iterator[JsonObject]:
        """The logged events with ``seq`` > ``after`` in order, at most so many pages of them."""
        for _ in range(pages):
            path = f"/v1/swarms/{_segment(swarm_id)}/events?after={after}&limit={EVENTS_PER_PAGE}"
            items: list[JsonObject] = self._call("GET", path)["items"]
            yield from items
            if len(items) < EVENTS_PER_PAGE:
                return
            after = int(items[-1]["seq"])

    def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        patience_s: float | None = None,
    ) -> JsonObject:
        give_up_at = self._clock() + (self.patience_s if patience_s is None else patience_s)
        delay_s = 0.25
        while True:
            response: httpx2.Response | None = None
            try:
                response = self._http.request(method, path, content=content, headers=headers)
            except httpx2.TransportError as exc:
                if self._clock() + delay_s > give_up_at:
                    raise Failure(f"no answer from {self.base_url} ({_reason(exc)})") from exc
            else:
                if response.status_code not in _BUSY or self._clock() + delay_s > give_up_at:
                    return _parsed(response)
            self._sleep(max(delay_s, _retry_after_s(response, at_most_s=5.0)))
            delay_s = min(delay_s * 2, 5.0)


def _parsed(response: httpx2.Response) -> JsonObject:
    try:
        body: Any = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = response.text
    if response.is_success and isinstance(body, dict):
        return body
    raise problem_failure(response.status_code, body)


def _retry_after_s(response: httpx2.Response | None, *, at_most_s: float) -> float:
    if response is not None:
        with contextlib.suppress(KeyError, ValueError):
            return min(max(float(response.headers["Retry-After"]), 0.0), at_most_s)
    return 0.0


def _reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _segment(value: str) -> str:
    return quote(value, safe="")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
