"""Errors a caller can act on. They carry facts, never an HTTP status (``api.errors`` maps them).

::

    SwarmdError
    ├── InvalidRequest       one or more fields are wrong; nothing was stored
    │   └── CycleError       the graph has a cycle; ``path`` names it
    ├── Forbidden            the key may not do this
    ├── CreditsUsedUp        the tenant's prepaid credits do not suffice; nothing was started
    ├── NotFound             no such thing for this tenant
    │   └── UnknownReference  a field of the request names it
    ├── Conflict             the thing is in a state that forbids the request
    │   └── IdempotencyConflict  its Idempotency-Key was used for another request
    ├── PreconditionFailed   the thing is not (any more) as the request expects it; nothing was changed
    └── StoreUnavailable     the store cannot be written or read now; try again later
        └── StoreInUse       another process of ours has it
    LeaseLost                this runner no longer owns the swarm (internal: stop, write nothing)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 40
"""Tasks of a cycle that its message names; ``CycleError.path`` has them all."""


class SwarmdError(Exception):
    """Base of the expected errors; ``code`` is the stable machine name."""

    code = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: an RFC 6901 JSON pointer into the body and what was expected and came."""

    pointer: str
    detail: str


class InvalidRequest(SwarmdError):
    code = "invalid_request"

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)

    @classmethod
    def field(cls, pointer: str, detail: str) -> InvalidRequest:
        return cls(f"{pointer}: {detail}" if pointer else detail, (FieldError(pointer, detail),))


class CycleError(InvalidRequest):
    code = "dependency_cycle"

    def __init__(self, path: Sequence[str], pointer: str) -> None:
        shown = [*path] if len(path) <= _SHOWN else [*path[: _SHOWN // 2], "…", *path[-_SHOWN // 2 :]]
        detail = f"{len(path) - 1} tasks depend on each other in a cycle: " + " -> ".join(shown)
        super().__init__(detail, (FieldError(pointer, detail),))
        self.path = tuple(path)


class Forbidden(SwarmdError):
    code = "forbidden"


class CreditsUsedUp(SwarmdError):
    """Args:
    why: the figures; what to do is added.
    """

    code = "insufficient_credits"

    def __init__(self, tenant_id: str, why: str) -> None:
        advice = f"the operator adds some with POST /v1/credits or swarmd credits add --tenant {tenant_id}"
        super().__init__(f"{why}; {advice}; then send the request again")
        self.tenant_id = tenant_id


class NotFound(SwarmdError):
    code = "not_found"

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"no {kind} {key!r}")
        self.kind = kind
        self.key = key


class UnknownReference(NotFound):
    """A field of the request names a thing that this tenant does not have, whether or not another one has."""

    def __init__(self, kind: str, key: str, pointer: str) -> None:
        super().__init__(kind, key)
        self.errors = (FieldError(pointer, self.detail),)


class Conflict(SwarmdError):
    code = "conflict"


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used for another request; send a new key with a new request")


class PreconditionFailed(SwarmdError):
    code = "precondition_failed"


class StoreUnavailable(SwarmdError):
    code = "store_unavailable"


class StoreInUse(StoreUnavailable):
    """Another process of ours has the database."""

    code = "store_in_use"


class LeaseLost(Exception):
    """The swarm's lease token has moved on: another runner owns it, and nothing of this commit was written."""
