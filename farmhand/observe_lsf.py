"""Reading LSF's job reports, and asking its commands what the reports do not tell."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterable

from collectors import lsf_bjobs
from collectors.lsf import Heard, Known, job_of
from collectors.lsf_attribution import attribute
from collectors.lsf_bjobs import CORE_FIELDS, DELIMITER, FIELDS, JobRow, Listing
from collectors.lsf_files import Names, SubmissionReports, read_all
from collectors.lsf_history import HistoryRow, read_history
from collectors.lsf_journal import read_submitted
from collectors.lsf_recorded import Recorded
from collectors.observation import Observed
from collectors.records import list_block
from farmhand.asking import Asking
from manifest.header import Header
from manifest.layout import blocks
from runners import lsf

_OPEN = ("planned", "pending", "running", "held", "unknown")
_JSON = ("-json", "-o", " ".join(FIELDS))
_TABLES = tuple(
    (fields, ("-noheader", "-o", f'{" ".join(fields)} delimiter="{DELIMITER}"'))
    for fields in (FIELDS, CORE_FIELDS)
)


def observe_lsf(
    run: str, header: Header, asking: Asking
) -> tuple[Observed, tuple[SubmissionReports, ...]]:
    """Return what LSF says about a run, and the job reports as far as they were read.

    The reports are files of the run. Only while something is not over, or has left no report, are
    LSF's commands asked.
    """
    listed = [list_block(run, number) for number in range(blocks(header.shards))]
    recorded = Recorded(name for block in listed for name in block)
    names = Names(run, header.shards)
    reports = read_all(run, header, names, recorded.last_start)
    known = Known(run, header, names, recorded, reports, read_submitted(run, header))
    open_ones = known.open_ones(listed)
    now = time.time()
    heard = Heard()
    if asking.live and (open_ones or _anything_open(header)):
        heard = _ask(known, open_ones, now)
    return attribute(known, heard, open_ones, now), tuple(reports.values())


def _anything_open(header: Header) -> bool:
    return any(block.states.get(state) for block in header.blocks for state in _OPEN)


def _ask(known: Known, open_ones: set[str], now: float) -> Heard:
    """Ask bjobs for all jobs of the run's name, and by id for what is not among them."""
    asker = _Asker(now)
    rows = asker.named([f"{known.header.run_id}.*"], _owner(known.run))
    if rows is not None:
        ours = {row.native_id: row for row in rows if known.is_ours(row)}
        jobs = {row.job for row in ours.values()}
        missing = {job_of(one) for one in open_ones} - jobs
        more = asker.ids(missing) if missing else []
        if more is not None:
            ours |= {row.native_id: row for row in more if known.is_ours(row)}
            jobs = {row.job for row in ours.values()}
            gone = {job_of(one) for one in open_ones - ours.keys()} | known.unheard_of() - jobs
            history, source, notes = _history(gone, now) if gone else ([], "", ())
            return Heard(ours, tuple(history), source, notes)
    return Heard(notes=(f"{asker.problem}; going by records and job reports",))


def _history(jobs: Iterable[int], now: float) -> tuple[list[HistoryRow], str, tuple[str, ...]]:
    """Ask for jobs that bjobs has forgotten, where somebody is there who remembers."""
    for program in ("bhist", "bacct"):
        if lsf.installed(program):
            answers = lsf.history(program, jobs, lsf_bjobs.is_answer)
            if answers.problem is None:
                rows = [row for out, _ in answers.said for row in read_history(out, now)]
                return rows, program, ()
            return [], "", (f"{answers.problem}; what bjobs has forgotten stays untold",)
    return [], "", ()


def _owner(run: str) -> str:
    try:
        return pwd.getpwuid(os.stat(run).st_uid).pw_name
    except KeyError:
        return "all"


class _Asker:
    """bjobs, by the first of its ways to print that this release understands."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.problem: str | None = None
        self._way = 0

    def named(self, names: list[str], user: str) -> list[JobRow] | None:
        return self._asked(lambda how: lsf.bjobs_named(names, how, lsf_bjobs.is_answer, user))

    def ids(self, jobs: Iterable[int]) -> list[JobRow] | None:
        return self._asked(lambda how: lsf.bjobs_ids(jobs, how, lsf_bjobs.is_answer))
