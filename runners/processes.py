"""Facts about the processes of this host, read from /proc (proc(5)).

A process is known by its id, its start time in clock ticks since boot, and the boot it belongs to:
ids alone are used again. A *payload* is a bash that runs ``RUN/plan/shard.sh``; it is found by its
command line, so also before it wrote its first record. The processes *of an attempt* are those
with FARMHAND_ATTEMPT in the environment they were started with, and everything below them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_PAYLOAD = b"/plan/shard.sh"
_ARGUMENTS_BEFORE_SHARDS = 6  # PLAN SUBMISSION SCHEDULER NATIVE_ID RESTARTS WALLTIME
_SCHEDULER = 2
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD of the kernel's sched.h
_LOOKS, _LOOK_S = 10, 0.001


@dataclass(frozen=True, slots=True)
class Payload:
    """A live payload, as its command line tells: its process, its scheduler, its shards."""

    pid: int
    pid_start: int
    scheduler: str
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """One of the user's live processes; ``attempt`` is absolute, None outside this run."""

    pid: int
    pid_start: int
    parent: int
    session: int
    attempt: str | None = None
    shard: int | None = None
    payload: Payload | None = None


@cache
def boot_id() -> str:
    """Return the kernel's id of this boot, as start records carry it."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def parse_stat(stat: bytes) -> tuple[str, int, int, int]:
    """Return state, parent, session and start ticks of a /proc/PID/stat line.

    The command's name stands in parentheses and may hold blanks and parentheses itself.

    >>> parse_stat(b"7 (a) b) S 1 7 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0")
    ('S', 1, 5, 4242)
    """
    fields = stat[stat.rindex(b")") + 2 :].split()
    return fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19])


def start_ticks(pid: int) -> int | None:
    """Return when the process was started, in clock ticks since boot; None: no such process."""
    stat = read_bytes(f"/proc/{pid}/stat")
    return parse_stat(stat)[3] if stat else None


def alive(pid: int, pid_start: int, boot: str) -> bool:
    """Tell whether this very process, of this very boot, still runs; a zombie does not."""
    if boot != boot_id() or pid <= 0:
        return False
    stat = read_bytes(f"/proc/{pid}/stat")
    if not stat:
        return False
    state, _, _, started = parse_stat(stat)
    return started == pid_start and state not in "ZXx"


def processes(run_dir: str) -> list[Process]:
    """Return all live processes of this user, those of the run with their attempt or payload.

    One pass over /proc; processes that vanish meanwhile or may not be read are left out. The
    caller's own process is never in the list.
    """
    root = os.path.realpath(run_dir)
    return [process for pid in _own_pids() if (process := _process(pid, root))]


def attempt_processes(run_dir: str) -> dict[str, list[int]]:
    """Return the live process ids of each attempt directory (absolute) under the run directory."""
    found: dict[str, list[int]] = {}
    for process in processes(run_dir):
        if process.attempt is not None:
            found.setdefault(process.attempt, []).append(process.pid)
    return found


def live_payloads(run_dir: str) -> list[Payload]:
    """Return the payloads of the run that live on this host, whoever started them."""
    return _payloads(processes(run_dir))


def orphans(seen: Sequence[Process], spare: Collection[int] = ()) -> list[Process]:
    """Return the processes of attempts whose payload is gone.

    Args:
        seen: what `processes` returned.
        spare: shards that are known to run, whatever their payload's command line looks like.
    """
    return doomed(seen, frozenset(), spare)


def doomed(
    seen: Sequence[Process], ends: Collection[tuple[int, int]], spare: Collection[int] = ()
) -> list[Process]:
    """Return the payloads `ends` with all that belongs to them, and every orphan of the run.

    Args:
        seen: what `processes` returned.
        ends: id and start time of payloads to end, dead ones too: their session may live on.
        spare: shards whose attempts are left alone.
    """
    started = {process.pid: process.pid_start for process in seen}
    # An id that somebody else has by now is left alone; it could not be given out again while a
    # session of that number had a member.
    leaders = {pid for pid, pid_start in ends if started.get(pid, pid_start) == pid_start}
    kept = {
        shard
        for payload in _payloads(seen)
        if payload.pid not in leaders
        for shard in payload.shards
    }
    first = {
        process.pid
        for process in seen
        if process.pid in leaders
        or process.session in leaders
        or (
            process.attempt is not None and process.shard not in kept and process.shard not in spare
        )
    }
    return _with_dependants(seen, first)


def _with_dependants(seen: Sequence[Process], chosen: set[int]) -> list[Process]:
    """Add children and members of led sessions: a command may clear its environment."""
    while True:
        more = {
            process.pid
            for process in seen
            if process.pid not in chosen and (process.parent in chosen or process.session in chosen)
        }
        if not more:
            return [process for process in seen if process.pid in chosen]
        chosen |= more


def _payloads(seen: Sequence[Process]) -> list[Payload]:
    """Return the payloads without their subshells, which have the same command line."""
    by_pid = {process.pid: process for process in seen}
    found = []
    for process in seen:
        if process.payload is None:
            continue
        parent = by_pid.get(process.parent)
        # The pool makes each payload the leader of a session: where that leader is gone, this is
        # a subshell that outlived its killed payload.
        orphaned = process.payload.scheduler == "local" and process.session not in by_pid
        if process.pid == process.session or not (orphaned or (parent and parent.payload)):
            found.append(process.payload)
    return found


def _process(pid: int, root: str) -> Process | None:
    stat = read_bytes(f"/proc/{pid}/stat")
    if not stat:
        return None
    state, parent, session, started = parse_stat(stat)
    if state in "ZXx":
        return None
    line = _command_line(pid, stat)
    attempt, shard = _attempt(pid, root)
    payload = _payload(pid, started, root, line)
    return Process(pid, started, parent, session, attempt, shard, payload)


def _attempt(pid: int, root: str) -> tuple[str | None, int | None]:
    environ = b"\0" + (read_bytes(f"/proc/{pid}/environ") or b"")
    attempt = _variable(environ, b"FARMHAND_ATTEMPT")
    if attempt is None or not _below(attempt, root):
        return None, None
    shard = _variable(environ, b"FARMHAND_SHARD_INDEX")
    return attempt, int(shard) if shard and shard.isdecimal() else None


def _command_line(pid: int, stat: bytes) -> bytes:
    """Return the arguments, each ended by NUL.

    In the middle of an exec a process has neither arguments nor environment for some microseconds
    (binfmt_elf.c sets them last, after descriptors were closed): look again, or it is overlooked.
    """
    flags = int(stat[stat.rindex(b")") + 2 :].split()[6])
    for _ in range(_LOOKS):
        line = read_bytes(f"/proc/{pid}/cmdline")
        if line or line is None or flags & _KERNEL_THREAD:
            return line or b""
        time.sleep(_LOOK_S)
    return b""


def _payload(pid: int, started: int, root: str, line: bytes) -> Payload | None:
    if _PAYLOAD not in line:
        return None
    words = line.split(b"\0")[:-1]
    script = next((i for i, word in enumerate(words[:4]) if word.endswith(_PAYLOAD)), None)
    if script is None or not _below(_from_its_own(pid, os.fsdecode(words[script])), root):
        return None
    arguments = [os.fsdecode(word) for word in words[script + 1 :]]
    shards = tuple(int(w) for w in arguments[_ARGUMENTS_BEFORE_SHARDS:] if w.isdecimal())
    if not shards:
        return None
    return Payload(pid, started, arguments[_SCHEDULER], shards)


def _from_its_own(pid: int, path: str) -> str:
    """Return a path of a command line, relative ones from where that process is."""
    if os.path.isabs(path):
        return path
    try:
        return os.path.join(os.readlink(f"/proc/{pid}/cwd"), path)
    except OSError:  # it is gone
        return "/"


def _below(path: str, root: str) -> bool:
    """Tell whether the path lies under the real path `root`, by whatever links it is spelled."""
    return path.startswith(root + "/") or os.path.realpath(path).startswith(root + "/")


def _variable(environ: bytes, name: bytes) -> str | None:
    at = environ.find(b"\0" + name + b"=")
    if at < 0:
        return None
    begin = at + len(name) + 2
    end = environ.find(b"\0", begin)
    return os.fsdecode(environ[begin : end if end >= 0 else None])


def _own_pids() -> Iterator[int]:
    own_uid, own_pid = os.geteuid(), os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == own_pid:
            continue
        try:
            owner = os.stat(f"/proc/{name}").st_uid
        except OSError:
            continue
        if owner == own_uid:
            yield int(name)


def read_bytes(path: str) -> bytes | None:
    """Return the file's bytes; None when the process is gone or may not be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(descriptor)
