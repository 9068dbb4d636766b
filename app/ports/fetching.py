"""Requests to web addresses that somebody else named: guarded, bounded, no secret sent to a wrong host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.errors import SwarmdError

DEFAULT_MAX_BYTES = 10 * 1024 * 1024
DEFAULT_TIMEOUT_S = 20.0
MAX_REDIRECTS = 5


class FetchError(SwarmdError):
    """Nothing was fetched; the message may be shown to whoever named the address."""

    code = "fetch_failed"


class FetchRefused(FetchError):
    """The address, or one that it led to, may not be asked."""

    code = "fetch_refused"


class FetchFailed(FetchError):
    """The address could not be reached, or its answer is late, broken or too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """One request.

    Attributes:
        headers: go to the origin of ``url`` only, not to another one that it redirects to.
        body: likewise; a redirect of it to another origin is refused.
        max_bytes: of the answer's body, after decompression; with 0 the body is not read, whatever it is.
        timeout_s: of everything together: resolution, all redirects, the whole body.
        max_redirects: followed; with 0 the redirect itself is the answer.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    max_bytes: int = DEFAULT_MAX_BYTES
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_redirects: int = MAX_REDIRECTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer of any status.

    Attributes:
        url: which answered, after the redirects.
        headers: names in lower case; of repeated ones the last.
        body: decompressed, whole.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher(Protocol):
    async def fetch(self, request: FetchRequest) -> Fetched:
        """Send one request and read the whole answer. Cancelling closes the connection.

        Raises:
            FetchRefused: the URL, an address behind it or a redirect is not allowed.
            FetchFailed: no answer in time, none that can be read, or one above ``max_bytes``.
        """
        ...
