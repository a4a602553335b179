"""sbatch: one submission, and what is known about it afterwards."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from runners.asked import Answer, Asked, ask, complaint, shortened
from runners.slurm import clean_environment, scheduler_timeout

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUBMIT_S = 180.0
"""sbatch tries again for two minutes when the queue is full, before it says so."""

_USERS_DEFAULTS = (
    *("account", "clusters", "constraint", "export", "get-user-env"),
    *("partition", "qos", "reservation", "wckey"),
)
"""Who pays and where jobs may run: sites and users set these for all their jobs (sbatch(1))."""

_ID = re.compile(r"^(\d+)(?:;(\S+))?$", re.MULTILINE)
_NOT_SENT = (
    "(connect failure)",
    "Communication connection failure",
    "Could not establish a configuration source",
    "Unable to process configuration file",
)
_NO_ANSWER = re.compile(
    r"Unable to contact slurm controller|Socket timed out|Connection timed out|Zero Bytes were|"
    r"Message (?:send|receive) failure|Communication shutdown failure|Unexpected message received|"
    r"Insane message length"
)
_LIMITS = re.compile(
    # Of one user's jobs (AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit ...), of all jobs
    # (MaxJobCount, in the words of older and newer releases), and of requests in a second.
    r"MaxSubmitJob|GrpSubmitJobs|MaxJobCount limit reached|Resource temporarily unavailable|"
    r"Unable to create job record, try again|Rate limit exceeded"
)
_POLICY = "Job violates accounting/QOS policy"


@dataclass(frozen=True, slots=True)
class Submitted:
    """How a submission went.

    Attributes:
        outcome: accepted; refused; limit: refused until some jobs have ended; unreachable: SLURM
            could not be asked, nothing was submitted; unknown: it may have been accepted, look for
            the job by its name.
        job: the array's id; only when accepted.
        cluster: where it is, when sbatch names one.
        text: why not; of an accepted job what sbatch said besides, often nothing.
    """

    outcome: Literal["accepted", "refused", "limit", "unreachable", "unknown"]
    job: int | None = None
    cluster: str | None = None
    text: str = ""


def submit(script: str, lock: int | None = None) -> Submitted:
    """Submit a script as it stands; jobs get our environment, as when sbatch is typed.

    Args:
        script: its path.
        lock: a descriptor of the lock on submitting. sbatch inherits it and goes on when we are
            killed or interrupted, so whoever gets the lock next knows that sbatch has ended.
    """
    asked = ask(
        ["sbatch", "--parsable", script],
        scheduler_timeout(_SUBMIT_S),
        env=_environment(script),
        inherit=() if lock is None else (lock,),
        outlives_us=True,
    )
    return _judged(asked)


def would_take(script: str) -> Answer:
    """Ask SLURM whether it would take a script; the text says when and where a job would start."""
    argv = ["sbatch", "--test-only", script]
    asked = ask(argv, scheduler_timeout(), env=_environment(script))
    if asked.code != 0:
        return Answer(None, _why(asked))
    return Answer(shortened(" ".join(_said(asked.err) or _said(asked.out))))


def _environment(script: str) -> dict[str, str]:
    """Return the environment of sbatch, which is that of the jobs.

    No LC_ALL or time format of ours may get in, and no option that stands in a variable: it would
    win over the script's (sbatch(1)), and SBATCH_ARRAY_INX or SBATCH_OUTPUT would undo what the
    script is made for. Users' defaults count where the script says nothing.
    """
    env = clean_environment()
    said = _directives(script)
    for option in _USERS_DEFAULTS:
        for name in ("SBATCH_", "SLURM_") if option == "clusters" else ("SBATCH_",):
            variable = name + option.replace("-", "_").upper()
            if variable in os.environ and option not in said:
                env[variable] = os.environ[variable]
    return env


def _directives(script: str) -> set[str]:
    try:
        with open(script, "rb") as file:
            text = file.read(1 << 16).decode("utf-8", "replace")
    except OSError:
        return set()  # sbatch will say so
    return set(re.findall(r"^#SBATCH\s+--([a-z-]+)", text, re.MULTILINE))


def _judged(asked: Asked) -> Submitted:
    accepted = _ID.findall(asked.out)
    if accepted:
        job, cluster = accepted[-1]
        return Submitted("accepted", int(job), cluster or None, " ".join(_said(asked.err)))
    if not asked.started:
        return Submitted("unreachable", text=complaint("sbatch", asked))
    if asked.code is None:
        return Submitted("unknown", text=asked.problem or "")
    text = _why(asked)
    if any(words in asked.err for words in _NOT_SENT):
        return Submitted("unreachable", text=text)
    if asked.code <= 0 or _NO_ANSWER.search(asked.err):  # also when a signal ended it
        return Submitted("unknown", text=text)
    return Submitted("limit" if _is_limit(asked.err) else "refused", text=text)


def _is_limit(text: str) -> bool:
    """Tell whether the same script may be taken later.

    Newer releases name the limit in a line of its own; older ones speak of the policy only.
    """
    named = re.search(r"(Assoc|QOS|Partition)\w*(Limit|PerUser|PerJob)", text)
    return bool(_LIMITS.search(text)) or (_POLICY in text and not named)


def _why(asked: Asked) -> str:
    """Return sbatch's reasons: often the first line names what the last one says in general."""
    lines = [line for line in _said(asked.err) if "sleeping and retrying" not in line]
    if not lines or "fatal:" in asked.err:
        return complaint("sbatch", asked)
    ends = lines if len(lines) == 1 else [lines[0], lines[-1]]
    return shortened("; ".join(dict.fromkeys(ends)))


def _said(text: str) -> list[str]:
    """Return the lines without what sbatch puts before them."""
    heads = r"^(sbatch: )?((error|fatal): )?(Batch job submission failed: |allocation failure: )?"
    lines: Iterable[str] = (re.sub(heads, "", line.strip()) for line in text.splitlines())
    return [shortened(line) for line in lines if line]
