"""SLURM's job states: twelve base states and the flags that stand before them.

A job has one base state and any number of flags, but squeue(1) and sacct(1) print one word: the
first flag that is set, else the base state (https://slurm.schedmd.com/job_state_codes.html). So a
lone flag hides its base; ``IMPLIED`` says what is known of it. The JSON and pyslurm forms print
base and flags together.
"""

from __future__ import annotations

import re
from typing import NamedTuple

BASE = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PENDING",
        "PREEMPTED",
        "RUNNING",
        "SUSPENDED",
        "TIMEOUT",
    }
)
LIVING = frozenset({"PENDING", "RUNNING", "SUSPENDED"})
"""The base states that are no end."""

OOM_SIGNAL = 125
"""SLURM's own number for "the kernel killed a process for its memory": exit code ``0:125``."""

IMPLIED = {
    # The job is over but not yet tidied up: how it ended is not told, and it still holds its nodes.
    "COMPLETING": "RUNNING",
    "STAGE_OUT": "RUNNING",
    "EXPEDITING": "RUNNING",  # (25.11) over, and being asked whether it is requeued at once
    # Nodes are allocated, so the base is RUNNING although nothing may run yet.
    "CONFIGURING": "RUNNING",
    "POWER_UP_NODE": "RUNNING",
    "RESIZING": "RUNNING",
    "SIGNALING": "RUNNING",
    "STOPPED": "RUNNING",  # by SIGSTOP, its CPUs kept; a job without CPUs is SUSPENDED
    "UPDATE_DB": "RUNNING",
    # It will wait again. In `sacct --duplicates` REQUEUED also marks an execution that was broken
    # off to be requeued; that row has an end.
    "REQUEUED": "PENDING",
    "REQUEUE_FED": "PENDING",
    "RECONFIG_FAIL": "PENDING",
    # The same, held until somebody releases it.
    "REQUEUE_HOLD": "PENDING",
    "SPECIAL_EXIT": "PENDING",
    "RESV_DEL_HOLD": "PENDING",
    # This cluster's copy of a federated job was withdrawn: another one runs it.
    "REVOKED": "CANCELLED",
    "LAUNCH_FAILED": "FAILED",  # never printed without its base
}
"""Flag -> the base state that it stands before when no base is printed."""

_COMPACT = {
    "BF": "BOOT_FAIL",
    "CA": "CANCELLED",
    "CD": "COMPLETED",
    "CF": "CONFIGURING",
    "CG": "COMPLETING",
    "DL": "DEADLINE",
    "F": "FAILED",
    "NF": "NODE_FAIL",
    "OOM": "OUT_OF_MEMORY",
    "PD": "PENDING",
    "PR": "PREEMPTED",
    "R": "RUNNING",
    "RD": "RESV_DEL_HOLD",
    "RF": "REQUEUE_FED",
    "RH": "REQUEUE_HOLD",
    "RQ": "REQUEUED",
    "RS": "RESIZING",
    "RV": "REVOKED",
    "S": "SUSPENDED",
    "SE": "SPECIAL_EXIT",
    "SI": "SIGNALING",
    "SO": "STAGE_OUT",
    "ST": "STOPPED",
    "TO": "TIMEOUT",
}
_UID_DIGITS = 10
_WORD = re.compile(r"[^\s,+\[\]\"']+")


class State(NamedTuple):
    """A job state taken apart."""

    base: str
    """One of BASE; a word that no SLURM known here prints is kept as it stands."""
    flags: frozenset[str]
    by: int | None
    """The uid of whoever cancelled it."""


def parse_state(text: str) -> State:
    """Take a state apart: ``CANCELLED by 1000``, ``PD``, ``OUT_OF_ME+``, ``RUNNING,COMPLETING``."""
    said, cancelled, uid = text.rpartition(" by ")
    if not cancelled:
        said = text
    said = said.strip()
    words = _WORD.findall(said.upper())
    if words and said.endswith("+"):
        words[-1] = _completed(words[-1])
    names = [_COMPACT.get(word, word) for word in words]
    bases = [name for name in names if name in BASE] or [n for n in names if n not in IMPLIED]
    if bases:
        base = bases[0]
    elif cancelled:
        base = "CANCELLED"  # sacct adds the uid to a job whose base is CANCELLED, whatever it shows
    else:
        base = next((IMPLIED[name] for name in names), "")
    flags = frozenset(IMPLIED.keys() & names)
    by = int(uid) if cancelled and uid.isdecimal() and len(uid) <= _UID_DIGITS else None
    return State(base, flags, by)


class Outcome(NamedTuple):
    """What a state and an exit code say together."""

    base: str
    flags: frozenset[str]
    by: int | None
    code: int | None
    signal: int | None
    oom: bool


def read_outcome(state: str, code: int | None, signal: int | None) -> Outcome:
    """Combine a state with an exit code: 0 is also shown where there is no exit code yet."""
    parsed = parse_state(state)
    if parsed.base in LIVING and not code and not signal:
        code = signal = None
    oom = parsed.base == "OUT_OF_MEMORY" or signal == OOM_SIGNAL
    return Outcome(*parsed, code, signal, oom)


def _completed(word: str) -> str:
    """Return the state that a column too narrow cut to ``word``, if only one begins so."""
    if word in BASE or word in IMPLIED:
        return word
    whole = [name for name in (*BASE, *IMPLIED) if name.startswith(word)]
    return whole[0] if len(whole) == 1 else f"{word}+"
