"""What doctor finds out about SLURM, and what of it belongs into the site profile."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from farmhand.doctor_findings import Finding, bad, fine, note
from manifest.site import LsfSite, SlurmPartition, SlurmSite
from manifest.units import format_duration
from runners import slurm_site
from runners.asked import ask, complaint
from runners.slurm import scheduler_timeout

_PATIENCE_S = 20.0  # SLURM's own commands give a dead server up after 9 to 18 s
_COMMANDS = ("scontrol", "sbatch", "squeue", "sacct")
_PYSLURM = "import pyslurm; pyslurm.db.Connection.open().close(); print(pyslurm.__version__)"


@dataclass
class Measured:
    """What was learnt on the way; None of a scheduler that has not answered."""

    slurm: SlurmSite | None = None
    lsf: LsfSite | None = None
    config: dict[str, str] = field(default_factory=dict)


def look_at_slurm(measured: Measured) -> Iterator[Finding]:
    """Ask SLURM, if it is here, and say what it answers; fill in what was measured."""
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if len(missing) == len(_COMMANDS):
        yield note("SLURM", "not on this machine")
        return
    if missing:
        yield bad("SLURM", f"{', '.join(missing)} not on PATH, others are")
        return
    patience = scheduler_timeout(_PATIENCE_S)
    answer = slurm_site.show_config(patience)
    if answer.text is None:
        yield bad("SLURM", f"does not answer: {answer.problem}")
        yield note("SLURM", "was not asked any further")
        return
    config = measured.config = slurm_site.read_config(answer.text)
    name = config.get("ClusterName", "")
    yield fine("SLURM", f"{config.get('SLURM_VERSION', 'of unknown release')}, cluster {name}")
    listed = slurm_site.show_partitions(patience)
    partitions = slurm_site.read_partitions(listed.text or "")
    site = measured.slurm = _site(config, partitions)
    yield from _arrays(site)
    yield from _limits(measured, patience)
    if listed.text is None:
        yield bad("partitions", f"{listed.problem}")
    else:
        yield from _partitions(partitions)
    yield from _accounting(config, patience)
    yield from _pyslurm(patience)


def _site(config: dict[str, str], partitions: list[slurm_site.Partition]) -> SlurmSite:
    parameters = dict(
        word.partition("=")[::2] for word in config.get("SchedulerParameters", "").split(",")
    )
    return SlurmSite(
        cluster=config.get("ClusterName"),
        version=config.get("SLURM_VERSION"),
        max_array_size=_whole(config.get("MaxArraySize")),
        max_array_tasks=_whole(parameters.get("max_array_tasks")),
        max_job_count=_whole(config.get("MaxJobCount")),
        partitions={
            one.name: SlurmPartition(
                default=one.default,
                max_walltime=one.max_walltime_s or None,
                nodes=one.nodes,
                cpus=one.cpus,
                memory=None if one.memory_mb is None else one.memory_mb << 20,
            )
            for one in partitions
        },
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _arrays(site: SlurmSite) -> Iterator[Finding]:
    largest = site.largest_array
    said = f"MaxArraySize {site.max_array_size}"
    if site.max_array_tasks is not None:
        said += f", max_array_tasks {site.max_array_tasks}"
    if largest is None:
        yield bad("job arrays", "SLURM does not say how large they may be (no MaxArraySize)")
    elif largest == 0:
        yield bad("job arrays", f"switched off here ({said}), and farmhand submits nothing else")
    else:
        yield fine("job arrays", f"up to {largest:,} elements ({said})")


def _limits(measured: Measured, patience: float) -> Iterator[Finding]:
    site, config = measured.slurm, measured.config
    if site is None:
        return
    if site.max_job_count is not None:
        text = f"{site.max_job_count:,} of everybody at a time, elements counted (MaxJobCount)"
        yield fine("jobs", text)
    if "limits" not in config.get("AccountingStorageEnforce", ""):
        return
    user = pwd.getpwuid(os.geteuid()).pw_name
    limit = slurm_site.submit_limit(user, config.get("ClusterName", ""), patience)
    if limit is None:
        yield fine("jobs", "no limit to yours that SLURM tells of")
        return
    measured.slurm = site.model_copy(update={"max_submit_jobs": limit.jobs})
    text = f"{limit.jobs:,} of yours at a time, elements counted (MaxSubmitJobs of {limit.by})"
    yield fine("jobs", text)


def _partitions(partitions: list[slurm_site.Partition]) -> Iterator[Finding]:
    if not partitions:
        yield bad("partitions", "none that you may use")
    for one in partitions:
        limit = "no time limit"
        if one.max_walltime_s is not None:
            limit = f"up to {format_duration(one.max_walltime_s)}"
        nodes = f"{one.nodes} node{'s' * (one.nodes != 1)}"
        if one.cpus is not None and one.memory_mb is not None:
            nodes += f" of up to {one.cpus} cpus and {one.memory_mb:,} MB"
        name = f"partition {one.name}" + (" (default)" if one.default else "")
        if one.up:
            yield fine(name, f"{limit}, {nodes}")
        else:
            yield note(name, f"takes no jobs now; {limit}, {nodes}")
    if partitions and not any(one.default for one in partitions):
        yield note("partitions", "none is the default: specs have to say slurm.partition")


def _accounting(config: dict[str, str], patience: float) -> Iterator[Finding]:
    kind = config.get("AccountingStorageType", "accounting_storage/none").rpartition("/")[2]
    if kind == "none":
        age = config.get("MinJobAge", "a while")
        yield note("accounting", f"none here; squeue tells of jobs for {age} after their end")
        return
    answer = slurm_site.accounting_answers(patience)
    if answer.problem is None:
        yield fine("accounting", f"sacct answers ({kind})")
    else:
        yield bad("accounting", f"{answer.problem} ({kind})")


def _pyslurm(patience: float) -> Iterator[Finding]:
    """Try pyslurm in a process of its own, which it may end with the wrong release of SLURM."""
    if importlib.util.find_spec("pyslurm") is None:
        yield note("pyslurm", "not installed; sacct is asked instead")
        return
    asked = ask([sys.executable, "-c", _PYSLURM], patience)
    if asked.code == 0:
        yield fine("pyslurm", f"{asked.out.strip()} answers")
        return
    last = (asked.err.strip().splitlines() or [complaint("pyslurm", asked)])[-1]
    why = f"no answer within {patience:g} s" if asked.code is None else last
    yield note("pyslurm", f"installed, but of no use ({why}); sacct is asked instead")
