"""What the workers of all hosts have in common."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from farmhand.host_queue import HostQueue
from farmhand.hosts_view import HostsView
from runners.ssh_journal import SshJournal


@dataclass(slots=True)
class Team:
    """What all workers have in common."""

    run: str
    plan_id: str
    nested: bool
    names: Mapping[int, str]
    """Of shards that are done here or were begun before."""
    submissions: Mapping[int, int]
    walltimes: Mapping[int, int]
    """By submission."""
    queue: HostQueue
    journal: SshJournal
    view: HostsView
    give_up_s: float
    long_turns: bool = True
    grace_s: float = 10.0
    done: frozenset[int] = frozenset()
    """Shards that had succeeded before: an old launch of one is ended."""
    stopping: threading.Event = field(default_factory=threading.Event)
    killing: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)
    """Something is wrong here: go, and leave what runs there alone."""
