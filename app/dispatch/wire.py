"""Jobs and facts as JSON: what goes to workers, and what they write down. The only place that knows its shape.

A message names its call; the run's spec, the same for all its jobs, goes along where it is small, and by its digest
where it is not; so does the body of a job that is too large for a message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter

from app.domain.facts import AttemptCompleted, AttemptFailed, StepTaken
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind
from app.ports.dispatch import Answer, CallKey, Job
from app.ports.provider import RateLimitHeaders

Limits = Sequence[tuple[str, RateLimitHeaders]]
"""What providers said of their own limits beside an answer, by lane."""

_NEWS_BYTES = 256 * 1024

_SPEC = TypeAdapter(SwarmSpec)
_LIMITS = TypeAdapter(list[tuple[str, RateLimitHeaders]])
_ANSWERS: dict[str, TypeAdapter[Any]] = {
    "completed": TypeAdapter(AttemptCompleted),
    "step": TypeAdapter(StepTaken),
    "failed": TypeAdapter(AttemptFailed),
}
_KINDS: dict[type[Any], str] = {AttemptCompleted: "completed", StepTaken: "step", AttemptFailed: "failed"}


class Unreadable(Exception):
    """A message that no version of this program wrote, or another one than this."""


def digest_of(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def dump_spec(spec: SwarmSpec) -> bytes:
    return orjson.dumps(asdict(spec))


def load_spec(text: str | bytes) -> SwarmSpec:
    return _SPEC.validate_json(text)


def dump_job(job: Job) -> bytes:
    """Return a job without its spec and without what its key says."""
    return orjson.dumps(
        {
            "task_id": job.task_id,
            "model": job.model,
            "timeout_s": job.timeout_s,
            "payload": job.payload,
            "inputs": job.inputs,
            "kind": job.kind.value,
            "journal": list(job.journal),
            "failures": job.failures,
            "tenant_id": job.tenant_id,
            "priority": job.priority,
            "needs": list(job.needs),
            "provider": job.provider,
        }
    )


def load_job(key: CallKey, spec: SwarmSpec, text: str | bytes) -> Job:
    fields = orjson.loads(text)
    fields["kind"] = TaskKind(fields["kind"])
    fields["needs"] = tuple(fields["needs"])
    return Job(
        swarm_id=key.swarm_id,
        index=key.index,
        attempt=key.attempt,
        step=key.step,
        call=key.call,
        spec=spec,
        **fields,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A message to the workers. Of ``spec`` and ``job`` each is there, or kept in the store under its digest.

    ``asker`` wants to be told when the job begins; None where nobody does.
    """

    key: CallKey
    spec_digest: str
    spec: str | None
    job_digest: str | None
    job: str | None
    asker: str | None = None

    def dump(self) -> bytes:
        return orjson.dumps([self.key.parts, self.spec_digest, self.spec, self.job_digest, self.job, self.asker])

    @classmethod
    def load(cls, message: bytes) -> Assignment:
        """Raises Unreadable."""
        try:
            key, spec_digest, spec, job_digest, job, asker = orjson.loads(message)
            return cls(
                key=CallKey(*key), spec_digest=spec_digest, spec=spec, job_digest=job_digest, job=job, asker=asker
            )
        except (orjson.JSONDecodeError, TypeError, ValueError) as exc:
            raise Unreadable(str(exc)) from exc


def dump_told(answer: Answer, limits: Limits) -> str:
    """Return a fact as it is recorded."""
    kind = _KINDS[type(answer)]
    fact = _ANSWERS[kind].dump_json(answer)
    told = {"kind": kind, "fact": orjson.Fragment(fact), "limits": orjson.Fragment(_LIMITS.dump_json(list(limits)))}
    return orjson.dumps(told).decode()


def load_told(text: str) -> tuple[Answer, Limits]:
    """Raises Unreadable."""
    try:
        told = orjson.loads(text)
        answer: Answer = _ANSWERS[told["kind"]].validate_python(told["fact"])
        return answer, _LIMITS.validate_python(told["limits"])
    except (ValueError, KeyError, TypeError) as exc:
        raise Unreadable(str(exc)) from exc


def dump_news(news: Iterable[tuple[CallKey, str | None]]) -> Iterator[bytes]:
    """Yield messages with facts that were recorded, for the node that waits for them; None for one to be looked up, as
    large ones are."""
    part: list[list[Any]] = []
    size = 0
    for key, text in news:
        length = len(text or "")
        if length > _NEWS_BYTES:
            part.append([*key.parts, None])
            continue
        if size + length > _NEWS_BYTES:
            yield orjson.dumps(part)
            part, size = [], 0
        part.append([*key.parts, text])
        size += length
    if part:
        yield orjson.dumps(part)


def load_news(message: bytes) -> list[tuple[CallKey, str | None]]:
    """Raises Unreadable."""
    try:
        return [(CallKey(*key), text) for *key, text in orjson.loads(message)]
    except (ValueError, TypeError) as exc:
        raise Unreadable(str(exc)) from exc


def dump_keys(keys: Iterable[CallKey]) -> bytes:
    return orjson.dumps([key.parts for key in keys])


def load_keys(message: bytes) -> list[CallKey]:
    """Raises Unreadable."""
    try:
        return [CallKey(*key) for key in orjson.loads(message)]
    except (ValueError, TypeError) as exc:
        raise Unreadable(str(exc)) from exc
