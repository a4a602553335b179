"""SLURM's rows in the words that all schedulers share."""

from __future__ import annotations

from collectors.observation import LIVE, Kind, Observation
from collectors.slurm_rows import SlurmRow
from collectors.slurm_states import IMPLIED

# Reasons for which nothing starts until somebody acts: squeue(1), JOB REASON CODES.
_STUCK = {
    "BadConstraints": "no node can ever satisfy what it asks for",
    "DependencyNeverSatisfied": "what it depends on failed, so it will never start",
    "InvalidAccount": "its account is not valid",
    "InvalidQOS": "its QOS is not valid",
    "JobHeldAdmin": "held by an administrator",
    "JobHeldUser": "held by its owner (scontrol release starts it)",
    "JobHoldMaxRequeue": "held after too many requeues",
    "PartitionTimeLimit": "it asks for more time than its partition allows",
    "job requeued in held state": "requeued and held (scontrol release starts it)",
    "launch failed requeued held": "held after its launch failed",
}
_TOO_MUCH = ("PerJob", "PerJobLimit")
"""How reasons end that name a limit of a single job, which waiting does not raise."""
_HOLDING = frozenset({"REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"})
_ENDED: dict[str, Kind] = {
    "BOOT_FAIL": "node",
    "CANCELLED": "cancelled",
    "COMPLETED": "completed",
    "DEADLINE": "cancelled",
    "FAILED": "failed",
    "NODE_FAIL": "node",
    "OUT_OF_MEMORY": "oom",
    "PREEMPTED": "preempted",
    "REVOKED": "cancelled",
    "TIMEOUT": "timeout",
}
_NO_OUTPUT_FILE = 53
"""``0:53``: SLURM could not open the output file or enter the working directory; nothing ran."""


def observation(row: SlurmRow, native_id: str, submission: int, *, packed: bool) -> Observation:
    """Return what a row says about one element."""
    kind, why = _kind(row)
    waiting = kind in ("pending", "held")
    # squeue gives the time of the cancellation as the start of what never had a node.
    never = kind == "cancelled" and row.nodes is None and not row.elapsed_s
    return Observation(
        source=row.source,
        native_id=native_id,
        kind=kind,
        state=_state(row),
        why=why,
        code=row.code,
        signal=row.signal,
        submitted=row.submit if waiting else None,
        started=None if waiting or never else row.start,
        ended=row.end,
        node=row.nodes,
        peak=row.peak,
        memory=row.asked_memory,
        cpus=row.cpus,
        cpu_s=row.cpu_s,
        limit_s=row.limit_s,
        # The queue keeps what ended for a while: sooner than accounting, without its codes.
        preliminary=row.source == "squeue" and kind not in LIVE,
        oom=row.oom,
        submission=submission,
        packed=packed,
    )


def _state(row: SlurmRow) -> str:
    """Return the state as SLURM prints it: a flag that hides its base alone."""
    hidden = row.flags and all(IMPLIED.get(flag) == row.state for flag in row.flags)
    return " ".join(([] if hidden else [row.state]) + sorted(row.flags))


def _kind(row: SlurmRow) -> tuple[Kind, str]:
    if "REQUEUED" in row.flags and row.end is not None and row.state not in _ENDED:
        return "requeued", "stopped, to be started again"
    if row.state == "PENDING" or row.flags & _HOLDING:
        return _waits(row)
    if row.state in ("RUNNING", "SUSPENDED"):
        return "running", "suspended" if row.state == "SUSPENDED" else ""
    if row.flags & {"LAUNCH_FAILED", "RECONFIG_FAIL"}:
        return "node", "the node could not start it"
    if row.state == "FAILED" and row.signal == _NO_OUTPUT_FILE:
        return "setup", (
            "SLURM could not open its output file or enter the run directory: "
            "is the run, with its logs/, on a filesystem of the node?"
        )
    if row.state == "DEADLINE":
        return "cancelled", "its deadline passed"
    if row.state == "CANCELLED":
        return "cancelled", f"by uid {row.by}" if row.by is not None else ""
    return _ENDED.get(row.state, "running"), ""


def _waits(row: SlurmRow) -> tuple[Kind, str]:
    reason = row.reason or ""
    if reason.endswith(_TOO_MUCH):
        return "held", f"it asks for more than a job may have ({reason})"
    if reason in _STUCK:
        return "held", _STUCK[reason]
    if row.flags & _HOLDING:
        return "held", f"held after a requeue ({reason or 'no reason given'})"
    return "pending", f"waits: {reason}" if reason else "waits"
