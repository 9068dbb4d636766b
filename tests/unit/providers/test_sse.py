"""Server-sent events cut out of a byte stream, wherever its pieces begin and end."""

from __future__ import annotations

import pytest

from app.providers.sse import EventReader


def read(stream: bytes, size: int) -> list[bytes]:
    reader = EventReader()
    events = [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])]
    last = reader.end()
    return events if last is None else [*events, last]


STREAM = (
    b": a comment\n\n"
    b"data: one\n\n"
    b"event: named\r\nid: 7\r\ndata:two\r\n\r\n"
    b"data: three\ndata: lines\ndata:\n\n"
    b"retry: 10\n\n"
    b"data: \xc3\xa9\n\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_whatever_the_pieces(size: int) -> None:
    """Comments, names, ids and empty events are passed over; data lines are joined by line feeds."""
    assert read(STREAM, size) == [b"one", b"two", b"three\nlines\n", b"\xc3\xa9"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_last_event_that_no_empty_line_ends_is_read(end: bytes) -> None:
    assert read(b"data: one\n\ndata: [DONE]" + end, 1000) == [b"one", b"[DONE]"]


def test_what_is_kept_is_counted() -> None:
    reader = EventReader()
    reader.feed(b"data: " + b"x" * 94)
    assert reader.kept_bytes == 100
    reader.feed(b"\n")
    assert reader.kept_bytes == 100
    reader.feed(b"\n")
    assert reader.kept_bytes == 0


def test_a_long_line_in_many_pieces_takes_no_longer_than_its_bytes() -> None:
    """Joined anew with each piece, 8 MB in pieces of 64 bytes would be copied 500 GB."""
    reader = EventReader()
    reader.feed(b"data: ")
    piece = b"y" * 64
    for _ in range(131_072):
        assert not reader.feed(piece)
    assert [len(event) for event in reader.feed(b"\n\n")] == [131_072 * 64]
