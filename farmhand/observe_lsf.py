"""Reading LSF's job reports, and asking its commands what the reports do not tell."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Iterable

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
_WAYS: tuple[tuple[tuple[str, ...] | None, tuple[str, ...]], ...] = (
    (None, ("-json", "-o", " ".join(FIELDS))),
    *(
        (fields, ("-noheader", "-o", f'{" ".join(fields)} delimiter="{DELIMITER}"'))
        for fields in (FIELDS, CORE_FIELDS)
    ),
)
"""How bjobs is asked to print, best first: its columns (None: JSON), and its options."""


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
        self._ways = list(_WAYS)

    def named(self, names: list[str], user: str) -> list[JobRow] | None:
        return self._rows(lambda how: lsf.bjobs_named(names, how, lsf_bjobs.is_answer, user))

    def ids(self, jobs: Iterable[int]) -> list[JobRow] | None:
        wanted = list(jobs)
        return self._rows(lambda how: lsf.bjobs_ids(wanted, how, lsf_bjobs.is_answer))

    def _rows(self, ask: Callable[[tuple[str, ...]], lsf.Answers]) -> list[JobRow] | None:
        """Return what is listed, or None: there is no answer that can be gone by."""
        while self._ways:
            fields, options = self._ways[0]
            answers = ask(options)
            if answers.problem is None:
                listings = [self._read(fields, *said) for said in answers.said]
                whole = [one for one in listings if one is not None]
                if len(whole) == len(listings):
                    return self._whole(whole)
            elif self.problem is None or not answers.refused:
                self.problem = answers.problem
            if answers.problem is not None and not answers.refused:
                return None
            del self._ways[0]
        self.problem = self.problem or "the answer of bjobs cannot be read"
        return None

    def _read(self, fields: tuple[str, ...] | None, out: str, err: str) -> Listing | None:
        if fields is not None:
            return lsf_bjobs.read_table(out, self.now, fields)
        found = lsf_bjobs.read_json(out, self.now)
        if found is None and not out.strip() and lsf_bjobs.is_answer(err):
            return Listing([], lsf_bjobs.unknown_ids(err), 0)
        return found

    def _whole(self, listings: list[Listing]) -> list[JobRow] | None:
        unread = sum(one.unread for one in listings)
        if unread:  # what is not understood may be what would be missed
            self.problem = f"{unread} of the jobs that bjobs listed could not be read"
            return None
        return [row for one in listings for row in one.rows]
