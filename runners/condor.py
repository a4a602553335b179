"""Asking HTCondor: condor_q and condor_history, with a time limit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from runners.asked import Answer, ask, complaint
from runners.slurm import scheduler_timeout

SUBMISSION = "FarmhandSubmission"
"""The job attribute that names run and submission."""
_ROW = re.compile(r"(\d+) (\d+) (\d+)")


def queue(names: Iterable[str], timeout_s: float | None = None) -> Answer:
    """Ask the schedd for the jobs of some submissions; read with :func:`read_queue`."""
    return _table("condor_q", "-allusers", names, timeout_s)


def history(names: Iterable[str], timeout_s: float | None = None) -> Answer:
    """Ask the schedd's history for jobs that have left the queue."""
    return _table("condor_history", None, names, timeout_s)


def queue_ads(names: Iterable[str], attributes: Iterable[str], schedd: str | None = None) -> Answer:
    """Ask a schedd for the jobs of some submissions, as JSON; None: the schedd of this machine."""
    where = ("-name", schedd) if schedd else ()
    return _json(("condor_q", *where, "-allusers"), names, attributes)


def history_ads(
    names: Iterable[str], attributes: Iterable[str], schedd: str | None = None
) -> Answer:
    """Ask a schedd the same of jobs that have left its queue."""
    where = ("-name", schedd) if schedd else ()
    return _json(("condor_history", *where), names, attributes)


def version(timeout_s: float | None = None) -> str | None:
    """Return the release, as condor_version(1) says it."""
    asked = ask(["condor_version"], timeout_s or scheduler_timeout())
    match = re.match(r"\$CondorVersion: (\S+)", asked.out)
    return match[1] if match else None


def setting(name: str, timeout_s: float | None = None) -> str | None:
    """Return what condor_config_val(1) says of a name; None: it does not know it."""
    asked = ask(["condor_config_val", name], timeout_s or scheduler_timeout())
    return asked.out.strip() or None if asked.code == 0 else None


def read_queue(text: str) -> Iterator[str]:
    """Yield ``cluster.proc`` of each line."""
    for line in text.splitlines():
        match = _ROW.match(line)
        if match:
            yield f"{match[1]}.{match[2]}"


def _table(
    command: str, whose: str | None, names: Iterable[str], timeout_s: float | None
) -> Answer:
    argv = [command, *filter(None, [whose]), "-constraint", _of(names)]
    argv += ["-af", "ClusterId", "ProcId", "JobStatus"]
    return _asked(argv, timeout_s)


def _json(words: tuple[str, ...], names: Iterable[str], attributes: Iterable[str]) -> Answer:
    shown = ["-json", "-attributes", ",".join(attributes)]
    return _asked([*words, "-constraint", _of(names), *shown], None)


def _of(names: Iterable[str]) -> str:
    return " || ".join(f'{SUBMISSION} == "{name}"' for name in names)


def _asked(argv: list[str], timeout_s: float | None) -> Answer:
    asked = ask(argv, timeout_s or scheduler_timeout(), env={**os.environ, "LC_ALL": "C"})
    if asked.code != 0:
        return Answer(None, complaint(argv[0], asked))
    return Answer(asked.out)
