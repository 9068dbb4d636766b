"""Refusals of the service as exceptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol, TypeVar, cast

from .models.open_ai_error_envelope import OpenAIErrorEnvelope
from .models.problem import Problem

T = TypeVar("T")
Parsed_co = TypeVar("Parsed_co", covariant=True)


class Answer(Protocol[Parsed_co]):
    """What ``sync_detailed`` and ``asyncio_detailed`` return."""

    @property
    def status_code(self) -> HTTPStatus: ...
    @property
    def content(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def parsed(self) -> Parsed_co | None: ...


class ApiProblem(Exception):
    """The service refused a request.

    Attributes:
        problem: why, as RFC 9457 problem details: ``status``, ``code`` (a stable name such as ``not_found``),
            ``detail``, and ``errors``, the wrong fields as JSON pointers, where there are any.
        headers: of the answer; ``Retry-After`` (seconds) says when to try again, where that may help.
    """

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}")
        self.problem = problem
        self.headers = headers


def ok(answer: Answer[T | Problem | OpenAIErrorEnvelope]) -> T:
    """Return what an operation answered: ``ok(get_swarm.sync_detailed(swarm_id, client=client))``.

    Raises:
        ApiProblem: it was refused, by the service or by something between here and it.
    """
    if answer.status_code >= 300:
        raise ApiProblem(problem_of(answer.status_code, answer.content), answer.headers)
    return cast(T, answer.parsed)


def problem_of(status: int, content: bytes) -> Problem:
    """Read the body of a refusal: a problem document, OpenAI's error envelope, or what a proxy says."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {"detail": content[:500].decode(errors="replace")}
    elif isinstance(body.get("error"), dict):
        body = {"detail": body["error"].get("message"), "code": body["error"].get("code")}
    known = {name: value for name, value in body.items() if value is not None}
    return Problem.from_dict(
        {"code": "unknown", "detail": "", "instance": "", "title": "", "type": "about:blank", "status": status} | known
    )
