"""What LSF says of a job, in the words that all schedulers share."""

from __future__ import annotations

from typing import NamedTuple

from collectors.lsf_bjobs import JobRow
from collectors.lsf_history import HistoryRow
from collectors.lsf_report import Ending, Report
from collectors.lsf_words import TERM, describe_code, kind_of_term
from collectors.observation import Kind, Observation
from collectors.words import signal_name

REPORT, BJOBS = "job report", "bjobs"
_USR2, _INT, _KILL, _TERM = 140, 130, 137, 143
"""Exit codes of the signals with which LSF ends jobs: 128 + n."""
_LATE_S = 600
"""After this nobody waits for the report of a job that bjobs shows as ended."""

_LIVE: dict[str, tuple[Kind, str]] = {
    "PEND": ("pending", ""),
    "WAIT": ("pending", "a member of a chunk job, it waits for those before it"),
    "PROV": ("pending", "its host is being woken up"),
    "FWD_PEND": ("pending", "forwarded to another cluster"),
    "PSUSP": ("held", "suspended while it was pending"),
    "RUN": ("running", ""),
    "USUSP": ("running", "suspended by its owner or an administrator; bresume lets it go on"),
    "SSUSP": ("running", "suspended by LSF"),
    "UNKWN": ("unknown", "LSF has lost touch with its host; it may still run there"),
    "ZOMBI": ("unknown", "killed while its host did not answer; it may still run there"),
}


class Asked(NamedTuple):
    """What the submission of a job had asked for."""

    submission: int | None = None
    memory: int | None = None
    walltime: int | None = None
    packed: bool = False

    @property
    def limit_s(self) -> int | None:
        """Return the run limit: bsub -W takes whole minutes."""
        return None if self.walltime is None else -(-self.walltime // 60) * 60


def of_report(report: Report, asked: Asked) -> Observation:
    """Return what a job report says; one that was cut says little."""
    ending = report.ending
    if ending is None:
        said = f" (its subject says {report.outcome})" if report.outcome else ""
        why = f"it was cut before its end{said}, so how the job ended is not known"
        return Observation(
            REPORT,
            report.native_id,
            "unknown",
            "cut",
            why,
            started=report.started,
            node=report.hosts[0] if report.hosts else None,
            submission=asked.submission,
            submitted=report.submitted,
        )
    kind, why = _kind(report, ending, asked)
    usage = ending.usage
    state = "Done" if kind == "completed" else ending.said.removesuffix(".")
    code = ending.code
    if ending.term:
        state = f"{ending.term}: {ending.reason}" if ending.reason else ending.term
        if code:
            why = describe_code(code)
        elif ending.done:
            why = "although LSF calls it done"
            code = None
    if ending.signal:
        why = signal_name(ending.signal)
    return Observation(
        source=REPORT,
        native_id=report.native_id,
        kind=kind,
        state=state,
        why=why,
        code=code,
        signal=ending.signal,
        started=report.started,
        ended=report.ended,
        node=report.hosts[0] if report.hosts else None,
        peak=usage.peak,
        memory=asked.memory or usage.requested,
        cpu_s=usage.cpu_s,
        limit_s=asked.limit_s,
        submission=asked.submission,
        packed=asked.packed,
    )


def _kind(report: Report, ending: Ending, asked: Asked) -> tuple[Kind, str]:
    """Return what became of a job: by the reason, else by the line, never by the code alone."""
    if ending.term:
        return kind_of_term(ending.term), ""
    if (ending.done and report.outcome != "Exited") or (ending.bare and report.outcome == "Done"):
        return "completed", ""
    if ending.done:
        return "failed", "although its subject says Exited"
    # Without a reason (LSF-like schedulers give none) what it used may tell what stopped it.
    started, ended, limit = report.started, report.ended, asked.limit_s
    peak = ending.usage.peak
    if started is not None and ended is not None and limit and ending.code == _USR2:
        if ended - started >= limit:  # LSF ends what reaches its run limit with SIGUSR2 at first
            return "timeout", "SIGUSR2 at its run limit"
    elif peak and asked.memory and ending.code in (_INT, _KILL, _TERM) and peak > asked.memory:
        return "oom", "it used more than it asked for"
    return "failed", "although its subject says Done" if report.outcome == "Done" else ""


def of_row(row: JobRow, asked: Asked, now: float) -> Observation:
    """Return what bjobs says; of what has ended its report says more, as soon as it is there."""
    live = _LIVE.get(row.state)
    said = Observation(
        BJOBS, row.native_id, "unknown", row.state, node=row.host, submission=asked.submission
    )
    if live is not None:
        kind, why = live
        why = why or (row.pends if kind in ("pending", "held") else "")
        if kind == "held":
            why = "; ".join(filter(None, (why, row.pends)))
            advice = f"bresume '{row.native_id}' lets it go on"
            said = said._replace(cause="held_policy", advice=advice)
        if kind in ("pending", "held"):
            said = said._replace(node=None)
        return said._replace(kind=kind, why=why, submitted=row.submitted)
    if row.state not in ("DONE", "EXIT"):
        return said._replace(why="a state that farmhand does not know", submitted=row.submitted)
    term = TERM.search(row.reason)
    kind = "completed" if row.state == "DONE" else kind_of_term(term[1]) if term else "failed"
    words = [row.reason] if row.reason else []
    if row.code:
        words.append(describe_code(row.code))
    return said._replace(
        kind=kind,
        why=", ".join(words),
        code=0 if row.state == "DONE" and row.code is None else row.code,
        ended=row.ended,
        memory=asked.memory,
        limit_s=asked.limit_s,
        packed=asked.packed,
        preliminary=row.ended is None or now - row.ended < _LATE_S,
    )


def of_history(row: HistoryRow, source: str, asked: Asked) -> Observation:
    """Return what bhist or bacct says of a job that is over."""
    if row.term:
        kind = kind_of_term(row.term)
        state = f"{row.term}: {row.reason}" if row.reason else row.term
    else:
        kind = "completed" if row.done else "failed"
        state = "done" if row.done else "exit"
    why = describe_code(row.code) if row.code else signal_name(row.signal) if row.signal else ""
    return Observation(
        source=source,
        native_id=row.native_id,
        kind=kind,
        state=state,
        why=why,
        code=None if row.term and not row.code else row.code,
        signal=row.signal,
        ended=row.ended,
        node=row.host,
        peak=row.peak,
        memory=asked.memory,
        cpu_s=row.cpu_s,
        limit_s=asked.limit_s,
        submission=asked.submission,
        packed=asked.packed,
    )
