"""The gate and the body limit, before any route: driven as plain ASGI."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.api.middleware import BodyLimit, Gate, is_loopback
from app.ports.keys import KeyRow

pytestmark = pytest.mark.anyio


class Inner:
    """The application behind: remembers who came through."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.state = SimpleNamespace(services=SimpleNamespace(keys=self))
        self.keys: dict[str, KeyRow] = {}
        self.waits: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        while scope["type"] == "http" and (await receive()).get("more_body"):
            continue
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

    async def any_live(self) -> bool:
        return bool(self.keys)

    async def check(self, secret: str) -> KeyRow | None:
        return self.keys.get(secret)

    def wait_s(self, key: KeyRow) -> float | None:
        return self.waits.get(key.key_id)

    def add_key(self, secret: str, *scopes: str) -> None:
        self.keys[secret] = KeyRow(
            key_id="key_1",
            tenant_id="acme",
            name="k",
            scopes=scopes,
            created_at_ms=0,
            revoked_at_ms=None,
            max_cost_per_day_nano_usd=2_500_000_000,
        )


@pytest.fixture
def inner() -> Inner:
    return Inner()


async def ask(
    app: Any, inner: Inner, method: str = "GET", path: str = "/v1/swarms", kind: str = "http", **headers: str
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "app": inner,
    }
    if kind == "websocket":
        del scope["method"]
    await app(scope, receive, send)
    return sent


def status(sent: list[Message]) -> int:
    return int(sent[0]["status"])


# --- local mode ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LocalHost:80", True),
        ("a.localhost", True),
        ("127.0.0.1:8000", True),
        ("127.255.255.254", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("", False),
        ("localhost.", False),
        ("xlocalhost", False),
        ("0.0.0.0", False),
        ("127.1", False),
        ("2130706433", False),
        ("127.0.0.1.nip.io", False),
        ("localhost@evil.example", False),
        ("[::ffff:8.8.8.8]", False),
        ("[::1", False),
        ("128.0.0.1", False),
    ],
)
def test_loopback_names(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


async def test_a_local_caller_is_the_default_tenant(inner: Inner) -> None:
    gate = Gate(inner, local=True)

    assert status(await ask(gate, inner, host="localhost:1", origin="http://localhost:1")) == 200
    caller = inner.scopes[0]["state"]["caller"]
    assert (caller.tenant_id, caller.key_id, caller.max_cost_per_day_nano_usd) == ("default", None, None)


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"host": "localhost", "origin": "null"}, {}])
async def test_a_foreign_page_is_refused_on_http_and_sockets(inner: Inner, headers: dict[str, str]) -> None:
    gate = Gate(inner, local=True)

    assert status(await ask(gate, inner, **headers)) == 403
    [close] = await ask(gate, inner, kind="websocket", **headers)
    assert close["type"] == "websocket.close"
    assert inner.scopes == []


async def test_a_socket_of_our_own_origin_comes_through(inner: Inner) -> None:
    gate = Gate(inner, local=True)

    assert await ask(gate, inner, kind="websocket", host="[::1]:5", origin="http://[::1]:5") == []
    assert len(inner.scopes) == 1


async def test_an_open_service_whose_last_key_was_revoked_lets_nobody_in(inner: Inner) -> None:
    """Local mode trusts the Host header, which on an open address anyone can write."""
    gate = Gate(inner, local=False)

    assert status(await ask(gate, inner, host="localhost")) == 401
    assert inner.scopes == []
    assert status(await ask(gate, inner, path="/healthz", host="anything")) == 200


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer null", "Bearer []", "Basic good", "good", "Bearer ' OR 1=1 --"],
)
@pytest.mark.parametrize("local", [True, False])
async def test_once_a_key_exists_everyone_needs_one(inner: Inner, authorization: str, local: bool) -> None:
    inner.add_key("good", "read", "run")

    sent = await ask(Gate(inner, local=local), inner, host="localhost", authorization=authorization)

    assert status(sent) == 401
    assert json.loads(sent[1]["body"])["code"] == "unauthorized"
    assert (b"www-authenticate", b"Bearer") in sent[0]["headers"]
    assert inner.scopes == []


async def test_a_huge_bearer_is_refused(inner: Inner) -> None:
    inner.add_key("good", "read")

    assert status(await ask(Gate(inner, local=True), inner, authorization="Bearer " + "x" * 1_000_000)) == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_key_names_its_tenant(inner: Inner, scheme: str) -> None:
    inner.add_key("good", "read")

    assert status(await ask(Gate(inner, local=True), inner, host="evil.example", authorization=f"{scheme} good")) == 200
    caller = inner.scopes[0]["state"]["caller"]
    assert (caller.tenant_id, caller.key_id, caller.max_cost_per_day_nano_usd) == ("acme", "key_1", 2_500_000_000)


@pytest.mark.parametrize(
    ("scopes", "method", "expected"),
    [
        (("read",), "GET", 200),
        (("read",), "HEAD", 200),
        (("read",), "POST", 403),
        (("read",), "DELETE", 403),
        (("read",), "PATCH", 403),
        (("run",), "POST", 200),
        (("run",), "GET", 403),
        (("admin",), "GET", 200),
        (("admin",), "POST", 200),
    ],
)
async def test_a_key_does_what_its_scopes_say(
    inner: Inner, scopes: tuple[str, ...], method: str, expected: int
) -> None:
    inner.add_key("good", *scopes)

    assert status(await ask(Gate(inner, local=True), inner, method, authorization="Bearer good")) == expected


@pytest.mark.parametrize(
    ("scopes", "method", "expected"),
    [
        (("read", "run"), "GET", 200),
        (("read", "run"), "PUT", 403),
        (("read", "run"), "POST", 403),
        (("admin",), "PUT", 200),
        (("admin",), "GET", 200),
    ],
)
async def test_what_is_the_whole_services_is_changed_by_admins_only(
    inner: Inner, scopes: tuple[str, ...], method: str, expected: int
) -> None:
    inner.add_key("good", *scopes)

    sent = await ask(Gate(inner, local=True), inner, method, "/v1/prices", authorization="Bearer good")
    assert status(sent) == expected


@pytest.mark.parametrize("path", ["/healthz/../v1/swarms", "/healthz/", "//healthz", "/HEALTHZ", "/metrics", "/v1"])
async def test_only_the_public_paths_are_public(inner: Inner, path: str) -> None:
    inner.add_key("good", "read")

    assert status(await ask(Gate(inner, local=True), inner, path=path)) == 401


# --- the body limit --------------------------------------------------------------------------------------------------


class Body:
    """Sends ``pieces`` as a request body; counts how many were asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.taken = 0

    async def __call__(self) -> Message:
        piece = self.pieces[self.taken]
        self.taken += 1
        return {"type": "http.request", "body": piece, "more_body": self.taken < len(self.pieces)}


@pytest.mark.parametrize(
    ("sizes", "declared", "expected", "taken"),
    [
        ((100,), "100", 200, 1),
        ((60, 40), "", 200, 2),
        ((101,), "101", 413, 0),
        ((50, 50, 1, 50), "", 413, 3),
        ((50, 51), "100", 413, 2),
        ((1,), "9" * 30, 413, 0),
        ((1,), "-5", 200, 1),
    ],
)
async def test_a_body_is_read_up_to_the_limit(
    inner: Inner, sizes: tuple[int, ...], declared: str, expected: int, taken: int
) -> None:
    body = Body(*(b"x" * size for size in sizes))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", declared.encode())] if declared else []
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await BodyLimit(inner, max_bytes=100)(scope, body, send)

    assert (status(sent), body.taken) == (expected, taken)
