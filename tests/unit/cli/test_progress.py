"""Progress lines: sparse where they are logged, complete in what they say."""

import io

import pytest
from rich.console import Console

from app.cli.progress import (
    LiveDisplay,
    PlainDisplay,
    clock_text,
    count_text,
    display,
    duration_text,
    money_text,
    picture,
    plain_line,
)
from app.cli.watch import Snapshot


def snapshot(ended: int = 0, elapsed_s: float = 0.0, status: str = "running", **more: object) -> Snapshot:
    return Snapshot(name="demo", status=status, total=200, ended=ended, elapsed_s=elapsed_s, **more)  # type: ignore[arg-type]


def lines_of(*snapshots: Snapshot) -> list[str]:
    stream = io.StringIO()
    plain = PlainDisplay(stream)
    for each in snapshots:
        plain.show(each)
    return stream.getvalue().splitlines()


def test_a_line_holds_every_measure() -> None:
    line = plain_line(
        snapshot(
            ended=120,
            elapsed_s=12.34,
            running=50,
            queued=20,
            waiting=5,
            failed=2,
            retrying=3,
            cost_usd=0.0123,
            tokens_in=123_456,
            tokens_out=7_890,
            p50_ms=400,
            p95_ms=812.4,
            tasks_per_s=9.72,
        )
    )

    assert line == (
        "[12.3 s] 120/200 done (60 %): 50 running, 25 waiting, 2 failed, 3 retrying, "
        "$0.0123, 123.5k tokens in, 7,890 out, p50 400 ms p95 812 ms p99 -, 9.7 tasks/s"
    )


def test_a_line_at_each_tenth_and_none_between() -> None:
    lines = lines_of(*(snapshot(ended=ended, elapsed_s=ended / 1000) for ended in range(0, 200, 5)))

    assert [line.split("(")[1].split(")")[0] for line in lines] == [f"{percent} %" for percent in range(0, 100, 10)]


def test_a_line_every_two_seconds_while_nothing_ends() -> None:
    lines = lines_of(*(snapshot(elapsed_s=quarter / 4) for quarter in range(41)))

    assert [line.split("]")[0] for line in lines] == [f"[{float(second)} s" for second in (0, 2, 4, 6, 8, 10)]


def test_the_end_is_always_shown_with_its_status() -> None:
    lines = lines_of(snapshot(ended=199, elapsed_s=1.0), snapshot(ended=200, elapsed_s=1.1, status="partial"))

    assert lines[-1].endswith("-- partial")


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    stream = io.StringIO()
    with display(stream=stream) as screen:
        screen.show(snapshot(ended=200, status="completed"))

    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().startswith("[0.0 s] 200/200 done (100 %)")


def test_silence_where_progress_is_off() -> None:
    stream = io.StringIO()
    with display(enabled=False, stream=stream) as screen:
        screen.show(snapshot())

    assert stream.getvalue() == ""


def test_the_picture_shows_the_failures_as_they_are() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=100)
    console.print(picture(snapshot(ended=3, failed=1, failures=("a[0].py: [red]boom[/red]",))))

    assert "a[0].py: [red]boom[/red]" in stream.getvalue()
    assert "3/200" in stream.getvalue()


def test_the_live_display_leaves_the_last_picture_on_the_screen() -> None:
    stream = io.StringIO()
    with LiveDisplay(Console(file=stream, force_terminal=True, width=100)).running() as live:
        live.show(snapshot(ended=200, status="completed"))

    assert "200/200" in stream.getvalue().rsplit("\x1b[2K", 1)[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (clock_text(0.04), "0.0 s"),
        (clock_text(125), "2:05"),
        (clock_text(3725), "1:02:05"),
        (duration_text(9_999), "9999 ms"),
        (duration_text(12_300), "12.3 s"),
        (count_text(9_999), "9,999"),
        (count_text(10_000), "10.0k"),
        (count_text(2_500_000), "2.5M"),
        (count_text(3 * 10**9), "3.0G"),
        (money_text(0), "$0.00"),
        (money_text(0.00123), "$0.0012"),
        (money_text(12.345), "$12.35"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected
