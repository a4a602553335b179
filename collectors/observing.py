"""Observations meet attempts: what the scheduler says of a native id and the records it left.

All that was ever said of a native id is kept with its attempts, and is laid beside the records anew
each time something is heard of either. So it does not matter which came first.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from collectors.observation import LIVE, Observation, Observed
from collectors.records import Attempt, new_attempt

_UNRECORDED = "unrecorded."
"""How the ids of attempts begin that only the scheduler knows: no native id begins so."""
_ROUGH = 60.0  # seconds by which times may be off that are told in whole minutes
_CLOCKS = 5.0  # seconds by which the clocks of a node and of the scheduler may differ

Key = tuple[str, float]
_WAITING: Key = ("waiting", 0.0)
_NEVER: Key = ("never", 0.0)  # ended before it was started


class _Said(NamedTuple):
    """What is said about one execution, or about the waiting for the next one."""

    facts: dict[str, Any]
    submission: int | None
    fresh: bool
    """It is of the answer that is applied now."""

    @property
    def started(self) -> float | None:
        at: float | None = self.facts.get("started")
        return at

    @property
    def ended(self) -> float | None:
        at: float | None = self.facts.get("ended")
        return at

    @property
    def live(self) -> bool:
        return self.facts["kind"] in LIVE

    @property
    def weak(self) -> bool:
        return "weak" in self.facts

    @property
    def key(self) -> Key:
        """Executions are told apart by their start, one whose start is not told by its end."""
        if self.started is not None:
            return ("", self.started)
        if self.live:
            return _WAITING
        return ("until", self.ended or 0.0) if self.facts.get("node") else _NEVER

    def is_replaced_by(self, other: _Said) -> bool:
        """Say whether this was a rough account of the end that ``other`` tells in full."""
        if self.live or other.live or "preliminary" not in self.facts:
            return False
        if "preliminary" in other.facts or (other.ended or math.inf) < (self.ended or 0.0) - _ROUGH:
            return False
        starts = (self.started, other.started)
        return None in starts or abs((starts[0] or 0.0) - (starts[1] or 0.0)) <= _ROUGH

    @property
    def rank(self) -> tuple[bool, bool, float, bool]:
        """Of two that tell of one execution the greater holds: an end, in full, told last."""
        complete = "preliminary" not in self.facts
        return (not self.live, complete, self.ended or 0.0, self.fresh)


def _place(one: _Said) -> tuple[Any, ...]:
    return (one.key, one.rank)


def apply_observed(attempts: dict[str, Attempt], shard: int, observed: Observed) -> None:
    """Attach what the scheduler says; executions and waiting without a record get their own.

    Doing it twice changes nothing.
    """
    told: dict[str, list[Observation]] = defaultdict(list)
    for observation in observed.shards.get(shard, ()):
        told[observation.native_id].append(observation)
    unrecorded = (a["native_id"] for a in attempts.values() if not is_recorded(a))
    spoken_of: set[str] = set()
    for native_id in dict.fromkeys([*told, *unrecorded]):
        spoken_of |= _Meeting(attempts, native_id, told.get(native_id, []), observed).hold()
    _mark_absent(attempts, spoken_of, observed)


def is_recorded(attempt: Attempt) -> bool:
    """Say whether an attempt left a record of its own."""
    return not attempt["attempt"].startswith(_UNRECORDED)


def is_final(attempt: Attempt) -> bool:
    """Say whether the scheduler has nothing more to say about an attempt."""
    return _has_ended(attempt) and "preliminary" not in attempt["observed"]


def _has_ended(attempt: Attempt) -> bool:
    """Say whether the scheduler saw the end of an attempt."""
    observed = attempt["observed"]
    return observed is not None and "kind" in observed and observed["kind"] not in LIVE


class _Meeting:
    """Everything about one native id: what is said, and the attempts."""

    def __init__(
        self,
        attempts: dict[str, Attempt],
        native_id: str,
        told: list[Observation],
        observed: Observed,
    ) -> None:
        self.attempts = attempts
        self.native_id = native_id
        self.observed = observed
        mine = [a for a in attempts.values() if a["native_id"] == native_id]
        named = (a["scheduler"] for a in mine if a["scheduler"])
        self.scheduler = next(named, None) or next(iter(observed.schedulers), None)
        self.unrecorded = [a for a in mine if not is_recorded(a)]
        self.recorded = sorted(
            (a for a in mine if is_recorded(a) and a["started"] is not None),
            key=lambda a: (a["started"], a["attempt"]),
        )
        known = [
            _Said(a["observed"], a["submission"], fresh=False)
            for a in mine
            if "kind" in (a["observed"] or {})
        ]
        fresh = [_Said(_facts(one, observed.asked), one.submission, fresh=True) for one in told]
        if any(not one.weak for one in known):
            fresh = [one for one in fresh if not one.weak]
        if fresh:  # whether it waits is known best by who was asked last
            known = [
                one
                for one in known
                if one.key != _WAITING and not one.weak and not any(map(one.is_replaced_by, fresh))
            ]
        if self.recorded:
            known = [one for one in known if one.facts["kind"] != "vanished"]
        both = sorted(known + fresh, key=_place) if known or len(fresh) > 1 else fresh
        self.said = {one.key: one for one in both}

    def hold(self) -> set[str]:
        """Attach what is said to attempts; return those that the answer speaks of."""
        spoken_of = self._drop_waiting()
        self._drop_running()
        pairs = self._pairs()
        for attempt in self.unrecorded:
            del self.attempts[attempt["attempt"]]
        for attempt in self.recorded:
            if "kind" in (attempt["observed"] or {}):
                attempt["observed"] = None  # it is among what is said, and given out anew
        for key, one in self.said.items():
            if key not in pairs and self._is_turn_missed(one):
                continue
            attempt = pairs[key] if key in pairs else self._stand_in(one)
            attempt["observed"] = one.facts
            if one.fresh:
                spoken_of.add(attempt["attempt"])
        return spoken_of

    def _drop_waiting(self) -> set[str]:
        """Drop a waiting that is over: it was submitted before something that has begun."""
        waiting = self.said.get(_WAITING)
        if waiting is None:
            return set()
        submitted = waiting.facts.get("submitted", waiting.facts["asked"])
        begun = {a["attempt"] for a in self.recorded if a["started"] >= submitted}
        if begun or any((one.started or 0.0) >= submitted for one in self.said.values()):
            del self.said[_WAITING]
            return begun if waiting.fresh else set()
        return set()

    def _drop_running(self) -> None:
        """Drop what ran before something ended: executions of one native id do not overlap.

        SLURM 22.05 tells no start of what was preempted and requeued, so that this end of it is
        not seen to be its own.
        """
        if len(self.said) <= 1:
            return
        last = max(one.ended or 0.0 for one in self.said.values())
        for key, one in list(self.said.items()):
            if one.live and one.started is not None and one.started < last:
                del self.said[key]

    def _pairs(self) -> Mapping[Key, Attempt]:
        """Return the attempts by the execution whose start their record followed.

        Of the executions that began before a record (by clocks that may differ a little), and had
        not ended long before it, the nearest is meant.
        """
        started = [(key, one.started) for key, one in self.said.items() if one.started is not None]
        found: dict[Key, Attempt] = {}
        left: list[Attempt] = []
        for attempt in self.recorded:
            at: float = attempt["started"]
            fitting = [
                (abs(at - start), key)
                for key, start in started
                if key not in found
                and start <= at + _CLOCKS
                and at <= self.said[key].facts.get("ended", at) + _CLOCKS
            ]
            if fitting:
                found[min(fitting)[1]] = attempt
            else:
                left.append(attempt)
        for what, ended in sorted(self.said, reverse=True):
            before = [a for a in left if a["started"] <= ended + _CLOCKS]
            if what == "until" and before:
                found[what, ended] = before[-1]
                left.remove(before[-1])
        return found or dict(self._only_pair(started))

    def _only_pair(self, started: list[tuple[Key, float]]) -> Iterator[tuple[Key, Attempt]]:
        """Yield one execution and one record of its first start, however their clocks differ."""
        if len(started) == len(self.recorded) == 1 and not self.recorded[0]["restarts"]:
            yield started[0][0], self.recorded[0]

    def _is_turn_missed(self, one: _Said) -> bool:
        """Say whether a job of several shards ended before it came to this: it stays planned."""
        begun = self.observed.begun
        return (
            one.facts.get("packed", False)
            and one.key not in (_WAITING, _NEVER)
            and not one.live
            and begun is not None
            and self.native_id in begun
        )

    def _stand_in(self, one: _Said) -> Attempt:
        """Return a new attempt for what left no record."""
        what, when = one.key
        name = f"{_UNRECORDED}{self.native_id}.{what}{f'{when:.0f}' if when else ''}"
        attempt = self.attempts[name] = new_attempt(name)
        attempt.update(
            submission=one.submission,
            native_id=self.native_id,
            scheduler=self.scheduler,
            host=one.facts.get("node"),
            started=one.started,
        )
        return attempt


def _facts(observation: Observation, asked: float) -> dict[str, Any]:
    passing = observation.kind in LIVE or observation.preliminary
    return observation.facts() | ({"asked": asked} if passing else {})


def _mark_absent(attempts: dict[str, Attempt], spoken_of: set[str], observed: Observed) -> None:
    """Note of open attempts that the queue does not list them, and since when."""
    if observed.queue is None:
        return
    for attempt in attempts.values():
        if (
            attempt["scheduler"] not in observed.schedulers
            or attempt["ended"] is not None
            or attempt["attempt"] in spoken_of
            or _has_ended(attempt)
        ):
            continue
        known = attempt["observed"] or {}
        attempt["observed"] = {"since": observed.asked} | known | {"absent": observed.queue}
