"""LSF's words for the end of a job: ``TERM_`` keywords, signals, exit codes, dates and amounts.

The keywords are those of IBM's "Termination reasons displayed by bacct, bhist, and bjobs" (LSF
10.1). The exit code does not follow from the keyword: a job killed for its memory has been seen
with 1, 130, 137 and 143, so the keyword is asked first.
"""

from __future__ import annotations

import functools
import re
import signal
import time

from collectors.observation import Kind
from collectors.words import signal_name
from manifest.units import parse_bytes

TERM = re.compile(r"\b(TERM_[A-Z][A-Z_]*)(?::\s*(.*))?")

_KINDS: dict[str, Kind] = {
    "TERM_RUNLIMIT": "timeout",
    "TERM_CPULIMIT": "timeout",
    "TERM_DEADLINE": "timeout",
    "TERM_WINDOW": "timeout",
    "TERM_MEMLIMIT": "oom",
    "TERM_SWAP": "oom",
    "TERM_OWNER": "cancelled",
    "TERM_ADMIN": "cancelled",
    "TERM_FORCE_OWNER": "cancelled",
    "TERM_FORCE_ADMIN": "cancelled",
    "TERM_BUCKET_KILL": "cancelled",
    "TERM_CHKPNT": "cancelled",
    "TERM_ORPHAN_SYSTEM": "cancelled",  # what it depended on can never be fulfilled
    "TERM_PREEMPT": "preempted",
    "TERM_LOAD": "preempted",  # its host became too busy with other things
    "TERM_MC_RECALL": "preempted",
    "TERM_REQUEUE_OWNER": "requeued",
    "TERM_REQUEUE_ADMIN": "requeued",
    "TERM_EXTERNAL_SIGNAL": "node",
    "TERM_ZOMBIE": "node",
    "TERM_REMOVE_HUNG_JOB": "node",
    "TERM_RC": "node",
    "TERM_RMS": "node",
    "TERM_SLURM": "node",
    "TERM_CSM_ALLOC": "node",
    "TERM_KUBE": "node",
    "TERM_CWD_NOTEXIST": "setup",
    "TERM_PRE_EXEC_FAIL": "setup",
    "TERM_DATA": "stage_in",
}
_SIGNALS = {
    (signal.strsignal(number) or "").casefold(): int(number) for number in signal.valid_signals()
}
_DATE = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d{1,2}):(\d\d)(?::(\d\d))?(?: (\d{4}))?"
)
_SHORT_DATE = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d{1,2}):(\d\d)(?::(\d\d))?(?: (\d{4}))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_S = 86400
_MOST_CODE = 255
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) *([KMGT])?(?:i?[Bb](?:ytes)?)?", re.ASCII)


def kind_of_term(word: str) -> Kind:
    """Return what a keyword means; one that is not known says only that the job did not end well.

    >>> kind_of_term("TERM_SWAP"), kind_of_term("TERM_FROM_2031")
    ('oom', 'failed')
    """
    return _KINDS.get(word, "failed")


def read_signal(text: str) -> int | None:
    """Return the number of a signal that is told as a number or in the words of strsignal(3).

    >>> read_signal("12"), read_signal("File size limit exceeded"), read_signal("a whim")
    (12, 25, None)
    """
    plain = text.strip().removesuffix("(core dumped)").strip()
    if plain.isascii() and plain.isdigit():
        return int(plain) if 0 < int(plain[:4]) <= signal.NSIG and len(plain) < 4 else None  # noqa: PLR2004
    return _SIGNALS.get(plain.casefold())


def read_code(text: str) -> int | None:
    """Return an exit code; what no exit code can be is none.

    >>> read_code("140"), read_code(""), read_code("-")
    (140, None, None)
    """
    plain = text.strip()
    number = int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= len("255") else -1
    return number if 0 <= number <= _MOST_CODE else None


def describe_code(code: int) -> str:
    """Return an exit code with the signal that it may stand for.

    >>> describe_code(3), describe_code(140)
    ('exit code 3', 'exit code 140 (SIGUSR2?)')
    """
    name = signal_name(code - 128) if code > 128 else ""  # noqa: PLR2004 (128 + signal: IBM, job exit codes)
    return f"exit code {code}" + (f" ({name}?)" if name.startswith("SIG") else "")


def read_amount(text: str) -> int | None:
    """Return bytes of ``40947 MB``, ``29.5 Gbytes`` or ``2M``; ``-`` and the like: None.

    >>> read_amount("616 MB"), read_amount("1.5 Gbytes"), read_amount("-")
    (645922816, 1610612736, None)
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or len(text) > 30:  # noqa: PLR2004 (no memory has so many digits)
        return None
    return parse_bytes(f"{match[1]} {match[2] or ''}B")


def read_number(text: str) -> float | None:
    """Return the number that begins ``32.56 sec.``; None: there is none."""
    match = re.match(r"\s*(\d{1,15}(?:\.\d{1,9})?)(?: |$)", text, re.ASCII)
    return float(match[1]) if match else None


@functools.lru_cache(maxsize=4096)
def read_date(text: str) -> float | None:
    """Return ``Sun Nov 22 07:18:29 2026`` in seconds since the epoch; it is local time."""
    match = _DATE.fullmatch(text.strip())
    return _local(match) if match and match[6] else None


def read_short_date(text: str, now: float) -> float | None:
    """Return ``Nov 22 07:18``, ``Sun Nov 22 07:18:29`` and the like; without a year the last one.

    bjobs tells whole minutes unless LSB_DISPLAY_YEAR is set, and marks what is only estimated with
    a letter behind it: that is not read.
    """
    plain = text.strip()
    match = _DATE.fullmatch(plain) or _SHORT_DATE.fullmatch(plain)
    if match is None:
        return None
    if match[6]:
        return _local(match)
    year = time.localtime(now).tm_year
    found = (_local(match, year - back) for back in (0, 1))
    return next((at for at in found if at is not None and at <= now + _DAY_S), None)


def _local(match: re.Match[str], year: int | None = None) -> float | None:
    month, day, hour, minute, second = match.group(1, 2, 3, 4, 5)
    if month not in _MONTHS:
        return None
    numbers = (year or int(match[6]), _MONTHS.index(month) + 1, int(day), int(hour), int(minute))
    try:
        at = time.mktime((*numbers, int(second or 0), 0, 0, -1))
    except (OverflowError, ValueError):
        return None
    return at if time.localtime(at)[:5] == numbers else None  # no 31 September
