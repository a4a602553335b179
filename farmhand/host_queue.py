"""The shards that hosts take: their own first, then whatever is free. For use by many threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping


class HostQueue:
    """Who is to do what, and what is being done."""

    def __init__(self, *, reassign: bool, most: int | None = None) -> None:
        """Take no shard yet.

        Args:
            reassign: whether shards of a host that is gone go to others.
            most: so many shards run at a time on all hosts together; None: no limit.
        """
        self._changed = threading.Condition()
        self._own: dict[str, deque[int]] = {}
        self._free: deque[int] = deque()
        self._reassign, self._most = reassign, most
        self._open = 0
        self._filled = False
        self.stranded: list[int] = []
        """Shards that nobody does any more."""

    def fill(self, due: Iterable[int], own: Mapping[int, str], open_now: int) -> None:
        """Add the shards to do, some of which belong to a host, and let hosts take them."""
        with self._changed:
            for shard in due:
                host = own.get(shard)
                (self._free if host is None else self._own.setdefault(host, deque())).append(shard)
            self._open += open_now
            self._filled = True
            self._changed.notify_all()

    def wait_filled(self) -> None:
        """Wait until there is something to take."""
        with self._changed:
            self._changed.wait_for(lambda: self._filled)

    def take(self, host: str, most: int) -> list[int]:
        """Return up to ``most`` shards that this host is to start."""
        with self._changed:
            if self._most is not None:
                most = min(most, self._most - self._open)
            found: list[int] = []
            for line in (self._own.get(host, deque[int]()), self._free):
                while line and len(found) < most:
                    found.append(line.popleft())
            self._open += len(found)
            return found

    def ended(self, number: int) -> None:
        """Note that so many shards run no longer."""
        with self._changed:
            self._open -= number
            self._changed.notify_all()

    def give_back(self, host: str, shards: Iterable[int], *, lost: bool) -> None:
        """Return shards that were taken: ``lost`` with their host, else not started yet."""
        with self._changed:
            back = list(shards)
            self._open -= len(back)
            if not lost:
                self._own.setdefault(host, deque()).extend(back)
            elif self._reassign:
                self._free.extend(back)
            else:
                self.stranded += back
            self._changed.notify_all()

    def leave(self, host: str) -> None:
        """Note that a host takes nothing any more; what was its own goes to others."""
        with self._changed:
            rest = self._own.pop(host, ())
            if self._reassign:
                self._free.extend(rest)
            else:
                self.stranded += rest
            self._changed.notify_all()

    def has_for(self, host: str) -> bool:
        """Say whether there is something that this host could take now."""
        with self._changed:
            return self._takeable(host)

    def wait_for_more(self, host: str, seconds: float) -> bool:
        """Wait a little for something to take; return False when there will never be anything."""
        with self._changed:
            self._changed.wait_for(lambda: self._takeable(host) or self._over(host), seconds)
            return not self._over(host)

    def _takeable(self, host: str) -> bool:
        full = self._most is not None and self._open >= self._most
        return bool(self._own.get(host) or self._free) and not full

    def _over(self, host: str) -> bool:
        if self._own.get(host) or self._free:
            return False
        return not (self._reassign and (self._open or any(self._own.values())))

    def left(self) -> list[int]:
        """Return the shards that nobody took."""
        with self._changed:
            rest = [shard for line in self._own.values() for shard in line]
            return sorted([*rest, *self._free, *self.stranded])
