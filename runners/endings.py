"""All that a pool is ending at the moment, and what no KILL has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.ending import Ending
from runners.processes import Process, doomed, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class Endings:
    """The ends of processes of one run, advanced by `poll`."""

    def __init__(self, run_dir: str) -> None:
        """End nothing yet."""
        self._run_dir = run_dir
        self._under_way: list[Ending] = []
        self.unended: list[int] = []

    def __len__(self) -> int:
        """Return how many are under way."""
        return len(self._under_way)

    def begin(
        self,
        ends: Collection[tuple[int, int]],
        spared: Callable[[], Collection[int]],
        grace_s: float,
    ) -> None:
        """Begin to end what is left of the payloads `ends`, and every orphan of the run.

        Args:
            ends: process ids with start times.
            spared: returns the shards that are known to run, asked at each look.
            grace_s: seconds between TERM and KILL.
        """

        def select() -> list[Process]:
            found = doomed(processes(self._run_dir), ends, spared())
            return [process for process in found if process.pid not in self.unended]

        self._under_way.append(Ending(select, grace_s))

    def kill(self) -> None:
        """Grant no more grace."""
        for ending in self._under_way:
            ending.kill()

    def poll(self) -> list[int]:
        """Advance; return the ids of processes that are given up: they hang in the kernel."""
        given_up = [pid for ending in self._under_way if ending.poll() for pid in ending.unended]
        self._under_way = [ending for ending in self._under_way if not ending.done]
        self.unended += given_up
        return given_up

    def wait(self) -> None:
        """Advance to the end of all."""
        for ending in self._under_way:
            self.unended += ending.wait()
