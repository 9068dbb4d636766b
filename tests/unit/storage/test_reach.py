"""When callers are spared the wait for a database that is away."""

from __future__ import annotations

import time

import pytest

from app.domain.errors import StoreUnavailable
from app.storage.reach import Reach


def test_a_failure_spares_the_next_ones_the_wait_until_something_works() -> None:
    reach = Reach()
    reach.check()

    reach.failed("no answer within 4 s", time.monotonic())
    with pytest.raises(StoreUnavailable, match="no answer within 4 s"):
        reach.check()

    reach.worked()
    reach.check()


def test_whoever_began_while_the_network_was_down_does_not_hold_up_those_after_it() -> None:
    reach = Reach()
    began = time.monotonic()
    reach.worked()

    reach.failed("no connection within 2 s", began)

    reach.check()
