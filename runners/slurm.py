"""Asking SLURM: one command each, with a time limit and an environment that cannot change answers.

Options and variables are those of sacct(1) and squeue(1). Each function returns what the command
printed, or why there is no answer; reading it is left to others.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from runners.asked import Answer, Asked, ask, complaint
from runners.time_limit import time_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TIMEOUT_VARIABLE = "FARMHAND_SCHEDULER_TIMEOUT"
_TIMEOUT_S = 60.0
_MOST_BYTES = 90_000
"""Of one list in a command line; Linux takes 128 kB in one argument (execve(2))."""

_INPUT = re.compile(r"(SLURM|SBATCH|SALLOC|SRUN|SACCT|SQUEUE|SINFO|SCONTROL|SACCTMGR)_")
"""Variables that stand for options of the commands, or that a job carries."""
_WHERE_SLURM_IS = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT"})
_UNKNOWN_ID = "Invalid job id specified"
_UNKNOWN_FIELD = re.compile(r'Invalid field requested: "(\w+)"')


def scheduler_timeout(default: float = _TIMEOUT_S) -> float:
    """Return how many seconds a scheduler's command may take.

    Raises:
        UserError: the variable that says so holds no number of seconds.
    """
    return time_limit(TIMEOUT_VARIABLE, default)


def clean_environment() -> dict[str, str]:
    """Return our environment without what stands for options of SLURM's commands.

    Left in, SQUEUE_STATES or SACCT_FORMAT of a user's profile would change what is answered, and
    the SLURM_ variables of a job that farmhand is typed in would reach the jobs it submits.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _WHERE_SLURM_IS or not _INPUT.match(name)
    }


def sacct(  # noqa: PLR0913 (each is an option of its own)
    fields: Sequence[str],
    *,
    names: Iterable[str] = (),
    jobs: Iterable[int | str] = (),
    since: float | None = None,
    user: int | None = None,
    clusters: str | None = None,
) -> Answer:
    """Ask the accounting: every execution, the requeued too, under one header.

    Columns are cut by an ASCII unit separator, since names and paths may hold the usual ``|``.
    Fields that this release does not know are left out, so read them by the header. Jobs that are
    named and listed come twice. Nothing named, nothing asked.

    Args:
        fields: as ``sacct --helpformat`` lists them.
        names: of jobs, which are sought from ``since`` on. A job cancelled before it was eligible
            (held, or waiting for another one) has no place in time: sacct finds it by id only.
        jobs: ids, without elements.
        since: epoch; None: from the beginning.
        user: id of whose jobs; None: our own when sought by name, anybody's by id.
        clusters: where they ran; None: where the environment sends jobs.
    """
    window = ["--starttime=" + time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since or 0))]
    lists = [[*window, f"--name={text}"] for text in _joined(names)]
    lists += [[f"--jobs={text}"] for text in _joined(map(str, jobs))]
    fixed = at(clusters)
    fixed += [] if user is None else [f"--user={user}"]
    texts: list[str] = []
    known = list(fields)
    for chosen in lists:
        asked = run("sacct", *_format(known), *fixed, *chosen)
        while (unknown := _unknown_field(asked, known)) is not None:
            known.remove(unknown)
            asked = run("sacct", *_format(known), *fixed, *chosen)
        header, _, rows = asked.out.partition("\n")
        if failed(asked, rows):
            return Answer(None, complaint("sacct", asked))
        texts.append(rows if texts else f"{header}\n{rows}")
    return Answer("".join(texts))


def squeue(
    fmt: str,
    *,
    names: Iterable[str] = (),
    jobs: Iterable[int | str] = (),
    user: int | None = None,
    clusters: str | None = None,
) -> Answer:
    """Ask the queue, in all states: what ended stays for MinJobAge (slurm.conf(5)). No header.

    Ids that SLURM does not know any more are left out. Jobs that are named and listed come twice.
    Nothing named, nothing asked.

    Args:
        fmt: as ``--Format`` of squeue(1) takes it.
        names: of jobs.
        jobs: ids, without elements.
        user: id of whose jobs; spares a large queue the listing of everybody's.
        clusters: where they are; None: where the environment sends jobs.
    """
    argv = ["squeue", "--noheader", "--all", "--states=all", f"--Format={fmt}"]
    argv += at(clusters)
    argv += [] if user is None else [f"--user={user}"]
    texts = []
    lists = [f"--name={text}" for text in _joined(names)]
    lists += [f"--jobs={text}" for text in _joined(map(str, jobs))]
    for chosen in lists:
        asked = run(*argv, chosen)
        # One id alone is an error once SLURM has forgotten it, an unknown one among many is not.
        if failed(asked, asked.out) and _UNKNOWN_ID not in asked.err:
            return Answer(None, complaint("squeue", asked))
        texts.append(asked.out)
    return Answer("".join(texts))


def run(*argv: str, timeout_s: float | None = None) -> Asked:
    """Run one of SLURM's commands that only ask.

    SLURM_TIME_FORMAT asks for epochs instead of local times, SLURM_BITSTR_LEN for lists of array
    elements that do not end in "...": sacct(1), squeue(1).
    """
    env = clean_environment() | {
        "LC_ALL": "C",
        "SLURM_TIME_FORMAT": "%s",
        "SLURM_BITSTR_LEN": "0",
    }
    return ask(argv, timeout_s or scheduler_timeout(), env=env)


def failed(asked: Asked, rows: str) -> bool:
    """Tell whether this is no answer; squeue ends with 0 for a user that nobody knows."""
    return asked.code != 0 or (not rows and "error:" in asked.err)


def at(clusters: str | None = None) -> list[str]:
    """Return the option that says which cluster is asked.

    sacct knows no variable for it, and the others print a line of their own for one they were sent
    to by SLURM_CLUSTERS; so where jobs go by the environment, too, is said as an option.
    """
    where = clusters or os.environ.get("SBATCH_CLUSTERS") or os.environ.get("SLURM_CLUSTERS")
    return [f"--clusters={where}"] if where else []


def _format(fields: Sequence[str]) -> list[str]:
    return ["--duplicates", "--parsable2", "--delimiter=\x1f", "--format=" + ",".join(fields)]


def _unknown_field(asked: Asked, fields: Sequence[str]) -> str | None:
    """Return the field that this release of sacct refused."""
    match = _UNKNOWN_FIELD.search(asked.err) if asked.code != 0 else None
    if match is None or len(fields) == 1:
        return None
    return next((name for name in fields if name.casefold() == match[1].casefold()), None)


def _joined(words: Iterable[str]) -> Iterator[str]:
    """Yield the words between commas, cut into lists that fit a command line."""
    batch: list[str] = []
    size = 0
    for word in words:
        size += len(os.fsencode(word)) + 1
        if batch and size > _MOST_BYTES:
            yield ",".join(batch)
            batch, size = [], len(os.fsencode(word)) + 1
        batch.append(word)
    if batch:
        yield ",".join(batch)
