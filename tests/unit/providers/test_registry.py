"""Which provider serves which name, and what a provider that is away may not change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from app.domain.usage import FREE, Price
from app.ports.provider import ChatRequest, ChatResult, Unavailable, UnknownModel
from app.providers.prices import PriceBook
from app.providers.registry import ConfiguredProvider, Registry
from tests.support.providers import InOnePiece

pytestmark = pytest.mark.anyio

PRICE = Price(input_nano_per_mtok=1, output_nano_per_mtok=2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now


class Provider(InOnePiece):
    """Lists ``listed``, or fails; counts how often it was asked."""

    def __init__(self, name: str, *listed: str) -> None:
        self.name = name
        self.listed: Sequence[str] | Exception = listed
        self.asked = 0

    async def models(self) -> Sequence[str]:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed

    async def complete(self, request: ChatRequest) -> ChatResult:
        raise NotImplementedError


class Setup:
    def __init__(
        self,
        *providers: tuple[Provider, tuple[str, ...]],
        aliases: Mapping[str, str] | None = None,
        default_model: str | None = None,
    ) -> None:
        self.clock = Clock()
        self.offline = Provider("offline", "offline")
        self.prices = PriceBook(vendors={}, configured={"priced": PRICE}, clock=self.clock)
        self.registry = Registry(
            [ConfiguredProvider(provider, models) for provider, models in providers],
            offline=self.offline,
            aliases=aliases or {},
            prices=self.prices,
            default_model=default_model,
            clock=self.clock,
        )

    async def leads_to(self, name: str | None) -> tuple[str, str, str]:
        """The requested name, the provider and the name it is asked for."""
        route = await self.registry.resolve(name)
        assert route.lane == f"{route.provider.name}/{route.model}"
        return route.requested, route.provider.name, route.model

    async def unknown(self, name: str) -> str:
        with pytest.raises(UnknownModel) as caught:
            await self.registry.resolve(name)
        return caught.value.detail


@pytest.mark.parametrize("name", [None, "offline", "gpt-5", "anything at all", "a/b"])
async def test_while_no_provider_is_configured_offline_serves_every_name(name: str | None) -> None:
    setup = Setup(aliases={"gpt-5": "other"})

    route = await setup.registry.resolve(name)

    assert (route.requested, route.provider.name, route.model) == (name or "offline", "offline", "offline")
    assert route.price == FREE
    assert "offline" in await setup.registry.names()


async def test_once_one_is_configured_an_unknown_name_is_an_error() -> None:
    setup = Setup((Provider("acme", "listed"), ("named",)))

    assert await setup.leads_to("named") == ("named", "acme", "named")
    assert await setup.leads_to("listed") == ("listed", "acme", "listed")
    assert await setup.leads_to("offline") == ("offline", "offline", "offline")
    assert await setup.leads_to(None) == ("named", "acme", "named")
    detail = await setup.unknown("gpt-5")
    assert "'gpt-5'" in detail
    assert all(name in detail for name in ("named", "listed", "offline"))


async def test_the_default_model_is_the_first_providers_even_unlisted() -> None:
    setup = Setup((Provider("one"), ()), (Provider("two"), ("x",)), default_model="mine")

    assert await setup.leads_to(None) == ("mine", "one", "mine")
    assert (await setup.registry.names())[0] == "mine"


async def test_a_provider_without_named_models_has_offline_as_its_default() -> None:
    assert await Setup((Provider("one", "x"), ())).leads_to(None) == ("offline", "offline", "offline")


async def test_the_first_provider_wins_where_two_serve_a_name() -> None:
    one, two = Provider("one", "both", "listed"), Provider("two", "listed", "own")
    setup = Setup((one, ("both",)), (two, ("both", "named by two")))

    assert await setup.leads_to("both") == ("both", "one", "both")
    assert await setup.leads_to("listed") == ("listed", "one", "listed")
    assert await setup.leads_to("own") == ("own", "two", "own")
    assert await setup.leads_to("two/both") == ("two/both", "two", "both")
    assert await setup.leads_to("two/anything/at/all") == ("two/anything/at/all", "two", "anything/at/all")
    await setup.unknown("three/both")
    await setup.unknown("two/")


async def test_aliases_are_followed_once() -> None:
    aliases = {"fast": "named", "loop": "loop", "chained": "fast", "free": "offline"}
    setup = Setup((Provider("acme"), ("named",)), aliases=aliases)

    assert await setup.leads_to("fast") == ("fast", "acme", "named")
    assert await setup.leads_to("free") == ("free", "offline", "offline")
    await setup.unknown("loop")
    await setup.unknown("chained")


async def test_prices_go_by_the_providers_name_of_the_model() -> None:
    setup = Setup((Provider("acme"), ("priced", "other")), aliases={"alias": "priced"})

    assert (await setup.registry.resolve("alias")).price == PRICE
    assert (await setup.registry.resolve("acme/priced")).price == PRICE
    assert (await setup.registry.resolve("other")).price is None


async def test_a_price_that_is_set_holds_from_the_next_call_on() -> None:
    setup = Setup((Provider("acme"), ("priced", "other")))
    dearer = Price(input_nano_per_mtok=10, output_nano_per_mtok=20)
    for name in ("priced", "other", "offline"):
        setup.prices.put(name, dearer)
        assert (await setup.registry.resolve(name)).price == dearer
        setup.prices.put(name, None)

    assert (await setup.registry.resolve("priced")).price == PRICE
    assert (await setup.registry.resolve("other")).price is None
    assert (await setup.registry.resolve("offline")).price == FREE


async def test_known_names_are_resolved_without_asking_anybody() -> None:
    provider = Provider("acme")
    setup = Setup((provider, ("named",)), aliases={"a": "named"})
    for name in (None, "named", "a", "acme/x", "offline"):
        await setup.registry.resolve(name)

    assert provider.asked == 0


async def test_a_new_name_asks_the_providers_again_but_not_at_every_miss() -> None:
    provider = Provider("acme", "old")
    setup = Setup((provider, ("named",)))
    await setup.unknown("new")
    await setup.unknown("new")
    assert provider.asked == 1

    provider.listed = ["old", "new"]
    await setup.unknown("new")
    setup.clock.now += 11
    assert await setup.leads_to("new") == ("new", "acme", "new")
    assert provider.asked == 2


async def test_a_hundred_misses_at_once_ask_once() -> None:
    provider = Provider("acme", "new")
    setup = Setup((provider, ("named",)))

    await asyncio.gather(*(setup.registry.resolve("new") for _ in range(100)))

    assert provider.asked == 1


async def test_a_provider_that_is_away_keeps_its_models_and_the_others_theirs() -> None:
    """A running task must not fail for good because /models could not be asked for a while."""
    one, two = Provider("one", "first"), Provider("two", "second")
    setup = Setup((one, ()), (two, ()), default_model="mine")
    await setup.registry.names()
    one.listed = Unavailable("away")
    two.listed = ["second", "third"]
    setup.clock.now += 700

    with capture_logs() as logs:
        names = await setup.registry.names()

    assert {"first", "second", "third"} <= set(names)
    assert await setup.leads_to("first") == ("first", "one", "first")
    assert [(log["event"], log["provider"]) for log in logs] == [("models_not_listed", "one")]
    one.listed = ["renamed"]
    setup.clock.now += 700
    assert "first" not in await setup.registry.names()


async def test_a_provider_that_was_away_from_the_start_is_asked_again() -> None:
    provider = Provider("acme")
    provider.listed = Unavailable("away")
    setup = Setup((provider, ("named",)))
    with capture_logs():
        await setup.unknown("late")
    provider.listed = ["late"]
    setup.clock.now += 11

    assert await setup.leads_to("late") == ("late", "acme", "late")


async def test_a_bug_of_an_adapter_is_not_swallowed() -> None:
    provider = Provider("acme")
    provider.listed = ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        await Setup((provider, ())).registry.names()


async def test_a_route_tells_the_size_and_the_ways_of_its_model() -> None:
    provider = Provider("acme")
    entry = ConfiguredProvider(
        provider, ("kimi-k2.5", "x"), dialect="moonshot", structured="prompt", context_windows={"kimi-k2.5": 32_000}
    )
    clock = Clock()
    registry = Registry(
        [entry],
        offline=Provider("offline"),
        aliases={"k": "kimi-k2.5"},
        prices=PriceBook(vendors={}, configured={"kimi-k2.5": PRICE}, clock=clock),
        default_model=None,
        clock=clock,
    )

    kimi, other, offline = [await registry.resolve(name) for name in ("k", "x", "offline")]

    assert (kimi.context_tokens, kimi.structured) == (32_000, "prompt")
    assert kimi.thinking_options(False) == {"thinking": {"type": "disabled"}}
    candidate = kimi.candidate()
    assert (candidate.price, candidate.context_tokens, candidate.off_remark) == (PRICE, 32_000, "")
    assert (other.context_tokens, other.thinking_options(False)) == (None, {})
    assert (offline.context_tokens, offline.thinking_options(True)) == (None, {})
    assert "does not think" in offline.candidate().on_remark


async def test_the_kept_table_tells_the_size_of_a_vendors_own_model_unless_it_is_configured() -> None:
    one, two = Provider("one"), Provider("two")
    clock = Clock()
    registry = Registry(
        [
            ConfiguredProvider(one, ("kimi-k2.5", "kimi-k2.6"), context_windows={"kimi-k2.6": 1_000}),
            ConfiguredProvider(two, ()),
        ],
        offline=Provider("offline"),
        aliases={},
        prices=PriceBook(vendors={"one": "moonshot"}, configured={}, clock=clock),
        default_model=None,
        clock=clock,
    )

    sizes = [(await registry.resolve(name)).context_tokens for name in ("kimi-k2.5", "kimi-k2.6", "two/kimi-k2.5")]

    assert sizes == [262_144, 1_000, None]
