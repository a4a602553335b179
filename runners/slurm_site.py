"""What SLURM tells of itself: its configuration, partitions and limits, and whether it accounts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runners.asked import Answer, complaint
from runners.slurm import at, failed, run


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition as sinfo(1) shows it; the largest node counts. None: unlimited or not said."""

    name: str
    default: bool
    up: bool
    max_walltime_s: int | None
    default_walltime_s: int | None
    nodes: int
    cpus: int | None
    memory_mb: int | None


@dataclass(frozen=True, slots=True)
class SubmitLimit:
    """How many jobs of a user may wait and run at a time, and what says so."""

    jobs: int
    by: str


def show_config(timeout_s: float | None = None) -> Answer:
    """Return what ``scontrol show config`` prints; :func:`read_config` reads it."""
    asked = run("scontrol", *at(), "show", "config", timeout_s=timeout_s)
    return Answer(asked.out) if asked.code == 0 else Answer(None, complaint("scontrol", asked))


def read_config(text: str) -> dict[str, str]:
    r"""Return the values by name; what is not set is left out.

    >>> read_config("Configuration data as of 0\nClusterName             = farm\nX = (null)\n")
    {'ClusterName': 'farm'}
    """
    pairs = re.findall(r"^(\S+)[ \t]*= ?(.*?)[ \t]*$", text, re.MULTILINE)
    return {name: value for name, value in reversed(pairs) if value not in ("", "(null)")}


def show_partitions(timeout_s: float | None = None) -> Answer:
    """Return what sinfo(1) tells of the partitions; :func:`read_partitions` reads it."""
    form = "--format=%R|%P|%a|%l|%L|%D|%c|%m"
    asked = run("sinfo", *at(), "--noheader", "--exact", form, timeout_s=timeout_s)
    return Answer(asked.out) if asked.code == 0 else Answer(None, complaint("sinfo", asked))


def read_partitions(text: str) -> list[Partition]:
    r"""Return the partitions in their order; a line that is none is passed over.

    >>> [one.max_walltime_s for one in read_partitions("a|a*|up|30:00|n/a|2|4|3000\n")]
    [1800]
    """
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        words = line.split("|")
        if len(words) != 8 or not words[5].isdecimal():  # noqa: PLR2004 (fields asked for)
            continue
        name = words[0]
        before = found.get(name)
        sizes = [_number(words[6]), _number(words[7])]
        if before is not None:  # one line for each kind of node
            sizes = [_larger(sizes[0], before.cpus), _larger(sizes[1], before.memory_mb)]
        found[name] = Partition(
            name=name,
            default=words[1].endswith("*"),
            up=words[2] == "up",
            max_walltime_s=_clock(words[3]),
            default_walltime_s=_clock(words[4]),
            nodes=int(words[5]) + (before.nodes if before else 0),
            cpus=sizes[0],
            memory_mb=sizes[1],
        )
    return list(found.values())


def accounting_answers(timeout_s: float | None = None) -> Answer:
    """Ask the accounting for nothing: whether it answers at all."""
    asked = run("sacct", *at(), "--noheader", "--format=JobID", "--jobs=1", timeout_s=timeout_s)
    return Answer(None, complaint("sacct", asked)) if failed(asked, asked.out) else Answer("")


def submit_limit(user: str, cluster: str, timeout_s: float | None = None) -> SubmitLimit | None:
    """Return the limit of a user's default account and its quality of service, the lower one.

    None: no limit, or nobody tells. It holds where AccountingStorageEnforce has "limits".
    """
    fixed = ("sacctmgr", "--noheader", "--parsable2", "show")
    form = "format=defaultaccount,account,maxsubmitjobs,defaultqos"
    where = ("withassoc", "where", f"cluster={cluster}", form)
    told = run(*fixed, "user", user, *where, timeout_s=timeout_s).out
    rows = [line.split("|") for line in told.splitlines() if line.count("|") == 3]  # noqa: PLR2004
    mine = next((row for row in rows if row[0] == row[1]), None)
    if mine is None:
        return None
    _, account, jobs, quality = mine
    quality = quality or "normal"  # what SLURM takes when nothing is said: sacctmgr(1)
    told = run(*fixed, "qos", "format=name,maxsubmitjobsperuser", timeout_s=timeout_s).out
    limits = dict(line.split("|") for line in told.splitlines() if line.count("|") == 1)
    found = [
        (_number(jobs), f"account {account}"),
        (_number(limits.get(quality, "")), f"QOS {quality}"),
    ]
    return min(
        (SubmitLimit(number, by) for number, by in found if number is not None),
        key=lambda limit: limit.jobs,
        default=None,
    )


def _number(text: str) -> int | None:
    """Return the number a column begins with; where nodes differ it may end in a plus sign."""
    match = re.match(r"\d+", text)
    return int(match[0]) if match else None


def _larger(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _clock(text: str) -> int | None:
    """Return seconds for ``[days-]hours:minutes:seconds`` with parts left out from the left.

    >>> [_clock(text) for text in ("30:00", "1-02:00:00", "infinite", "n/a")]
    [1800, 93600, None, None]
    """
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
