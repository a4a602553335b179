"""Runs of more shards than an array may have, and of several shards to an element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.slurm.season import Field, Told

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm

MANY = 23
BEGUN = "echo $FARMHAND_SHARD_INDEX >begun; "


def play(slurm: Slurm) -> Told:
    """On a cluster with MaxArraySize 11."""
    split = Field(slurm, slurm.workspace("split"))
    scripts = split.render(
        work={"count": MANY}, shards=MANY, max_running=4, slurm={},
        command=["sh", "-c", BEGUN + "sleep 0.3"],
    )  # fmt: skip
    told: Told = {"scripts": scripts, "path": str(split.path)}
    # In any order: they wait for one another.
    parts = [split.sbatch(script) for script in reversed(scripts)]
    told |= packed(slurm)
    slurm.wait(parts)
    split.collect()
    told["split"] = split.results()
    told["split submissions"] = split.manifest()["submissions"]
    told["parts"] = parts
    return told


def packed(slurm: Slurm) -> Told:
    """Elements of four shards: one is cancelled, one requeued, when the second shard runs."""
    field = Field(slurm, slurm.workspace("packed"))
    stops = "case $FARMHAND_SUBMISSION-${SLURM_RESTART_COUNT:-0}/$FARMHAND_SHARD_INDEX in "
    stops += "1-0/5 | 1-0/9) exec sleep 600 ;; esac"
    (script,) = field.render(
        work={"count": 14}, shards=14, shards_per_job=4, slurm={}, resources={"walltime": "1m"},
        command=["sh", "-c", BEGUN + stops],
    )  # fmt: skip
    with open(script, encoding="utf-8") as stream:
        told: Told = {"packed script": stream.read()}
    job = field.sbatch(script)
    field.recorded(5, 9)
    field.collect()
    told["packed running"] = field.results()
    slurm.run_as_user(["scancel", f"{job}_1"])
    slurm.admin("scontrol", "requeue", f"{job}_2")
    slurm.wait([job])
    field.collect()
    told["packed"] = field.results()
    told["packed check"] = field.check()
    told["packed left"] = field.resubmit("--cause", "cancelled", "--dry-run")
    again = field.resubmit("--shards", "5-7")["stdout"].splitlines()
    with open(again[0].split()[1], encoding="utf-8") as stream:
        told["packed again"] = stream.read()
    slurm.wait(field.typed(again))
    field.collect()
    told["packed redone"] = field.results()
    return told


def most_at_once(rows: list[dict[str, Any]]) -> int:
    """How many attempts ran at one time, by their records."""
    moments = []
    for attempt in (a for row in rows for a in row["attempts"]):
        moments += [(attempt["started"], 1), (attempt["ended"], -1)]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most
