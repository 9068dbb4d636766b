"""Accounts of NATS that are proved by signatures: an operator, an account with JetStream, and its users.

What the vendor's tool ``nsc`` makes; the shapes are those of https://docs.nats.io/running-a-nats-service/configuration/
securing_nats/jwt, read 2026-11-22.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any

import nkeys

_KINDS = {"operator": nkeys.PREFIX_BYTE_OPERATOR, "account": nkeys.PREFIX_BYTE_ACCOUNT, "user": nkeys.PREFIX_BYTE_USER}
_UNLIMITED = ("subs", "data", "payload", "imports", "exports", "conn", "leaf")


def _pair(kind: str) -> tuple[nkeys.KeyPair, str, bytes]:
    seed = nkeys.encode_seed(secrets.token_bytes(32), _KINDS[kind])
    pair = nkeys.from_seed(bytearray(seed))
    return pair, pair.public_key.decode(), bytes(seed)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _signed(issuer: nkeys.KeyPair, subject: str, name: str, fields: dict[str, Any]) -> str:
    claims = {
        "iat": int(time.time()),
        "iss": issuer.public_key.decode(),
        "sub": subject,
        "name": name,
        "nats": {"version": 2, **fields},
    }
    digest = hashlib.sha512(json.dumps(claims).encode()).digest()[:32]
    claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
    head = _base64(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    text = f"{head}.{_base64(json.dumps(claims).encode())}"
    return f"{text}.{_base64(issuer.sign(text.encode()))}"


class Operator:
    """One operator with one account, beside the server's own."""

    def __init__(self) -> None:
        self._pair, public, _ = _pair("operator")
        self._account, account, _ = _pair("account")
        _, self._system, _ = _pair("account")
        self._jwt = _signed(self._pair, public, "operator", {"type": "operator"})
        limits = dict.fromkeys(_UNLIMITED, -1)
        stored = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
        self._accounts = {
            key: _signed(self._pair, key, name, {"type": "account", "limits": allowed})
            for key, name, allowed in ((account, "swarm", limits | stored), (self._system, "system", limits))
        }

    def config(self) -> str:
        """What a server needs to know."""
        accounts = ", ".join(f"{key}: {jwt}" for key, jwt in self._accounts.items())
        return (
            f"operator: {self._jwt}\nsystem_account: {self._system}\n"
            f"resolver: MEMORY\nresolver_preload: {{ {accounts} }}\n"
        )

    def credentials(self, name: str) -> str:
        """The file of a user."""
        _, public, seed = _pair("user")
        limits = {"subs": -1, "data": -1, "payload": -1}
        jwt = _signed(self._account, public, name, {"type": "user", **limits})
        parts = (("NATS USER JWT", jwt), ("USER NKEY SEED", seed.decode()))
        return "\n".join(f"-----BEGIN {what}-----\n{text}\n------END {what}------\n" for what, text in parts)
