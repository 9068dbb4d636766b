"""Ctrl-C arrives as an exception, and never between asking for a swarm and knowing its id."""

import signal
from collections.abc import Callable

import pytest

from app.cli.failures import Interrupted
from app.cli.interrupts import Interrupts


def test_a_signal_raises_where_the_command_stands() -> None:
    with pytest.raises(Interrupted) as interrupted, Interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert interrupted.value.exit_code == 143


def interrupted_while_held(after: Callable[[], object]) -> None:
    with Interrupts() as interrupts, interrupts.held():
        signal.raise_signal(signal.SIGINT)
        after()


def test_a_signal_is_put_off_to_the_end_of_a_held_block() -> None:
    done: list[str] = []

    with pytest.raises(Interrupted):
        interrupted_while_held(lambda: done.append("the rest of the block"))
    assert done == ["the rest of the block"]


def test_an_error_inside_a_held_block_is_not_hidden_by_the_signal() -> None:
    with pytest.raises(ZeroDivisionError):
        interrupted_while_held(lambda: 1 / 0)


def test_the_former_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
