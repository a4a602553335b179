"""Runs that SLURM ends or warns for their time, and runs that it cannot start.

Time limits take a minute at least: the jobs are submitted first of all, and looked at later.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.slurm.season import Field, Told

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm

QUIET: dict[str, Any] = {"command": ["true"], "slurm": {}}
TIMED = """\
: >begun
[ "$FARMHAND_SHARD_INDEX" != 1 ] || trap '' TERM
exec sleep 600
"""
GRACED = """\
: >begun
[ "$FARMHAND_SHARD_INDEX" = 0 ] || trap 'exit 0' TERM
sleep 600 & wait
"""
SMALL = {"memory": "100 MB"}


def begin(slurm: Slurm) -> Told:
    """Submit them all."""
    told = {}
    for name, script, resources in (
        ("timed", TIMED, {"walltime": "1m"} | SMALL),
        ("graced", GRACED, {"walltime": "2m", "grace": "1m"} | SMALL),
    ):
        field = Field(slurm, slurm.workspace(name))
        (path,) = field.render(command=[], script=script, shards=2, slurm={}, resources=resources)
        told[name] = {"path": str(field.path), "job": field.sbatch(path)}
    return told


def finish(slurm: Slurm, begun: Told) -> Told:
    """Wait for their ends; collect with accounting, and a copy with the records alone."""
    told: Told = {name: scene(slurm) for name, scene in BROKEN.items()}
    slurm.wait([one["job"] for one in begun.values()], 150.0)
    for name, one in begun.items():
        field = Field(slurm, Path(one["path"]))
        pristine = (field.run / "manifest.json").read_bytes()
        field.collect()
        told[name] = field.results()
        (field.run / "manifest.json").write_bytes(pristine)
        field.collect("--records-only")
        told[f"{name} by records"] = field.results()
    return told


def without_logs(slurm: Slurm) -> Any:
    """The directory of SLURM's own output is missing."""
    field = Field(slurm, slurm.workspace("nologs"))
    (script,) = field.render(shards=2, **QUIET)
    slurm.run_as_user(["rm", "-r", str(field.run / "logs")])
    return looked_at(field, field.sbatch(script))


def without_run(slurm: Slurm) -> Any:
    """The run directory is not there when its jobs start: on no filesystem of the node."""
    field = Field(slurm, slurm.workspace("norun"))
    (script,) = field.render(shards=2, **QUIET)
    job = slurm.sbatch("--hold", script, cwd=field.path)
    aside = f"{field.run}.aside"
    os.rename(field.run, aside)
    slurm.admin("scontrol", "release", str(job))
    slurm.wait([job])
    os.rename(aside, field.run)
    return looked_at(field, job)


def without_plan(slurm: Slurm) -> Any:
    """The run directory is another one than that which was rendered."""
    field = Field(slurm, slurm.workspace("noplan"))
    (script,) = field.render(shards=2, **QUIET)
    os.rename(field.run / "plan", field.run / "aside")
    job = field.sbatch(script)
    slurm.wait([job])
    os.rename(field.run / "aside", field.run / "plan")
    return looked_at(field, job)


def looked_at(field: Field, job: int) -> Any:
    field.slurm.wait([job])
    field.collect()
    return {"rows": field.results(), "said": field.said()}


BROKEN = {"nologs": without_logs, "norun": without_run, "noplan": without_plan}
