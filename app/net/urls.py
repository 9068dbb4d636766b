"""Which URLs may be asked at all, before any name is resolved."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address

from yarl import URL

from app.net.addresses import is_reachable
from app.ports.fetching import FetchRefused

MAX_URL_CHARS = 8192
NOT_A_URL = (ValueError, IndexError)
"""What yarl raises for broken ones; the second for ``http://[::1]@`` (1.25)."""

_HTTP_PORTS = frozenset({80, 443})
_BLOCKED_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)
"""Ports above 1023 of other protocols, which a request could be smuggled into (WHATWG Fetch, "bad port", 2026)."""
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", re.IGNORECASE)
"""Hosts that are read as IPv4 addresses (WHATWG URL, "ends in a number checker")."""
_AUTHORITY_END = re.compile(r"[/?#]")
_CONTROLS = re.compile(r"[\x00-\x20\x7f\\]")


def checked_url(text: str, *, allow_private: bool) -> URL:
    """Return the URL to ask, without its fragment.

    Raises:
        FetchRefused: not http or https, credentials in it, a port of another protocol, an address that is not public or
            not written in its usual form.
    """
    if len(text) > MAX_URL_CHARS:
        raise FetchRefused(f"the URL is longer than {MAX_URL_CHARS:,} characters")
    if _CONTROLS.search(text):
        raise FetchRefused("the URL holds a blank, a backslash or a control character; percent-encode it")
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except NOT_A_URL as exc:
        raise FetchRefused("not a URL, or its host is not a name") from exc
    if url.scheme not in {"http", "https"} or not host:
        raise FetchRefused("only http:// and https:// URLs with a host can be fetched")
    if "@" in _AUTHORITY_END.split(text.partition("//")[2], maxsplit=1)[0]:
        raise FetchRefused("a URL with a user name or password is not fetched")
    if port is None or (port not in _HTTP_PORTS and (port < 1024 or port in _BLOCKED_PORTS)):
        raise FetchRefused(f"port {port} is not fetched: use 80, 443 or one of 1024 and above that is meant for HTTP")
    _check_host(host, allow_private=allow_private)
    return url.with_fragment(None)


def _check_host(host: str, *, allow_private: bool) -> None:
    strange = f"{host!r} is neither a host name nor an address in its usual form"
    if "%" in host:  # a zone of this machine, or a character that no name has
        raise FetchRefused(strange)
    try:
        address = ip_address(host)
    except ValueError:
        if _ENDS_IN_NUMBER.search(host) or ":" in host:
            raise FetchRefused(strange) from None
        return
    if isinstance(address, IPv4Address) and host != str(address):
        raise FetchRefused(f"{host!r} is not an address in its usual form")
    if not is_reachable(host, allow_private=allow_private):
        what = (
            "a link-local address or one of a cloud's metadata"
            if allow_private
            else "not an address of the public Internet"
        )
        raise FetchRefused(f"{host} is {what}")


def origin_of(url: URL) -> tuple[str, str | None, int | None]:
    """What has to be the same for headers to go along: scheme, host and port."""
    return url.scheme, url.raw_host, url.port
