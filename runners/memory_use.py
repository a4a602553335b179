"""What the processes of each payload hold in memory, in one pass over /proc (proc(5)).

A payload leads a session; its own are the members of that session and everything below them. The
sum of resident sets counts shared pages once a process. Where that sum is larger than was asked,
the proportional set (Pss of smaps_rollup, Linux 4.14) tells: forked workers share most of theirs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.processes import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Use:
    """The memory of one payload and all below it."""

    bytes: int = 0
    members: list[tuple[int, int]] = field(default_factory=list)
    """Process ids with their start ticks, without the payload itself."""


def memory_use(leaders: Mapping[int, int | None]) -> dict[int, Use]:
    """Return the use of each payload that lives.

    Args:
        leaders: process ids of payloads, with the bytes up to which a rough figure will do.
    """
    parents: dict[int, int] = {}
    seen: list[tuple[int, int, int, int]] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        stat = read_bytes(f"/proc/{name}/stat")
        if not stat:
            continue
        fields = stat[stat.rindex(b")") + 2 :].split()
        pid = int(name)
        parents[pid] = int(fields[1])
        seen.append((pid, int(fields[3]), int(fields[19]), int(fields[21]) * _PAGE))
    found: dict[int, Use] = {}
    for pid, session, started, resident in seen:
        leader = session if session in leaders else _above(pid, parents, leaders)
        if leader is not None:
            use = found.setdefault(leader, Use())
            use.bytes += resident
            if pid != leader:
                use.members.append((pid, started))
    for leader, use in found.items():
        enough = leaders[leader]
        if enough is not None and use.bytes > enough:
            use.bytes = min(use.bytes, _proportional(leader, use))
    return found


def _above(pid: int, parents: Mapping[int, int], leaders: Mapping[int, int | None]) -> int | None:
    while pid > 1:
        pid = parents.get(pid, 0)
        if pid in leaders:
            return pid
    return None


def _proportional(leader: int, use: Use) -> int:
    total = 0
    for pid, _ in ((leader, 0), *use.members):
        text = read_bytes(f"/proc/{pid}/smaps_rollup") or b""
        at = text.find(b"\nPss:")
        if at >= 0:
            total += int(text[at + 5 :].split(maxsplit=1)[0]) * 1024
    return total or use.bytes
