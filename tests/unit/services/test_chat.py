"""Single calls: what is sent, what becomes of a reservation, and what the limiter is told, however a call ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from app.domain.usage import Price, Usage
from app.ports.admission import CallOutcome, LaneClosed, Slot
from app.ports.allowances import Reservation
from app.ports.provider import (
    UNKNOWN_THINKING,
    ChatDelta,
    ChatRequest,
    ChatResult,
    MalformedAnswer,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    RateLimitHeaders,
    Route,
    Sink,
    Thinking,
    Unavailable,
)
from app.services.chat import ChatService, Completion
from app.services.pictures import PictureService
from app.services.usage import UsageService

pytestmark = pytest.mark.anyio

PRICE = Price(input_nano_per_mtok=10**9, output_nano_per_mtok=2 * 10**9)
"""1 USD and 2 USD a million: 1,000 and 2,000 nano-dollars a token."""

ANSWER = ChatResult(content="ab", model="m-1", usage=Usage(prompt_tokens=10, completion_tokens=5))
BILL = 10 * 1_000 + 5 * 2_000
REQUEST = ChatRequest(model="m", messages=[{"role": "user", "content": "Hi"}], max_output_tokens=100)


class Clock:
    def now_ms(self) -> int:
        return 1_800_000_000_000

    def monotonic(self) -> float:
        return 0.0


class World:
    """Everything around one service, in memory, with what it was told."""

    name = "p"

    def __init__(self) -> None:
        self.route = Route(requested="m", provider=self, model="m", price=PRICE)
        self.pieces: list[str] = ["a", "b"]
        self.answer = ANSWER
        self.failure: ProviderError | None = None
        self.hangs = False
        self.refuses: LaneClosed | None = None
        self.asked: list[ChatRequest] = []
        self.slots: list[Slot] = []
        self.held = 0
        self.limits: list[tuple[str, RateLimitHeaders]] = []
        self.reservations: list[Reservation] = []
        self.most: list[int] = []
        self.lines: list[tuple[Usage, int | None, int]] = []
        self.started = asyncio.Event()

    async def resolve(self, requested: str | None) -> Route:
        return self.route

    async def names(self) -> Sequence[str]:
        return ["m"]

    async def models(self) -> Sequence[str]:
        return ["m"]

    async def complete(self, request: ChatRequest) -> ChatResult:
        async def nothing(_: ChatDelta) -> None:
            pass

        self.pieces = []
        return await self.stream(request, nothing)

    async def stream(self, request: ChatRequest, sink: Sink) -> ChatResult:
        self.asked.append(request)
        self.started.set()
        for piece in self.pieces:
            await sink(ChatDelta(model="m-1", content=piece))
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.failure is not None:
            raise self.failure
        return self.answer

    @asynccontextmanager
    async def slot(self, lane: str, **_: Any) -> AsyncIterator[Slot]:
        if self.refuses is not None:
            raise self.refuses
        slot = Slot()
        self.slots.append(slot)
        self.held += 1
        try:
            yield slot
        finally:
            self.held -= 1

    async def check(self, key_id: str | None, tenant_id: str) -> bool:
        return key_id is not None

    @asynccontextmanager
    async def reserve(self, key_id: str | None, tenant_id: str, most_nano_usd: int) -> AsyncIterator[Reservation]:
        self.most.append(most_nano_usd)
        self.reservations.append(Reservation(most_nano_usd))
        yield self.reservations[-1]

    async def add_call(self, *told: Any, unsettled_nano_usd: int = 0) -> None:
        assert not self.held, "the slot is free before the books are written"
        self.lines.append((told[3], told[4], unsettled_nano_usd))

    def note_limits(self, lane: str, headers: RateLimitHeaders) -> None:
        self.limits.append((lane, headers))

    def sendable(self, tenant_id: str, messages: Sequence[dict[str, Any]]) -> Any:
        @asynccontextmanager
        async def as_they_are() -> AsyncIterator[Sequence[dict[str, Any]]]:
            yield messages

        return as_they_are()

    async def ask(self, request: ChatRequest = REQUEST, sink: Sink | None = None) -> Completion:
        service = ChatService(
            self, self, self, cast(UsageService, self), Clock(), 100, cast(PictureService, self), self.note_limits
        )
        return await service.complete("m", request, tenant_id="t", key_id="k", sink=sink)

    @property
    def spent(self) -> int:
        return self.reservations[-1].spent_nano_usd


async def nowhere(_: ChatDelta) -> None:
    pass


@pytest.mark.parametrize("sink", [None, nowhere])
async def test_an_answer_is_billed_as_the_price_says(sink: Sink | None) -> None:
    world = World()
    completion = await world.ask(sink=sink)

    assert (completion.cost_nano_usd, completion.requested_model, completion.result) == (BILL, "m", ANSWER)
    assert (world.spent, world.lines) == (BILL, [(ANSWER.usage, BILL, 0)])
    assert world.slots[0].report is not None
    assert (world.slots[0].report.outcome, world.slots[0].report.tokens) == (CallOutcome.OK, 15)


async def test_pieces_are_passed_on() -> None:
    said: list[str | None] = []

    async def sink(delta: ChatDelta) -> None:
        said.append(delta.content)

    await World().ask(sink=sink)

    assert said == ["a", "b"]


async def test_what_a_provider_says_of_its_limits_is_passed_on() -> None:
    """All calls pass the same limits as sub-agents."""
    world = World()
    world.answer = replace(ANSWER, rate_limit=RateLimitHeaders(remaining_requests=0, reset_s=3.0))
    await world.ask(sink=nowhere)

    assert world.limits == [("p/m", RateLimitHeaders(remaining_requests=0, reset_s=3.0))]


async def test_an_answer_without_usage_keeps_its_reservation() -> None:
    """Streams of some upstreams tell none."""
    world = World()
    world.answer = replace(ANSWER, usage=Usage(), usage_reported=False)
    completion = await world.ask(sink=nowhere)

    assert completion.cost_nano_usd is None
    assert (world.spent, world.lines) == (world.most[0], [(Usage(), None, world.most[0])])


@pytest.mark.parametrize(
    ("failure", "outcome", "billed"),
    [
        (RateLimited("slow", status=429), CallOutcome.RATE_LIMITED, False),
        (Unavailable("down", status=503), CallOutcome.FAILED, False),
        (Unavailable("reset"), CallOutcome.FAILED, True),
        (MalformedAnswer("cut"), CallOutcome.ERRED, True),
    ],
)
@pytest.mark.parametrize("sink", [None, nowhere])
async def test_a_failed_call_costs_its_reservation_where_the_provider_may_bill_it(
    failure: ProviderError, outcome: CallOutcome, billed: bool, sink: Sink | None
) -> None:
    """A stream broken midway is told as a call whose answer was lost."""
    world = World()
    world.failure = failure
    with pytest.raises(type(failure)):
        await world.ask(sink=sink)

    assert world.slots[0].report is not None
    assert world.slots[0].report.outcome is outcome
    assert world.spent == (world.most[0] if billed else 0)
    assert world.lines == ([(Usage(), None, world.most[0])] if billed else [])


async def test_a_call_that_finds_no_slot_costs_nothing() -> None:
    world = World()
    world.refuses = LaneClosed(3.0, down=True)
    with pytest.raises(Unavailable) as caught:
        await world.ask()

    assert caught.value.retry_after_s == 3.0
    assert (world.spent, world.lines, world.asked) == (0, [], [])


@pytest.mark.parametrize("sink", [None, nowhere])
async def test_a_reader_that_leaves_frees_the_slot_and_is_billed_the_worst_case(sink: Sink | None) -> None:
    world = World()
    world.hangs = True
    call = asyncio.create_task(world.ask(sink=sink))
    await world.started.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert call.cancelled()
    assert world.held == 0
    assert (world.spent, world.lines) == (world.most[0], [(Usage(), None, world.most[0])])
    assert world.slots[0].report is None  # says nothing of the provider


async def test_what_a_reader_raises_is_billed_too_and_says_nothing_of_the_provider() -> None:
    class TooSlow(Exception):
        pass

    async def sink(_: ChatDelta) -> None:
        raise TooSlow

    world = World()
    with pytest.raises(TooSlow):
        await world.ask(sink=sink)

    assert (world.spent, world.lines, world.slots[0].report) == (world.most[0], [(Usage(), None, world.most[0])], None)


@pytest.mark.parametrize(
    ("pieces", "outcome"), [(["a"], CallOutcome.NEUTRAL), ([], CallOutcome.FAILED)], ids=["begun", "silent"]
)
async def test_only_a_provider_that_said_nothing_looks_down_when_the_time_is_up(
    pieces: list[str], outcome: CallOutcome
) -> None:
    """A long answer, or a slow reader, must not open the breaker for everybody."""
    world = World()
    world.pieces, world.hangs = pieces, True
    with pytest.raises(ProviderTimeout, match=r"0\.01 s"):
        await world.ask(replace(REQUEST, timeout_s=0.01), sink=nowhere)

    assert world.slots[0].report is not None
    assert world.slots[0].report.outcome is outcome
    assert world.spent == world.most[0]


SWITCH = Thinking(on={"reasoning_effort": "high"}, off={"reasoning_effort": "low"})
FIELD = Thinking(on={"thinking": {"type": "enabled"}}, off={"thinking": {"type": "disabled"}})
NEVER = Thinking(on_remark="this model never thinks")


@pytest.mark.parametrize(
    ("vendor", "wanted", "sent"),
    [
        (SWITCH, {"type": "enabled"}, {"reasoning_effort": "high"}),
        (SWITCH, {"type": "disabled"}, {"reasoning_effort": "low"}),
        (SWITCH, True, {"reasoning_effort": "high"}),
        (SWITCH, False, {"reasoning_effort": "low"}),
        (FIELD, {"type": "enabled", "keep": 5}, {"thinking": {"type": "enabled", "keep": 5}}),
        (FIELD, False, {"thinking": {"type": "disabled"}}),
        (NEVER, {"type": "enabled"}, {}),
        (UNKNOWN_THINKING, {"type": "enabled"}, {"thinking": {"type": "enabled"}}),
        (UNKNOWN_THINKING, True, {}),
    ],
)
async def test_thinking_is_asked_for_as_the_vendor_takes_it(vendor: Thinking, wanted: Any, sent: Any) -> None:
    """Vendors refuse fields that they do not know; what is not known of a vendor is the client's to say."""
    world = World()
    world.route = replace(world.route, thinking=vendor)
    await world.ask(replace(REQUEST, options={"thinking": wanted, "seed": 1}))

    assert world.asked[0].options == {"seed": 1, **sent}
