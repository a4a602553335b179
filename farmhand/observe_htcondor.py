"""Reading HTCondor's event logs, and asking the schedd what it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from collectors.condor import SubmissionLog, read_logs
from collectors.condor_ads import ATTRIBUTES, Ad, Ads, read_ads
from collectors.condor_attribution import attribute
from collectors.observation import Observed
from farmhand.asking import Asking
from manifest.header import Header
from runners import condor
from runners.asked import Answer

_Ask = Callable[[Iterable[str], Iterable[str], str | None], Answer]


def observe_htcondor(
    run: str, header: Header, asking: Asking
) -> tuple[Observed, tuple[SubmissionLog, ...]]:
    """Return what the event logs say, and the logs as far as they were read.

    The schedd is asked only while the logs know of jobs that are not over, or know nothing of a
    submission that was seen before: what it has, and how what it has no more has ended.
    """
    logs = read_logs(run, header)
    now = time.time()
    open_ones = {number: log for number, log in logs.items() if _is_open(log, header, number)}
    ads, notes = _asked(open_ones, header.run_uuid) if asking.live and open_ones else (Ads(), ())
    return attribute(logs, header, ads, now, notes), tuple(logs.values())


def _is_open(log: SubmissionLog, header: Header, number: int) -> bool:
    if log.jobs:
        return any(not job.over for job in log.jobs.values())
    return any(one.native_ids for one in header.submissions if one.id == number)


def _asked(logs: Mapping[int, SubmissionLog], run_uuid: str) -> tuple[Ads, tuple[str, ...]]:
    """Ask the schedds that have the jobs, each for its own."""
    queue: dict[str, Ad] = {}
    history: dict[str, Ad] = {}
    for schedd in dict.fromkeys(log.schedd for log in logs.values()):
        theirs = {number: log for number, log in logs.items() if log.schedd == schedd}
        names = [f"{run_uuid}.{number}" for number in theirs]
        known = {name for log in theirs.values() for name, job in log.jobs.items() if not job.over}
        found, where, problem = _queue(names, schedd, known)
        if found is None:
            return Ads(), (f"{problem}; going by the event log",)
        queue |= found
        if not known or known - found.keys():
            history |= _read(condor.history_ads, names, where)[0] or {}
    return Ads(queue, history), ()


def _queue(
    names: list[str], schedd: str | None, known: set[str]
) -> tuple[dict[str, Ad] | None, str | None, str | None]:
    """Return what a schedd has, the name by which it answered, and why there is no answer.

    Its machine's name is mostly its own. If not, the one of this machine is asked; that it has
    none of the jobs means nothing then, for it may be another one.
    """
    found, problem = _read(condor.queue_ads, names, schedd)
    if found is not None or schedd is None:
        return found, schedd, problem
    here, _ = _read(condor.queue_ads, names, None)
    if here and known & here.keys():
        return here, None, None
    return None, None, problem


def _read(
    ask: _Ask, names: Iterable[str], schedd: str | None
) -> tuple[dict[str, Ad] | None, str | None]:
    answer = ask(names, ATTRIBUTES, schedd)
    if answer.text is None:
        return None, answer.problem
    try:
        return read_ads(answer.text), None
    except (ValueError, KeyError, TypeError) as error:
        return None, f"the answer of HTCondor cannot be read: {error}"
