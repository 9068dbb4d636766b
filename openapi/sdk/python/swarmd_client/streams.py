"""Events as they happen, over a WebSocket that may break: nothing is left out, and nothing comes twice.

The service numbers the events of a run from 1 without a gap and keeps them, so a connection that is lost, or a service
that is killed and started again, costs nothing: the stream goes on behind the last event that it handed out.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import ssl
import time
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from .client import AuthenticatedClient, Client
from .models.event_out import EventOut
from .problems import ApiProblem, problem_of

_DONE = 1000
_LATEST = "latest"
_NOT_LOGGED = "metrics_snapshot"
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_OF_HTTP = frozenset({"accept", "accept-encoding", "connection"})


class StreamLost(Exception):
    """The service could not be reached for as long as the stream was to try.

    ``after`` of the stream, which is also this exception's, says where a new one can go on.
    """

    def __init__(self, path: str, after: str | None, patience_s: float) -> None:
        super().__init__(f"{path} could not be reached for {patience_s:g} s; it can be resumed with after={after!r}")
        self.after = after


class EventStream:
    """Iterates over events with ``async for``; leave it early through ``async with`` or ``aclose``.

    A run's stream ends after the run's last event, ``swarm_completed``, whose ``["status"]`` says how it ended. That of
    an orchestrator does not end.

    Attributes:
        after: place of the last event that was handed out: kept somewhere safe, a later process can go on with it.
    """

    def __init__(self, client: AuthenticatedClient | Client, path: str, after: str | None, patience_s: float) -> None:
        self.after = after
        self._client = client
        self._path = path
        self._patience_s = patience_s
        self._events = self._follow()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventOut:
        return await anext(self._events)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; the run goes on."""
        await self._events.aclose()

    async def _follow(self) -> AsyncGenerator[EventOut, None]:
        give_up_at = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            cause: Exception | None = None
            opened_at, delivered, at_least_s = math.inf, False, 0.0
            try:
                async with self._connection() as connection:
                    opened_at = time.monotonic()
                    async for message in connection:
                        event = EventOut.from_dict(json.loads(message))
                        self._pass(event)
                        delivered = True
                        yield event
                if connection.close_code == _DONE:
                    return
            except InvalidStatus as exc:
                response = exc.response
                if response.status_code not in _TEMPORARY:
                    problem = problem_of(response.status_code, bytes(response.body or b""))
                    raise ApiProblem(problem, dict(response.headers.raw_items())) from exc
                cause, at_least_s = exc, _seconds(response.headers.get("Retry-After"))
            except ssl.SSLCertVerificationError:
                raise  # trying again would not make the certificate a better one
            except (ConnectionClosed, InvalidHandshake, OSError) as exc:
                cause = exc
            now = time.monotonic()
            if delivered or now - opened_at > _LONGEST_PAUSE_S:
                give_up_at, pause_s = now + self._patience_s, _FIRST_PAUSE_S
            # A little by chance, so that the clients of a service that restarts do not all come back at once.
            wait_s = max(pause_s * random.uniform(0.5, 1.0), at_least_s)  # noqa: S311  no secret
            if now + wait_s > give_up_at:
                raise StreamLost(self._path, self.after, self._patience_s) from cause
            await asyncio.sleep(wait_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _pass(self, event: EventOut) -> None:
        """Remember the place of an event; that of a snapshot may be an earlier one, so it only serves as the first."""
        if event.type_ != _NOT_LOGGED or self.after == _LATEST:
            self.after = str(event.additional_properties.get("cursor", event.seq))

    def _connection(self) -> connect:
        http = self._client.get_async_httpx_client()
        url = str(http.base_url).rstrip("/").replace("http", "ws", 1) + self._path
        query = "" if self.after is None else f"?after={quote(self.after)}"
        return connect(
            url + query,
            additional_headers={name: value for name, value in http.headers.items() if name not in _OF_HTTP},
            user_agent_header=None,  # it is among those
            max_size=None,  # of a message: the answer of a merge is in one
            ssl=_ssl_context(self._client._verify_ssl) if url.startswith("wss:") else None,
        )


def stream_swarm(
    client: AuthenticatedClient | Client,
    swarm_id: str,
    *,
    after: int | str | Literal["latest"] | None = None,
    patience_s: float = 60.0,
) -> EventStream:
    """Follow one run to its end: ``async for event in stream_swarm(client, swarm_id)``.

    Between the events of the log comes a ``metrics_snapshot`` every second, whose ``seq`` repeats that of the last
    event it includes.

    Args:
        after: the ``seq`` behind which to begin, ``"latest"`` for what happens from now on, or None for the first.
        patience_s: how long to go on trying while the service cannot be reached.

    Raises:
        ApiProblem: while iterating: there is no such run (404), the key is wrong (401) or may not read (403).
        StreamLost: while iterating: the service did not come back in time.
    """
    return EventStream(client, f"/v1/swarms/{quote(swarm_id, safe='')}/stream", _place(after), patience_s)


def stream_agent(
    client: AuthenticatedClient | Client,
    agent_id: str,
    *,
    after: str | Literal["latest"] | None = None,
    patience_s: float = 60.0,
) -> EventStream:
    """Follow all runs of an orchestrator, by its id or name; it does not end by itself.

    Args:
        after: the ``["cursor"]`` of an event behind which to begin, else as for ``stream_swarm``.
        patience_s: as for ``stream_swarm``.

    Raises:
        ApiProblem, StreamLost: as for ``stream_swarm``.
    """
    return EventStream(client, f"/v1/agents/{quote(agent_id, safe='')}/stream", _place(after), patience_s)


def _place(after: Any) -> str | None:
    return None if after is None else str(after)


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else 0.0


def _ssl_context(verify: str | bool | ssl.SSLContext) -> ssl.SSLContext:
    """Check certificates as the client does: against the system's list, a file, by a context of its own, or not."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
