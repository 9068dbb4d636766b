"""Channels: what is kept, what sends readers back to the store, and which snapshots a reader may see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.ports.events import LogCursor
from app.services import channels
from app.services.channels import Channel, Frame


async def no_store(_: LogCursor, __: int) -> Sequence[Frame]:
    raise AssertionError("the store was asked")


@pytest.fixture
def channel() -> Channel:
    return Channel(no_store)


def commit(position: int, count: int = 2, swarm_id: str = "s", first: int = 1) -> list[Frame]:
    """The frames of one commit in an orchestrator's log."""
    return [
        Frame(LogCursor(position, seq), swarm_id, seq, "event", f"{position}-{seq}")
        for seq in range(first, first + count)
    ]


def texts(channel: Channel, place: LogCursor) -> list[str] | None:
    frames = channel.after(place)
    return None if frames is None else [frame.text for frame in frames]


def test_a_channel_in_which_nothing_was_published_knows_nothing(channel: Channel) -> None:
    assert channel.after(LogCursor()) is None
    assert channel.after(LogCursor(7, 3)) is None


def test_it_gives_what_is_behind_a_place(channel: Channel) -> None:
    channel.publish(commit(4))
    channel.publish(commit(5))

    assert texts(channel, LogCursor(4, 1)) == ["4-2", "5-1", "5-2"]
    assert texts(channel, LogCursor(5, 1)) == ["5-2"]
    assert texts(channel, LogCursor(5, 2)) == []
    assert texts(channel, LogCursor(9, 9)) == []


def test_what_was_before_it_is_in_the_store_only(channel: Channel) -> None:
    channel.publish(commit(4, first=3))

    assert texts(channel, LogCursor(4, 2)) == ["4-3", "4-4"]
    assert channel.after(LogCursor(4, 1)) is None
    assert channel.after(LogCursor(3, 99)) is None


def test_a_reader_that_has_read_the_store_to_its_end_needs_it_no_more(channel: Channel) -> None:
    channel.settle(LogCursor(3, 2))
    assert texts(channel, LogCursor(3, 2)) == []
    assert channel.after(LogCursor(3, 1)) is None

    channel.publish(commit(4))
    assert texts(channel, LogCursor(3, 2)) == ["4-1", "4-2"]
    channel.settle(LogCursor(9, 9))  # of a reader whose fetch was overtaken by the publication
    assert texts(channel, LogCursor(3, 2)) == ["4-1", "4-2"]


def test_the_oldest_are_let_go(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_KEEP", 10)
    for position in range(1, 11):
        channel.publish(commit(position))
    assert len(channel.after(LogCursor(1, 1)) or []) == 19

    channel.publish(commit(11))
    assert channel.after(LogCursor(6, 1)) is None
    assert texts(channel, LogCursor(6, 2)) == [f"{position}-{seq}" for position in range(7, 12) for seq in (1, 2)]


def test_one_commit_larger_than_everything_kept(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_KEEP", 10)
    channel.settle(LogCursor())
    channel.publish(commit(1, count=50))
    assert channel.after(LogCursor()) is None
    assert texts(channel, LogCursor(1, 40)) == [f"1-{seq}" for seq in range(41, 51)]
    channel.publish(commit(2))
    assert texts(channel, LogCursor(1, 50)) == ["2-1", "2-2"]


def test_a_commit_that_was_never_handed_over_sends_readers_to_the_store(channel: Channel) -> None:
    """A runner that falls over while its commit is written leaves a hole: nobody may wait for it."""
    channel.publish(commit(1))
    channel.publish(commit(3))

    assert channel.after(LogCursor(1, 2)) is None
    assert texts(channel, LogCursor(3, 0)) == ["3-1", "3-2"]
    channel.publish(commit(4))
    assert texts(channel, LogCursor(3, 2)) == ["4-1", "4-2"]


def test_a_commit_that_comes_late_changes_nothing(channel: Channel) -> None:
    for position in (3, 4, 2, 3):
        channel.publish(commit(position))
    assert texts(channel, LogCursor(3, 0)) == ["3-1", "3-2", "4-1", "4-2"]
    channel.publish(commit(5))
    assert texts(channel, LogCursor(4, 2)) == ["5-1", "5-2"]

    settled = Channel(no_store)
    settled.settle(LogCursor(3, 2))  # a reader got it from the store, where it was before it was handed over
    settled.publish(commit(3))
    assert texts(settled, LogCursor(3, 2)) == []
    settled.publish(commit(4))
    assert texts(settled, LogCursor(3, 2)) == ["4-1", "4-2"]


def test_news_wakes_every_reader(channel: Channel) -> None:
    readers = [asyncio.Event() for _ in range(3)]
    channel.readers.update(readers)
    channel.publish(commit(1))
    assert all(reader.is_set() for reader in readers)
    for reader in readers:
        reader.clear()
    channel.put_snapshot("s", "{}")
    assert all(reader.is_set() for reader in readers)


# --- snapshots -------------------------------------------------------------------------------------------------------


def shown(channel: Channel, version: int, place: LogCursor) -> list[str]:
    return [entry.text for entry in channel.snapshots(version, place)]


def test_of_each_run_only_the_newest_snapshot_is_kept(channel: Channel) -> None:
    for number in range(3):
        channel.put_snapshot("a", f"a{number}")
        channel.put_snapshot("b", f"b{number}")

    assert shown(channel, 0, LogCursor()) == ["a2", "b2"]
    seen = channel.snapshots(0, LogCursor())[-1].version
    assert shown(channel, seen, LogCursor()) == []
    channel.put_snapshot("a", "a3")
    assert shown(channel, seen, LogCursor()) == ["a3"]


def test_a_snapshot_waits_until_the_reader_has_come_as_far(channel: Channel) -> None:
    """Else a client would resume behind its `seq`, and miss what it includes."""
    channel.put_snapshot("b", "b")
    channel.publish(commit(1))
    channel.put_snapshot("a", "a")

    assert shown(channel, 0, LogCursor()) == ["b"]
    assert shown(channel, 0, LogCursor(1, 1)) == ["b"]
    assert shown(channel, 0, LogCursor(1, 2)) == ["b", "a"]


def test_a_run_that_is_over_leaves_no_snapshot(channel: Channel) -> None:
    channel.put_snapshot("a", "a")
    channel.drop_snapshot("a")
    channel.drop_snapshot("never there")
    assert shown(channel, 0, LogCursor()) == []
