"""What a ``traceparent`` says, and whose request it counts for."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.telemetry.trace_context import Caller, TraceContext, of_request, read

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_caller_is_read() -> None:
    assert read(GIVEN) == Caller(int(TRACE, 16), int(SPAN, 16), sampled=True)


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_the_last_bit_says_whether_it_is_recorded(flags: str, sampled: bool) -> None:
    caller = read(f"00-{TRACE}-{SPAN}-{flags}")

    assert caller is not None
    assert caller.sampled == sampled


def test_a_later_version_is_read_as_far_as_this_one_goes() -> None:
    assert read(f"cc-{TRACE}-{SPAN}-01-what-comes-then") == read(GIVEN)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_not_valid_counts_as_not_sent(text: str | None) -> None:
    assert read(text) is None


async def seen_by_the_application(*headers: tuple[bytes, bytes], kind: str = "http") -> str | None:
    seen: list[str | None] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(of_request())

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(_: Message) -> None:
        raise AssertionError("nothing is sent")

    await TraceContext(application)({"type": kind, "headers": list(headers)}, receive, send)
    return seen[0]


@pytest.mark.anyio
async def test_a_request_is_served_with_its_callers_context_and_the_next_without_it() -> None:
    assert await seen_by_the_application((b"traceparent", GIVEN.encode())) == GIVEN
    assert await seen_by_the_application() is None


@pytest.mark.anyio
async def test_two_callers_are_none() -> None:
    twice = (b"traceparent", GIVEN.encode())

    assert await seen_by_the_application(twice, twice) is None


@pytest.mark.anyio
async def test_bytes_that_are_no_text_are_none() -> None:
    assert await seen_by_the_application((b"traceparent", b"\xff\xfe")) is None
