"""What LSF tells of itself: its release, parameters, queues, and the units it counts in."""

from __future__ import annotations

import os
import re

from runners.asked import Answer, ask, complaint, shortened
from runners.slurm import scheduler_timeout

_WAITING = re.compile(r"^.*[Pp]lease wait.*\n?", re.MULTILINE)
_PATIENCE_S = 20.0


def run(*argv: str) -> Answer:
    """Return what one of LSF's commands that only ask has printed, or why it gave no answer."""
    asked = ask(argv, scheduler_timeout(_PATIENCE_S), env={**os.environ, "LC_ALL": "C"})
    said = _WAITING.sub("", asked.out)
    if asked.code == 0:
        return Answer(said)
    if asked.code is not None and not asked.err.strip() and said.strip():
        return Answer(None, shortened(f"{argv[0]}: {said.strip().splitlines()[0]}"))
    return Answer(None, complaint(argv[0], asked))


def identity(text: str) -> tuple[str | None, str | None]:
    r"""Return version and cluster from what lsid(1) prints.

    >>> identity("IBM Spectrum LSF Standard 10.1.0.13, Apr 15 2022\n\nMy cluster name is farm\n")
    ('IBM Spectrum LSF Standard 10.1.0.13', 'farm')
    """
    cluster = re.search(r"^My cluster name is (\S+)", text, re.MULTILINE)
    first = next((line for line in text.splitlines() if line.strip()), "")
    version = first.partition(",")[0].strip()
    return version or None, cluster[1] if cluster else None


def parameters(text: str) -> dict[str, str]:
    r"""Return the parameters that ``bparams -a`` shows, by name.

    >>> parameters("lsb.params configuration at now\n\n   MAX_JOB_ARRAY_SIZE = 1000\n")
    {'MAX_JOB_ARRAY_SIZE': '1000'}
    """
    pairs = re.findall(r"^\s*([A-Z][A-Z0-9_]*)\s*=[ \t]*(.*?)[ \t]*$", text, re.MULTILINE)
    return {name: value for name, value in pairs if value}


def largest_index(found: dict[str, str]) -> int | None:
    """Return MAX_JOB_ARRAY_SIZE; None: not said."""
    text = found.get("MAX_JOB_ARRAY_SIZE", "")
    return int(text) if text.isdecimal() and int(text) else None


def reserves_by_slot(found: dict[str, str]) -> bool:
    """Tell whether rusage counts by slot; older releases call it so, newer ones by task."""
    names = ("RESOURCE_RESERVE_PER_TASK", "RESOURCE_RESERVE_PER_SLOT")
    return any(found.get(name, "").upper() in ("Y", "YES") for name in names)


def unit_for_limits() -> str | None:
    """Return LSF_UNIT_FOR_LIMITS of lsf.conf(5) as KB, MB, GB or TB; None: not set, or no file."""
    path = os.path.join(os.environ.get("LSF_ENVDIR", "/etc"), "lsf.conf")
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError:
        return None
    found = re.findall(
        r"^[ \t]*LSF_UNIT_FOR_LIMITS[ \t]*=[ \t]*['\"]?([KMGT])B?\b",
        text,
        re.MULTILINE | re.IGNORECASE,
    )
    return f"{found[-1].upper()}B" if found else None


def queue_names(text: str) -> list[str]:
    r"""Return the queues that ``bqueues -w`` lists.

    >>> queue_names("QUEUE_NAME PRIO STATUS\n1nh  30 Open:Active\n")
    ['1nh']
    """
    lines = [line.split() for line in text.splitlines()]
    return [words[0] for words in lines if words and words[0] != "QUEUE_NAME"]
