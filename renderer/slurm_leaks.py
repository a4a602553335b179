"""What sbatch, typed inside another job, hands on of that job, and would shape srun in this one.

These are what sbatch(1) lists under OUTPUT and srun(1) under INPUT ENVIRONMENT VARIABLES. A job
keeps what its own options set.
"""

from __future__ import annotations

from collections.abc import Iterable

_NTASKS = "ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket nodes"
_SET_BY = {
    # variables: options that set them
    "SLURM_CPUS_PER_GPU": "cpus-per-gpu",
    "SLURM_CPUS_PER_TASK SRUN_CPUS_PER_TASK": "cpus-per-task tres-per-task",
    "SLURM_CPU_FREQ_REQ": "cpu-freq",
    "SLURM_DISTRIBUTION SLURM_DIST_PLANESIZE": "distribution",
    "SLURM_EXPORT_ENV": "export export-file",
    "SLURM_GPUS": "gpus",
    "SLURM_GPUS_PER_NODE": "gpus-per-node",
    "SLURM_GPUS_PER_SOCKET": "gpus-per-socket",
    "SLURM_GPUS_PER_TASK": "gpus-per-task",
    "SLURM_GPU_BIND": "gpu-bind tres-bind",
    "SLURM_GPU_FREQ": "gpu-freq",
    "SLURM_HINT": "hint",
    "SLURM_MEM_PER_CPU": "mem-per-cpu",
    "SLURM_MEM_PER_GPU": "mem-per-gpu",
    "SLURM_MEM_PER_NODE": "mem",
    "SLURM_NETWORK": "network",
    "SLURM_NTASKS SLURM_NPROCS": f"{_NTASKS} gpus-per-task tres-per-task",
    "SLURM_NTASKS_PER_CORE": "ntasks-per-core hint",
    "SLURM_NTASKS_PER_GPU": "ntasks-per-gpu",
    "SLURM_NTASKS_PER_NODE": "ntasks-per-node",
    "SLURM_NTASKS_PER_SOCKET": "ntasks-per-socket",
    "SLURM_OVERCOMMIT": "overcommit",
    "SLURM_PROFILE": "profile",
    "SLURM_THREADS_PER_CORE": "threads-per-core extra-node-info hint",
    # Of srun itself, around a shell in which sbatch is typed: nothing here sets them.
    "SLURM_EXACT SLURM_OVERLAP SLURM_TIMELIMIT SLURM_WHOLE": "",
}


def leaks(options: Iterable[str]) -> list[str]:
    """Return the variables that are not this job's own, given its options (``mem=4M``, ``hold``).

    >>> sorted(set(leaks([])) - set(leaks(["ntasks=4", "mem=4M"])))
    ['SLURM_MEM_PER_NODE', 'SLURM_NPROCS', 'SLURM_NTASKS']
    """
    said = {option.partition("=")[0] for option in options}
    found = [
        name
        for names, setters in _SET_BY.items()
        if not said & set(setters.split())
        for name in names.split()
    ]
    return sorted(found)
