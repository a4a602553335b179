"""SLURM: one job array over a submission's shards, or several when one cannot hold them."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Iterator

from manifest.arrays import Arrays
from manifest.errors import UserError
from renderer.array_map import array_map
from renderer.sbatch_words import (
    sbatch_line,
    sbatch_option,
    sbatch_pattern,
    sbatch_size,
    sbatch_time,
)
from renderer.shell_words import sh
from renderer.slurm_leaks import leaks
from renderer.submission import Target, Written, submission_folder
from renderer.templating import template

NAME = "slurm_array_job"
_EARLIEST_WARNING_S = 65_535  # sbatch(1), --signal


def script_name(part: int, parts: int) -> str:
    """Return the name of the script of ``part`` (from 0)."""
    return f"{NAME}.{part + 1}.sh" if parts > 1 else f"{NAME}.sh"


def script_path(run: str, submission: int, part: int, parts: int) -> str:
    """Return the path of the script of a part."""
    return os.path.join(run, submission_folder(submission), script_name(part, parts))


def written_for(script: str) -> str | None:
    """Return the run that a script was rendered for; unreadable, or not ours: None."""
    try:
        with open(script, encoding="utf-8") as stream:
            line = next((line for line in stream if line.startswith("#SBATCH --chdir=")), None)
        return None if line is None else sbatch_option(line).removeprefix("chdir=")
    except (OSError, ValueError):
        return None


def job_name(run_id: str, submission: int) -> str:
    """Return the name by which a submission's jobs are found again."""
    return f"{run_id}.{submission}"


def render(target: Target) -> Written:
    """Write one script for each part, and the map where shards do not follow one another.

    Raises:
        UserError: SLURM cannot be told of a directory with this name, or to warn so early.
    """
    _refuse_unprintable(target.run)
    _refuse_early_warning(target.resources.grace)
    submission = target.submission
    arrays = Arrays(submission.shards, submission.shards_per_job, submission.arrays)
    parts = len(arrays.sizes)
    os.makedirs(os.path.join(target.root, "logs", str(submission.id)), exist_ok=True)
    os.makedirs(os.path.join(target.root, target.folder), exist_ok=True)
    mapped = array_map(target, arrays)
    commands = []
    for part in range(parts):
        path = os.path.join(target.folder, script_name(part, parts))
        text = _script(target, arrays, part, mapped, os.path.join(target.run, path))
        with open(os.path.join(target.root, path), "x", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(os.path.join(target.root, path), 0o755)  # noqa: S103 (for whoever may submit it)
        commands.append(f"sbatch {shlex.quote(os.path.join(target.run, path))}")
    return Written(tuple(commands), tuple(_notes(target, parts)))


def _refuse_unprintable(run: str) -> None:
    if not run.isprintable():
        raise UserError(
            "the run's path has a character that is not printable, which no directive can hold",
            where=ascii(run),
            hint="rename the directory, or say another with --out-dir",
        )


def _refuse_early_warning(grace: int | None) -> None:
    if grace is not None and grace > _EARLIEST_WARNING_S:
        raise UserError(
            f"resources.grace: SLURM warns at most {_EARLIEST_WARNING_S} seconds before the end",
            hint="write 18h or less",
        )


def _notes(target: Target, parts: int) -> Iterator[str]:
    if parts > 1:
        yield (
            f"{parts} arrays, since one holds {target.largest_array} elements here at most; "
            "submit all of them, they wait for one another"
        )
    if target.resources.disk is not None:
        yield (
            "resources.disk is not asked of SLURM; a site that counts it takes "
            "slurm.directives: {tmp: ...}"
        )


def _script(target: Target, arrays: Arrays, part: int, mapped: str | None, path: str) -> str:
    per_job, size = arrays.per_job, arrays.sizes[part]
    first = arrays.first_element(part)
    members = arrays.members[first * per_job : (first + size) * per_job]
    options = list(_options(target, size, len(arrays.sizes)))
    return template("slurm_array_job.sh.j2").render(
        directives=[sbatch_line(option) for option in options],
        run=sh(target.run),
        run_id=target.run_id,
        plan_id=target.plan_id,
        submission=target.submission.id,
        path=shlex.quote(path),
        shards=len(members),
        elements=size,
        part=part + 1,
        parts=len(arrays.sizes),
        first=first,
        first_shard=members[0],
        last_shard=members[-1],
        per_job=per_job,
        map=mapped,
        leaks=" \\\n  ".join(textwrap.wrap(" ".join(leaks(options)), 96)),
        cpus=target.resources.cpus,
        own_cpus=target.own_cpus,
    )


def _options(target: Target, size: int, parts: int) -> Iterator[str]:
    """Yield the options of a script in their fixed order."""
    spec, resources, submission = target.spec, target.resources, target.submission
    throttle = f"%{spec.max_running}" if spec.max_running is not None else ""
    yield f"job-name={job_name(target.run_id, submission.id)}"
    yield f"array=0-{size - 1}{throttle}"
    yield f"chdir={target.run}"
    # By node and not by element: what elements print goes elsewhere, this would be 100,000 files.
    yield f"output={sbatch_pattern(target.run, f'logs/{submission.id}', '%A.%N.out')}"
    yield "open-mode=append"
    yield "requeue" if spec.slurm.requeue else "no-requeue"
    if resources.walltime is not None:
        yield f"time={sbatch_time(resources.walltime * submission.shards_per_job)}"
    if resources.memory is not None:
        yield f"mem={sbatch_size(resources.memory)}"
    if resources.cpus is not None:
        yield f"cpus-per-task={resources.cpus}"
    if resources.gpus is not None:
        yield f"gpus={resources.gpus}"
    if resources.grace is not None:
        yield f"signal=B:USR1@{resources.grace}"
    excluded = [*filter(None, [spec.slurm.exclude]), *target.exclude]
    if excluded:
        yield f"exclude={','.join(excluded)}"
    others = spec.slurm.options()
    if parts > 1:  # one after the other, so that the throttle holds in sum
        after = [option for option in others if option.startswith("dependency=")]
        others = [option for option in others if option not in after]
        yield ",".join([*after, "singleton"] if after else ["dependency=singleton"])
    yield from others
