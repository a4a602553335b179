"""What doctor and ``render --check`` find out about LSF."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from farmhand.doctor_findings import Finding, bad, fine, note
from farmhand.doctor_slurm import Measured
from farmhand.lsf_habits import measured_habits
from manifest.site import LsfSite
from manifest.spec import Spec
from runners import lsf_site

_COMMANDS = ("bsub", "bjobs", "bqueues", "bparams", "lsid")
_MANY = 12


def look_at_lsf(measured: Measured) -> Iterator[Finding]:
    """Ask LSF, if it is here, and say what it answers; fill in what was measured."""
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if len(missing) == len(_COMMANDS):
        yield note("LSF", "not on this machine")
        return
    if missing:
        yield bad("LSF", f"{', '.join(missing)} not on PATH, others are")
        return
    answer = lsf_site.run("lsid")
    if answer.text is None:
        yield bad("LSF", f"does not answer: {answer.problem}")
        yield note("LSF", "was not asked any further")
        return
    version, cluster = lsf_site.identity(answer.text)
    yield fine("LSF", f"{version or 'of unknown release'}, cluster {cluster or 'without a name'}")
    habits = measured_habits()
    site = habits.model_copy(update={"cluster": cluster, "version": version})
    measured.lsf = site
    yield from _arrays(site)
    yield _memory(site)
    yield _queues()
    yield from _variables()


def _arrays(site: LsfSite) -> Iterator[Finding]:
    if site.max_array_size is None:
        yield note("LSF arrays", "bparams does not say how large they may be; 1,000 is taken")
        return
    size = site.max_array_size
    yield fine("LSF arrays", f"up to {size:,} elements (MAX_JOB_ARRAY_SIZE {size})")


def _memory(site: LsfSite) -> Finding:
    per = site.rusage_per or "host"
    if site.memory_unit is None:
        return note(
            "LSF memory",
            f"no LSF_UNIT_FOR_LIMITS is seen, so -M counts in KB and rusage in MB per {per}; where "
            "that is wrong, say lsf.memory_unit in the site profile",
        )
    unit = site.memory_unit
    return fine("LSF memory", f"-M and rusage count in {unit} (LSF_UNIT_FOR_LIMITS), per {per}")


def _queues() -> Finding:
    answer = lsf_site.run("bqueues", "-w")
    if answer.text is None:
        return bad("LSF queues", str(answer.problem))
    names = lsf_site.queue_names(answer.text)
    if not names:
        return bad("LSF queues", "none that you may use")
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return fine("LSF queues", ", ".join(names[:_MANY]) + more)


def _variables() -> Iterator[Finding]:
    """Look for what changes bsub (its manual, ENVIRONMENT VARIABLES)."""
    if os.environ.get("BSUB_CHK_RESREQ"):
        yield bad("BSUB_CHK_RESREQ", "is set: bsub only checks requirements and submits nothing")
    if "BSUB_QUIET" in os.environ:
        yield note("BSUB_QUIET", "is set: bsub does not say the numbers of jobs")
    if os.environ.get("LSB_JOBID"):
        yield note("LSF", f"this shell runs in job {os.environ['LSB_JOBID']}")


def would_take(spec: Spec) -> Iterator[tuple[bool, str]]:
    """Say what can be known of a submission beforehand: bsub has no dry run."""
    place = shutil.which("bsub")
    if place is None:
        yield False, "bsub: not on PATH here"
        return
    yield True, f"bsub: {place} (it has no dry run, so it was not asked about the scripts)"
    names = (spec.lsf.queue or "").split()
    if not names:
        yield True, "queue: LSF's default"
    for name in names:
        answer = lsf_site.run("bqueues", "-w", name)
        known = answer.text is not None and name in lsf_site.queue_names(answer.text)
        yield known, f"queue: {name}" if known else f"queue: {answer.problem or f'no {name}'}"
