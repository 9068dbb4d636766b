"""What the nodes tell each other of a provider: that it is down or back, that it asked to be left alone.

Of two that say something of the same thing at once the first counts, and the other one goes by it: what it saw it saw
while it did not know better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import orjson

from app.domain.breaker import Outage
from app.ports.clock import Clock
from app.ports.signs import Sign
from app.scheduler.lanes import Hold, Lane, Obstacle
from app.scheduler.shared_admission import SharedAdmission

_BREAKER, _HOLD = "breaker/", "hold/"

_STALE_S = 600.0
"""What was said longer ago is nothing to begin with: nobody has called the provider since."""


class Telling:
    """What was told and heard so far."""

    def __init__(self, admission: SharedAdmission, node: str, clock: Clock) -> None:
        self._admission = admission
        self._node = node
        self._clock = clock
        self._versions: dict[str, int] = {}
        """Of the newest sign of each name that was seen."""
        self._told: dict[str, int] = {}
        """How much of what this process learned itself the others know."""

    def news(self) -> Mapping[Sign, int]:
        """Return what others do not know yet, with what ``said`` notes of it."""
        now = self._clock.monotonic()
        found = {}
        for lane in self._admission.shared_lanes():
            for name, learned in _learned(lane):
                if learned != self._told.get(name, 0):
                    value = lane.breaker.tell(now) if name.startswith(_BREAKER) else lane.hold(now)
                    body = orjson.dumps(asdict(value)).decode()
                    sign = Sign(name=name, version=self._versions.get(name, 0) + 1, node=self._node, body=body)
                    found[sign] = learned
        return found

    def said(self, news: Mapping[Sign, int]) -> None:
        """Note what was put up; where another node was first, ``hear`` will find that out."""
        self._told.update({sign.name: learned for sign, learned in news.items()})

    def hear(self, standing: Sequence[Sign]) -> None:
        """Go by what others have said since the last time."""
        for sign in standing:
            known = self._versions.get(sign.name)
            if known is not None and sign.version <= known:
                continue
            self._versions[sign.name] = sign.version
            if sign.node != self._node and (known is not None or sign.age_s < _STALE_S):
                self._follow(sign)

    def _follow(self, sign: Sign) -> None:
        kind, _, name = sign.name.partition("/")
        found, now = orjson.loads(sign.body), self._clock.monotonic()
        admission = self._admission
        if f"{kind}/" == _BREAKER:
            told = Outage(**found)
            lane = admission.shared_lane(name, make=told.open or not told.armed)
            if lane is not None:
                retry_in_s = told.retry_in_s - sign.age_s
                down_for_s = told.down_for_s + sign.age_s if told.open else 0.0
                lane.follow_outage(replace(told, retry_in_s=retry_in_s, down_for_s=down_for_s), now)
        else:
            hold = Hold(left_s=found["left_s"] - sign.age_s, reason=Obstacle(found["reason"]), firm=found["firm"])
            lane = admission.shared_lane(name, make=hold.left_s > 0)
            if lane is not None:
                lane.follow_hold(hold, now)
        if lane is not None:
            self._told.update(_learned(lane))  # what was seen meanwhile was seen without knowing this
            admission.changed(lane)


def _learned(lane: Lane) -> Iterator[tuple[str, int]]:
    yield _BREAKER + lane.name, lane.breaker.changes
    yield _HOLD + lane.name, lane.holds
