"""The answers of bjobs: ``-json`` and ``-noheader -o '... delimiter="|"'`` (bjobs(1), LSF 10.1).

In JSON all values are text, and what is not known is ``""``: also an EXIT_CODE of a job in EXIT. An
id that LSF does not know comes as a record with ERROR, or as a line ``Job <7> is not found``. While
LSF is busy or down its commands print lines such as ``Cannot connect to LSF. Please wait ...``
before they answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import orjson

from collectors.lsf_words import read_code, read_short_date

FIELDS = (
    "jobid",
    "jobindex",
    "stat",
    "exit_code",
    "exit_reason",
    "job_name",
    "exec_host",
    "submit_time",
    "start_time",
    "finish_time",
    "output_file",
    "pend_reason",
)
"""Asked for in this order. What may hold the delimiter stands last."""
CORE_FIELDS = FIELDS[:4]
"""Those that every release with ``-o`` has, for one that does not know all the others."""
DELIMITER = "|"
NATIVE_ID = re.compile(r"(\d{1,10})(?:\[(\d{1,10})\])?", re.ASCII)

_NOT_FOUND = re.compile(r"Job <([^>]*)>(?::[^\n]*?)? is not found|Job <([^>]*)>: No matching job")
_NOTHING = re.compile(r"No (?:unfinished |matching )?jobs? found")
_HOSTS = re.compile(r"(?:\d{1,9}\*)?([^:*\s]+)")


class JobRow(NamedTuple):
    """One job, or one element of an array. Absent facts are None, never 0."""

    job: int
    element: int
    """0: no element of an array."""
    state: str
    """RUN, EXIT and so on, as LSF has it."""
    code: int | None = None
    reason: str = ""
    """Why it ended: ``TERM_OWNER: job killed by owner``."""
    name: str | None = None
    host: str | None = None
    submitted: float | None = None
    """To the minute; so are the others."""
    started: float | None = None
    ended: float | None = None
    output: str | None = None
    pends: str = ""

    @property
    def native_id(self) -> str:
        """Return the id as farmhand writes it."""
        return f"{self.job}[{self.element}]" if self.element else str(self.job)


class Listing(NamedTuple):
    """One answer."""

    rows: list[JobRow]
    unknown: frozenset[str]
    """Ids that LSF says it does not know."""
    unread: int
    """Lines or records that could not be read: what is not understood may be what is missed."""


def read_json(text: str, now: float) -> Listing | None:
    """Return what ``bjobs -json`` answered; None: there is no JSON in it."""
    start = text.find("{")
    end = text.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        answer = orjson.loads(text[start : end + 1])
    except orjson.JSONDecodeError:
        return None
    records = answer.get("RECORDS", []) if isinstance(answer, dict) else None
    if not isinstance(records, list):
        return None
    rows, unknown, unread = [], set[str](), 0
    for record in records:
        told = {str(name).lower(): value for name, value in record.items()} if _is(record) else {}
        values = {name: value for name, value in told.items() if isinstance(value, str)}
        row = _row(values, now)
        if row is not None:
            rows.append(row)
        elif "error" in values:
            found = _NOT_FOUND.search(values["error"])
            job = (found[1] or found[2]) if found else None
            unknown |= {job} if job else set()
            unread += job is None
        else:
            unread += 1
    return Listing(rows, frozenset(unknown), unread)


def _is(record: object) -> bool:
    return isinstance(record, dict)


def read_table(text: str, now: float, fields: Iterable[str] = FIELDS) -> Listing:
    """Return what ``bjobs -noheader -o`` answered."""
    names = tuple(fields)
    rows, unread = [], 0
    for line in _lines(text):
        parts = line.split(DELIMITER, len(names) - 1)
        row = _row(dict(zip(names, map(_value, parts), strict=False)), now)
        if row is not None and len(parts) == len(names):
            rows.append(row)
        elif not is_talk(line):
            unread += 1
    return Listing(rows, unknown_ids(text), unread)


def _value(part: str) -> str:
    plain = part.strip()
    return "" if plain == "-" else plain


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.strip())


def unknown_ids(text: str) -> frozenset[str]:
    """Return the ids that LSF says it does not know, in lines of their own."""
    return frozenset(found[1] or found[2] for found in _NOT_FOUND.finditer(text))


def is_talk(line: str) -> bool:
    """Say whether a line is none of the answer: LSF is busy, or knows no such job."""
    words = line.casefold()
    return (
        "please wait" in words
        or "still trying" in words
        or "batch daemon" in words
        or _NOT_FOUND.search(line) is not None
        or _NOTHING.search(line) is not None
    )


def is_answer(errors: str) -> bool:
    """Say whether all that was said on standard error is that there is no such job.

    With that bjobs ends with 255; so it does when LSF does not answer.
    """
    lines = [line for line in _lines(errors) if not _is_waiting(line)]
    return bool(lines) and all(_NOT_FOUND.search(x) or _NOTHING.search(x) for x in lines)


def _is_waiting(line: str) -> bool:
    words = line.casefold()
    return "please wait" in words or "still trying" in words


def _row(told: Mapping[str, str], now: float) -> JobRow | None:
    match = NATIVE_ID.fullmatch(told.get("jobid", "").strip())
    state = told.get("stat", "").strip()
    index = told.get("jobindex", "").strip() or "0"
    if match is None or not state or not (index.isascii() and index.isdigit() and len(index) < 10):  # noqa: PLR2004
        return None
    hosts = _HOSTS.match(told.get("exec_host", "").strip())
    return JobRow(
        job=int(match[1]),
        element=int(match[2] or index),
        state=state,
        code=read_code(told.get("exit_code", "")),
        reason=told.get("exit_reason", "").strip().rstrip("."),
        name=told.get("job_name", "").strip() or None,
        host=hosts[1] if hosts else None,
        submitted=read_short_date(told.get("submit_time", ""), now),
        started=read_short_date(told.get("start_time", ""), now),
        ended=read_short_date(told.get("finish_time", ""), now),
        output=told.get("output_file", "").strip() or None,
        pends=" ".join(told.get("pend_reason", "").split()).rstrip(";."),
    )
