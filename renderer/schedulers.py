"""The registry: one line a scheduler."""

from __future__ import annotations

from renderer import htcondor, local, lsf, nohup, slurm, ssh
from renderer.submission import SchedulerModule

SCHEDULERS: dict[str, SchedulerModule] = {
    "local": local,
    "nohup": nohup,
    "slurm": slurm,
    "htcondor": htcondor,
    "lsf": lsf,
    "ssh": ssh,
}
