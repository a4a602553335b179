"""Scripts submitted in other ways than they were meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.slurm.season import Field, Told

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm

SHARDS = 6
SPEC = {
    "work": {"count": SHARDS},
    "shards": SHARDS,
    "command": ["sh", "-c", "echo $FARMHAND_ATTEMPT >out.txt"],
    "outputs": {"out": "out.txt"},
    "slurm": {},
}


def rendered(slurm: Slurm, name: str) -> tuple[Field, str]:
    field = Field(slurm, slurm.workspace(name))
    (script,) = field.render(**SPEC)
    return field, script


def play(slurm: Slurm) -> Told:
    told: Told = {}
    twice, script = rendered(slurm, "twice")
    jobs = [twice.sbatch(script), twice.sbatch(script)]
    part, script = rendered(slurm, "part")
    jobs.append(part.elements(script, "0-3"))
    beyond, script = rendered(slurm, "beyond")
    env = {"SBATCH_ARRAY_INX": f"4-{SHARDS + 1}"}
    done = slurm.run_as_user(["sbatch", "--parsable", script], cwd=beyond.path, env=env)
    jobs.append(int(done.stdout))
    single, script = rendered(slurm, "single")
    typed = slurm.run_as_user(["bash", script], cwd=single.path, check=False)
    told["bash"] = [typed.returncode, typed.stderr]
    slurm.wait(jobs)
    told["jobs"] = jobs
    for name, field in (("twice", twice), ("part", part), ("beyond", beyond), ("single", single)):
        field.collect()
        told[name] = field.results()
        told[f"{name} said"] = field.said()
        told[f"{name} path"] = str(field.run)
        told[f"{name} submissions"] = field.manifest()["submissions"]
    told["twice check"] = twice.check(code=0)
    for name, field in (("twice", twice), ("part", part)):
        told[f"{name} check said"] = field("check", "runs/r").stderr
    told["beyond codes"] = [row["ExitCode"] for row in slurm.sacct(jobs[3:])]
    told["same name"] = same_name(slurm)
    return told


def same_name(slurm: Slurm) -> Told:
    """Two runs of one name in different places, of which one only waits."""
    one, script = rendered(slurm, "one")
    other, waiting = rendered(slurm, "other")
    ran, held = one.sbatch(script), slurm.sbatch("--hold", waiting, cwd=other.path)
    slurm.wait([ran])
    told: Told = {}
    for name, field in (("one", one), ("other", other)):
        field.collect()
        told[name] = [row["state"] for row in field.results()]
        told[f"{name} jobs"] = field.manifest()["submissions"][0]["native_ids"]
    slurm.admin("scancel", str(held))
    return told | {"ran": ran, "held": held}
