"""What the message bus relies on (``ports.messages.MessageStore``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.domain.errors import Conflict
from app.ports.messages import Address, Channel, MessageRow, NewMessage, QueueCaps, QueueFull, ReceivedInSameStep
from app.storage.database import Database
from tests.support.runs import new_swarm

pytestmark = pytest.mark.anyio

CAPS = QueueCaps()
TO_A, TO_B = Channel(index=0), Channel(index=1)


@pytest.fixture
async def swarm_id(store: Database) -> str:
    """A run of the tasks a and b."""
    swarm = new_swarm({"a": [], "b": []})
    await store.swarms.create(swarm)
    return swarm.state.swarm_id


async def send(
    store: Database,
    swarm_id: str,
    body: str,
    to: Address,
    *,
    sender: str = "s",
    run_key: str | None = None,
    caps: QueueCaps = CAPS,
) -> MessageRow | None:
    message = NewMessage(
        sender=sender,
        to=to,
        body_json=f'"{body}"',
        size_bytes=len(body) + 2,
        run_key=run_key or f"{sender} {body}",
        at_ms=5,
    )
    return await store.messages.add(swarm_id, message, caps)


async def receive(
    store: Database, swarm_id: str, channel: Channel, run_key: str, *, limit: int = 100, room_bytes: int = 10_000
) -> list[str]:
    rows = await store.messages.receive(swarm_id, channel, run_key, limit=limit, room_bytes=room_bytes, caps=CAPS)
    return bodies(rows)


def bodies(rows: Sequence[MessageRow]) -> list[str]:
    return [row.body_json.strip('"') for row in rows]


async def kept(store: Database, swarm_id: str, *channels: Channel) -> list[str]:
    return bodies(await store.messages.list(swarm_id, channels or None, after=0, limit=1000))


async def test_a_message_is_kept_as_it_was_sent(store: Database, swarm_id: str) -> None:
    by_task = await send(store, swarm_id, "x", Address(task_id="b"))
    by_index = await send(store, swarm_id, "y", Address(index=1), sender="other")
    by_topic = await send(store, swarm_id, "z", Address(topic="news"))

    common = {"sender_seq": 1, "at_ms": 5}
    assert by_task == MessageRow(position=1, sender="s", topic=None, index=1, body_json='"x"', **common)
    assert by_index == MessageRow(position=2, sender="other", topic=None, index=1, body_json='"y"', **common)
    third = MessageRow(position=3, sender="s", sender_seq=2, topic="news", index=None, body_json='"z"', at_ms=5)
    assert by_topic == third
    assert await store.messages.list(swarm_id, None, after=1, limit=5) == [by_index, by_topic]


@pytest.mark.parametrize("nobody", [Address(task_id="c"), Address(index=2), Address(task_id="")])
async def test_to_nobody_nothing_is_sent(store: Database, swarm_id: str, nobody: Address) -> None:
    assert await send(store, swarm_id, "x", nobody) is None

    after = await send(store, swarm_id, "y", Address(task_id="a"))
    assert after is not None
    assert (after.position, after.sender_seq) == (1, 1), "numbers have no gap"


async def test_a_repeated_send_is_one_message(store: Database, swarm_id: str) -> None:
    sent = await asyncio.gather(*(send(store, swarm_id, "x", Address(topic="t"), run_key="call 1") for _ in range(20)))
    assert await send(store, swarm_id, "changed", Address(topic="t"), run_key="call 1") == sent[0]

    assert sent == [sent[0]] * 20
    assert await kept(store, swarm_id) == ["x"]


async def test_messages_come_until_they_are_acknowledged(store: Database, swarm_id: str) -> None:
    for body in "vwxyz":
        await send(store, swarm_id, body, Address(task_id="a" if body in "vxz" else "b"))

    assert await kept(store, swarm_id, TO_A) == await kept(store, swarm_id, TO_A) == ["v", "x", "z"]
    assert await store.messages.ack(swarm_id, TO_A, 3, CAPS) == 3
    assert await kept(store, swarm_id, TO_A) == ["z"]
    assert await store.messages.ack(swarm_id, TO_A, 1, CAPS) == 3, "never less than before"
    assert await kept(store, swarm_id, TO_B) == ["w", "y"], "another's acknowledgement is not theirs"
    assert await kept(store, swarm_id) == ["v", "w", "x", "y", "z"]


async def test_what_was_not_sent_yet_cannot_be_acknowledged(store: Database, swarm_id: str) -> None:
    assert await store.messages.ack(swarm_id, TO_A, 99, CAPS) == 0
    await send(store, swarm_id, "x", Address(task_id="a"))
    assert await store.messages.ack(swarm_id, TO_A, 99, CAPS) == 1
    await send(store, swarm_id, "y", Address(task_id="a"))

    assert await kept(store, swarm_id, TO_A) == ["y"]


async def test_each_consumer_of_a_topic_has_a_cursor_of_its_own(store: Database, swarm_id: str) -> None:
    one, two = Channel(topic="t", consumer="one"), Channel(topic="t", consumer="two")
    other = Channel(topic="u", consumer="one")
    for body, topic in (("x", "t"), ("y", "u"), ("z", "t")):
        await send(store, swarm_id, body, Address(topic=topic))

    await store.messages.ack(swarm_id, one, 1, CAPS)

    assert await kept(store, swarm_id, one) == ["z"]
    assert await kept(store, swarm_id, two) == ["x", "z"]
    assert await kept(store, swarm_id, other) == ["y"]
    assert await kept(store, swarm_id, one, other) == ["y", "z"]


async def test_the_same_call_gets_the_same_again_and_the_next_what_follows(store: Database, swarm_id: str) -> None:
    """At least once: until the next call nothing of what one got is acknowledged."""
    for body in "vwxyz":
        await send(store, swarm_id, body, Address(task_id="a"))

    assert await receive(store, swarm_id, TO_A, "call 1", limit=2) == ["v", "w"]
    assert await receive(store, swarm_id, TO_A, "call 1", limit=2) == ["v", "w"]
    assert await kept(store, swarm_id, TO_A) == list("vwxyz")
    assert await receive(store, swarm_id, TO_A, "call 2") == ["x", "y", "z"]
    assert await kept(store, swarm_id, TO_A) == ["x", "y", "z"]
    assert await receive(store, swarm_id, TO_A, "call 3") == []
    await send(store, swarm_id, "new", Address(task_id="a"))
    assert await receive(store, swarm_id, TO_A, "call 3") == ["new"], "it had nothing yet"
    assert await receive(store, swarm_id, TO_A, "call 3") == ["new"]
    assert await receive(store, swarm_id, TO_A, "call 4") == []
    assert await receive(store, swarm_id, TO_B, "call 4") == []


async def test_calls_of_one_step_take_nothing_from_each_other_that_a_crash_would_lose(
    store: Database, swarm_id: str
) -> None:
    """None of them is recorded before the others: what one asks for says nothing about what another one got."""
    for body in "vwxyz":
        await send(store, swarm_id, body, Address(task_id="a"))
    step = f"{swarm_id}/0/3/"

    assert await receive(store, swarm_id, TO_A, f"{step}one", limit=2) == ["v", "w"]
    with pytest.raises(ReceivedInSameStep):
        await receive(store, swarm_id, TO_A, f"{step}two/of", limit=2)
    assert await kept(store, swarm_id, TO_A) == list("vwxyz")

    # After a crash both are made again, in any order.
    with pytest.raises(ReceivedInSameStep):
        await receive(store, swarm_id, TO_A, f"{step}two/of", limit=2)
    assert await receive(store, swarm_id, TO_A, f"{step}one", limit=2) == ["v", "w"]
    assert await receive(store, swarm_id, TO_A, f"{swarm_id}/0/31/one") == ["x", "y", "z"], "a later step goes on"


async def test_a_call_that_got_nothing_leaves_it_to_another_of_its_step(store: Database, swarm_id: str) -> None:
    step = f"{swarm_id}/0/3/"
    assert await receive(store, swarm_id, TO_A, f"{step}one") == []
    await send(store, swarm_id, "v", Address(task_id="a"))

    assert await receive(store, swarm_id, TO_A, f"{step}two") == ["v"]
    with pytest.raises(ReceivedInSameStep):
        await receive(store, swarm_id, TO_A, f"{step}one")
    assert await receive(store, swarm_id, TO_A, f"{step}two") == ["v"]


async def test_a_receipt_holds_as_many_bytes_as_have_room_and_one_message_in_any_case(
    store: Database, swarm_id: str
) -> None:
    for body in ("a" * 98, "b" * 18, "c" * 18, "d" * 18):
        await send(store, swarm_id, body, Address(topic="t"))
    channel = Channel(topic="t", consumer="me")

    sizes = [
        [len(body) for body in await receive(store, swarm_id, channel, f"call {n}", room_bytes=45)] for n in range(3)
    ]

    assert sizes == [[98], [18, 18], [18]]


async def test_a_full_queue_gives_up_the_oldest_acknowledged_and_never_others(store: Database, swarm_id: str) -> None:
    caps = QueueCaps(max_messages=10)
    for number in range(10):
        await send(store, swarm_id, str(number), Address(task_id="a" if number % 2 else "b"), caps=caps)
    with pytest.raises(QueueFull):
        await send(store, swarm_id, "x", Address(task_id="a"), caps=caps)
    await store.messages.ack(swarm_id, TO_A, 6, caps)  # acknowledges 1, 3 and 5

    sent = [await send(store, swarm_id, f"new {n}", Address(task_id="a"), caps=caps) for n in range(3)]
    with pytest.raises(QueueFull):
        await send(store, swarm_id, "x", Address(task_id="a"), caps=caps)

    assert await kept(store, swarm_id) == ["0", "2", "4", "6", "7", "8", "9", "new 0", "new 1", "new 2"]
    assert [row and (row.position, row.sender_seq) for row in sent] == [(11, 11), (12, 12), (13, 13)]


async def test_a_message_to_a_topic_is_acknowledged_once_everybody_waited_for_has(
    store: Database, swarm_id: str
) -> None:
    caps = QueueCaps(max_bytes=6)
    one, two = Channel(topic="t", consumer="one"), Channel(topic="t", consumer="two")
    assert await store.messages.ack(swarm_id, two, 0, caps) == 0
    await send(store, swarm_id, "x", Address(topic="t"), caps=caps)
    await send(store, swarm_id, "y", Address(topic="t"), caps=caps)

    await store.messages.ack(swarm_id, one, 1, caps)
    with pytest.raises(QueueFull):
        await send(store, swarm_id, "z", Address(topic="t"), caps=caps)
    await store.messages.ack(swarm_id, two, 1, caps)
    assert await send(store, swarm_id, "z", Address(topic="t"), caps=caps) is not None

    assert await kept(store, swarm_id) == ["y", "z"]


async def test_consumers_are_bounded(store: Database, swarm_id: str) -> None:
    caps = QueueCaps(max_consumers=2)
    for name in ("one", "two", "one"):
        await store.messages.ack(swarm_id, Channel(topic="t", consumer=name), 0, caps)

    with pytest.raises(Conflict):
        await store.messages.ack(swarm_id, Channel(topic="t", consumer="three"), 0, caps)


async def test_messages_go_with_their_swarm(store: Database, swarm_id: str) -> None:
    await send(store, swarm_id, "x", Address(task_id="a"))
    await send(store, "swm_gone", "y", Address(topic="t"))
    await store.messages.ack("swm_gone", Channel(topic="t", consumer="c"), 0, CAPS)

    await store.contents.drop_orphans()

    assert (await kept(store, swarm_id), await kept(store, "swm_gone")) == (["x"], [])
    again = await send(store, "swm_gone", "z", Address(topic="t"))
    assert again is not None
    assert again.position == 1
