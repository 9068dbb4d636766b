"""How a NATS server is reached: what the settings mean for the client, and what its errors mean for people.

Nothing that is said here holds a password, a token or an address with one in it.
"""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import nats.errors
from nats.aio.client import Client
from nats.js.errors import APIError, ServiceUnavailableError

from app.domain.errors import SwarmdError

_NO_JETSTREAM = (10039, 10076)
_NO_CLUSTER = 10074
_NO_ROOM = (10002, 10047, 10122)
_NO_PEERS = 10005
"""Numbers that the server gives its errors: https://github.com/nats-io/nats-server/blob/main/server/errors.json,
read 2026-11-22."""

_UNTAKEN_MS = 6000
"""As long as two pings of the client without an answer take."""


class BrokerRefused(SwarmdError):
    """NATS cannot be used as it is configured, and trying again will not help."""

    code = "nats_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Args:
    url: of one server or, with commas, several of a cluster; tls:// insists on an encrypted connection; a user and
        password, or a token, may be in it.
    credentials: file with a user's JWT and seed.
    ca: file with the certificates that the server's is checked by; None for those of the system.
    prefix: of all subjects and of the stream, so that services can share a server.
    replicas: of the stream, in a cluster.
    max_bytes: of the messages in the stream, which the server reserves; further jobs wait where they are handed out.
    """

    url: str = field(repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    credentials: Path | None = None
    ca: Path | None = None
    prefix: str = "swarmd"
    replicas: int = 1
    max_bytes: int = 1024**3

    @property
    def _servers(self) -> list[SplitResult]:
        return [urlsplit(url.strip()) for url in self.url.split(",") if url.strip()]

    @property
    def urls(self) -> list[str]:
        """Where servers are, without who asks."""
        return [server._replace(netloc=server.netloc.rpartition("@")[2]).geturl() for server in self._servers]

    @property
    def where(self) -> str:
        """The servers as people know them."""
        return ", ".join(url.partition("://")[2] for url in self.urls)

    @property
    def encrypted(self) -> bool:
        return any(server.scheme in {"tls", "wss"} for server in self._servers)

    def options(self) -> dict[str, Any]:
        """Return what the client is told of who asks, and whom to trust.

        Raises:
            BrokerRefused: a file that the settings name cannot be used.
        """
        found: dict[str, Any] = {}
        user, password = self.user, self.password
        for server in self._servers:
            if user is None and server.username:
                user, password = unquote(server.username), unquote(server.password) if server.password else None
        if self.credentials is not None:
            found["user_credentials"] = str(_readable(self.credentials, "SWARMD_NATS_CREDENTIALS"))
        elif user is not None and password is not None:
            found |= {"user": user, "password": password}
        elif user is not None:
            found["token"] = user
        if self.ca is not None:
            try:
                found["tls"] = ssl.create_default_context(cafile=str(_readable(self.ca, "SWARMD_NATS_CA")))
            except ssl.SSLError as exc:
                raise BrokerRefused(f"SWARMD_NATS_CA: {self.ca} holds no certificate in PEM format") from exc
        return found


def _readable(path: Path, setting: str) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as exc:
        raise BrokerRefused(f"{setting}: {path} cannot be read: {exc.strerror}") from exc


class NotEncrypted(nats.errors.Error):
    """The server wants to be spoken to in the clear."""


class StrictClient(Client):
    """The client, which by itself would send a password in the clear to a server that asks for no encryption.

    Args:
    encrypted: refuse such a server, before anything is sent.
    """

    def __init__(self, *, encrypted: bool) -> None:
        super().__init__()
        self._encrypted = encrypted

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if self._encrypted and initial_connection and not info.get("tls_required"):
            raise NotEncrypted("the server does not encrypt")
        if initial_connection:
            self._let_go_when_cut_off()
        await super()._process_info(info, initial_connection)

    def _let_go_when_cut_off(self) -> None:
        """Have the kernel end the connection when what was sent is not taken for a while.

        The client notices by its pings that nobody answers, but then waits for the farewell of the connection, which
        comes when all that was sent is taken: on a network that loses it in silence, after a quarter of an hour.
        """
        writer = getattr(self._transport, "_io_writer", None)  # none of a WebSocket
        plug = None if writer is None else writer.get_extra_info("socket")
        if plug is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            with socket.socket(fileno=os.dup(plug.fileno())) as same:
                same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)

    async def give_up(self) -> None:
        """Close it, also where it was interrupted while it closed by itself."""
        await self.close()
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]


def refusal(exc: BaseException, settings: BrokerSettings) -> str | None:
    """Return what is wrong with the configuration and how to mend it; None for what may pass by itself."""
    where = f"NATS at {settings.where}"
    said = str(exc).lower()
    if isinstance(exc, NotEncrypted):
        return (
            f"{where} does not encrypt: give it a certificate (tls in its configuration), or write nats:// for tls://"
        )
    if isinstance(exc, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {where} is not trusted ({exc.verify_message}): name the file with the certificate of"
            " its authority in SWARMD_NATS_CA, and reach it by a name that is in its certificate"
        )
    if isinstance(exc, ssl.SSLError):
        return f"{where} cannot be spoken to over TLS ({exc.reason or 'no reason given'}): check its certificate"
    if isinstance(exc, nats.errors.AuthorizationError) or "authorization violation" in said or "expired" in said:
        return (
            f"{where} refuses who asks: check SWARMD_NATS_USER and SWARMD_NATS_PASSWORD, or the user and password or"
            " token in SWARMD_NATS_URL, or the file SWARMD_NATS_CREDENTIALS"
        )
    if "permissions violation" in said:
        return (
            f"{where} lets its user do too little: it must publish and subscribe to {settings.prefix}.>, $JS.> and"
            f" _INBOX.> ({_first_line(exc)})"
        )
    number = exc.err_code if isinstance(exc, APIError) else None
    if number == _NO_CLUSTER:
        return f"SWARMD_NATS_REPLICAS={settings.replicas} needs a cluster of as many servers, and {where} is alone"
    if number in _NO_ROOM or (number == _NO_PEERS and "insufficient storage" in said):
        return (
            f"{where} cannot reserve SWARMD_NATS_MAX_BYTES={settings.max_bytes} for what waits for workers: lower it,"
            " or give JetStream more room (max_file_store of nats-server, max_file of the account)"
        )
    no_answer = isinstance(exc, nats.errors.NoRespondersError | ServiceUnavailableError) and not number
    if number in _NO_JETSTREAM or no_answer:
        return f"{where} has no JetStream, or none for this account: start nats-server with -js, or enable it there"
    return None


def _first_line(exc: BaseException) -> str:
    return str(exc).partition("\n")[0][:200]
