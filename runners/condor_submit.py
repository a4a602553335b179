"""condor_submit: one submit file, and what is known about it afterwards."""

from __future__ import annotations

import os
import re

from runners.asked import Answer, ask, complaint, shortened
from runners.sbatch import Submitted
from runners.slurm import scheduler_timeout

_SUBMIT_S = 180.0
_IDS = re.compile(r"^(\d+)\.\d+ - \d+\.\d+$", re.MULTILINE)
_UNREACHABLE = re.compile(
    r"Can't find address|Failed to connect|Can't open configuration|Neither the environment"
)
_UNKNOWN = re.compile(r"Failed to commit|Failed to end|CommitTransaction|Timeout|timed out")
_LIMITS = re.compile(r"MAX_JOBS_PER_(?:OWNER|SUBMISSION)|MAX_JOBS_SUBMITTED|exceeds? the limit")


def submit(path: str, lock: int | None = None) -> Submitted:
    """Submit a file as it stands.

    Args:
        path: of the submit file.
        lock: a descriptor of the lock on submitting, which condor_submit inherits.
    """
    asked = ask(
        ["condor_submit", "-terse", path],
        scheduler_timeout(_SUBMIT_S),
        env={**os.environ, "LC_ALL": "C"},
        inherit=() if lock is None else (lock,),
        outlives_us=True,
    )
    ids = _IDS.findall(asked.out)
    if asked.code == 0 and ids:
        return Submitted("accepted", int(ids[-1]), None, "")
    if not asked.started:
        return Submitted("unreachable", text=complaint("condor_submit", asked))
    if asked.code is None or asked.code < 0 or _UNKNOWN.search(asked.err):
        return Submitted("unknown", text=asked.problem or _why(asked.err))
    if _UNREACHABLE.search(asked.err):
        return Submitted("unreachable", text=_why(asked.err))
    return Submitted("limit" if _LIMITS.search(asked.err) else "refused", text=_why(asked.err))


def would_take(path: str) -> Answer:
    """Have condor_submit read a file without submitting it; HTCondor's library, where it is not."""
    asked = ask(
        ["condor_submit", "-dry-run", os.devnull, path],
        scheduler_timeout(),
        env={**os.environ, "LC_ALL": "C"},
    )
    if not asked.started:
        return _read_here(path)
    if asked.code != 0:
        return Answer(None, asked.problem or _why(asked.err))
    lines = [line for line in asked.out.splitlines() if line.strip()]
    return Answer(shortened(lines[-1] if lines else "accepted"))


def _read_here(path: str) -> Answer:
    import htcondor2  # noqa: PLC0415 (large, and only where no command is installed)

    try:
        with open(path, encoding="utf-8") as stream:
            submit = htcondor2.Submit(stream.read())
        count = sum(1 for _ in submit.itemdata())
    except (OSError, ValueError, RuntimeError, htcondor2.HTCondorException) as error:
        return Answer(None, shortened(" ".join(str(error).split())))
    return Answer(
        f"{count} jobs, as HTCondor's library reads it; condor_submit is not installed here"
    )


def _why(text: str) -> str:
    """Return condor_submit's reason: what follows ERROR:, on one line."""
    words = " ".join(text.split())
    return shortened(words.removeprefix("ERROR: ") or "condor_submit failed and said nothing")
