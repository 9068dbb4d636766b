"""Problem documents (RFC 9457), checked for what every one of them must have."""

from __future__ import annotations

from typing import Any

import httpx2


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    document: dict[str, Any] = response.json()
    assert response.status_code == status, document
    assert response.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert document["type"] == f"urn:swarmd:problem:{document['code']}"
    assert document["instance"] == response.request.url.path
    assert document["title"]
    assert document["detail"]
    return document


def pointers(document: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in document["errors"]]
