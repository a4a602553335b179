"""Asking LSF: bjobs, bhist and bacct, with a time limit and an environment that changes no answer.

Many jobs are asked for at once: by the beginning of their names (``*`` in ``-J``: bjobs(1)), or
some hundred ids a command. Each function returns what was printed, or why there is no answer;
reading it is left to others, but for the question whether it is one: with jobs that it does not
know bjobs ends with 255, as it does when LSF does not answer.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from runners.asked import Asked, ask, complaint
from runners.slurm import scheduler_timeout

_IDS = 500
"""Jobs in one command."""
_CHANGING = ("LSB_BJOBS_FORMAT", "LSB_SHORT_HOSTLIST", "LSB_BJOBS_CONSISTENT_EXIT_CODE")
"""Variables that change what bjobs prints, or with what it ends."""
_NO_DAEMON = ("please wait", "still trying", "lsf is down", "lim is down", "not responding")


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered, or why there is no answer."""

    said: tuple[tuple[str, str], ...] = ()
    """Of each command what it printed, and what it said on standard error."""
    problem: str | None = None
    refused: bool = False
    """It was there and refused the question: another one may be understood."""


def installed(program: str) -> bool:
    """Say whether one of LSF's commands is on PATH."""
    return shutil.which(program) is not None


def bjobs_named(
    names: Iterable[str], options: Sequence[str], is_answer: Callable[[str], bool], user: str
) -> Answers:
    """Ask for jobs in all states by name, ``*`` at its end included.

    Args:
        names: as ``-J`` takes them, one command each.
        options: how it is printed.
        is_answer: whether what was said on standard error is an answer: there is no such job.
        user: whose jobs, or ``all``.
    """
    asked = [["bjobs", *options, "-a", "-u", user, "-J", name] for name in names]
    return _answers(asked, is_answer)


def bjobs_ids(
    jobs: Iterable[int], options: Sequence[str], is_answer: Callable[[str], bool]
) -> Answers:
    """Ask for jobs by id, with all elements of arrays; what is unknown stands in the answer."""
    asked = [["bjobs", *options, "-a", "-u", "all", *batch] for batch in _batches(jobs)]
    return _answers(asked, is_answer)


def history(program: str, jobs: Iterable[int], is_answer: Callable[[str], bool]) -> Answers:
    """Ask bhist or bacct for all they know of jobs.

    bhist looks through the last event file only, unless told to look through all: ``-n 0``.
    """
    words = {"bhist": ("-l", "-a", "-n", "0"), "bacct": ("-l", "-u", "all")}[program]
    return _answers([[program, *words, *batch] for batch in _batches(jobs)], is_answer)


def _batches(jobs: Iterable[int]) -> Iterator[list[str]]:
    ids = [str(job) for job in sorted(set(jobs))]
    return (ids[at : at + _IDS] for at in range(0, len(ids), _IDS))


def _answers(commands: list[list[str]], is_answer: Callable[[str], bool]) -> Answers:
    said = []
    for argv in commands:
        asked = _ask(argv)
        if not _answered(asked, is_answer):
            refused = asked.code is not None and asked.code > 0 and not _is_silent(asked)
            return Answers(problem=complaint(argv[0], asked), refused=refused)
        said.append((asked.out, asked.err))
    return Answers(tuple(said))


def _ask(argv: list[str]) -> Asked:
    kept = {name: value for name, value in os.environ.items() if name not in _CHANGING}
    return ask(argv, scheduler_timeout(), env={**kept, "LC_ALL": "C", "LSB_DISPLAY_YEAR": "Y"})


def _answered(asked: Asked, is_answer: Callable[[str], bool]) -> bool:
    if asked.code == 0:  # some releases end well although nobody was there to answer
        return bool(asked.out.strip()) or not _is_silent(asked)
    return asked.code is not None and asked.code > 0 and is_answer(asked.err)


def _is_silent(asked: Asked) -> bool:
    return any(words in asked.err.casefold() for words in _NO_DAEMON)
