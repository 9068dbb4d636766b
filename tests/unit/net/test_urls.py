"""URLs that may not be asked are refused before any name is resolved."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from app.net.urls import checked_url, origin_of
from app.ports.fetching import FetchRefused

LOOPBACK_IN_DISGUISE = ["0x7f000001", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "127.0.1", "0", "0x7f.0.0.0x1"]


def naive_is_private(url: str) -> bool:
    """The check that is often written: an address is looked at, anything else is taken for a name."""
    try:
        return ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        return False


@pytest.mark.parametrize("host", LOOPBACK_IN_DISGUISE)
def test_loopback_in_another_form_passes_a_naive_check_and_reaches_loopback_but_not_this_one(host: str) -> None:
    assert not naive_is_private(f"http://{host}/")
    assert socket.getaddrinfo(host, 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0] in {"127.0.0.1", "0.0.0.0"}

    with pytest.raises(FetchRefused, match="usual form"):
        checked_url(f"http://{host}/", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]:8080/"),
        *("http://100.64.0.1/", "http://0.0.0.0/", "http://[::]/"),
        *("http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/", "http://192.168.0.1/"),
        *("http://①②⑦.0.0.1/", "http://127。0。0。1/"),
    ],
)
def test_addresses_that_are_not_public_are_refused_unless_they_are_allowed(url: str) -> None:
    with pytest.raises(FetchRefused, match="public Internet"):
        checked_url(url, allow_private=False)

    assert checked_url(url, allow_private=True).host


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://[::ffff:a9fe:a9fe]/", "http://[fe80::1]/"]
)
def test_addresses_by_which_clouds_give_away_keys_are_refused_in_any_case(url: str) -> None:
    with pytest.raises(FetchRefused, match="public Internet"):
        checked_url(url, allow_private=False)
    with pytest.raises(FetchRefused, match="a cloud's metadata"):
        checked_url(url, allow_private=True)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.org/", "only http"),
        ("file:///etc/passwd", "only http"),
        ("gopher://example.org/", "only http"),
        ("javascript:alert(1)", "only http"),
        ("//example.org/", "only http"),
        ("example.org", "only http"),
        ("http:///path", "only http"),
        ("", "only http"),
        ("http://user:secret@example.org/", "user name or password"),
        ("http://example.org@10.0.0.1/", "user name or password"),
        ("http://@example.org/", "user name or password"),
        ("http://example.org:25/", "port 25"),
        ("http://example.org:22/", "port 22"),
        ("http://example.org:0/", "port 0"),
        ("http://example.org:6667/", "port 6667"),
        ("http://example.org:99999/", "not a URL"),
        ("http://[::1", "not a URL"),
        ("http://[::1]@", "not a URL"),
        ("http://exa mple.org/", "blank"),
        ("http://example.org\\@10.0.0.1/", "backslash"),
        ("http://10.0.0.1\t.example.org/", "control character"),
        ("http://example.org/\r\nHost: x", "control character"),
        ("http://127.0.0.1%00.example.org/", "neither a host name"),
        ("http://%31%32%37.0.0.1/", "neither a host name"),
        ("http://[fe80::1%25eth0]/", "neither a host name"),
        ("http://127.0.0.1./", "usual form"),
        ("http://example.org/" + "a" * 9000, "longer than"),
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_urls_that_are_never_asked(url: str, says: str, allow_private: bool) -> None:
    with pytest.raises(FetchRefused, match=says):
        checked_url(url, allow_private=allow_private)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTP://Example.ORG:80/a?b=c#part", "http://example.org/a?b=c"),
        ("http://example.org:8080/x%20y", "http://example.org:8080/x%20y"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example.org/a@b?to=http://127.0.0.1/", "https://example.org/a@b?to=http://127.0.0.1/"),
    ],
)
def test_urls_that_may_be_asked(url: str, asked: str) -> None:
    assert str(checked_url(url, allow_private=False)) == asked


def test_another_scheme_host_or_port_is_another_origin() -> None:
    def origin(url: str) -> object:
        return origin_of(checked_url(url, allow_private=False))

    assert origin("https://example.org/a") == origin("https://EXAMPLE.org:443/b")
    others = [origin(url) for url in ("https://a.org/", "http://a.org/", "https://b.org/", "http://a.org:8180/")]
    assert len(set(others)) == 4
