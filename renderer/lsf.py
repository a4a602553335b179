"""LSF: one batchScript.sh a shard for ``bsub <``, and the same shards as a job array."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from manifest.arrays import Arrays
from manifest.errors import UserError
from manifest.layout import block_of
from manifest.lsf_requirements import Requirement, parse_requirement
from renderer.array_map import array_map
from renderer.batch_scripts import for_each_script, write_batch_scripts
from renderer.bsub_words import bsub_line, bsub_minutes, bsub_size, path_problem
from renderer.shell_words import sh
from renderer.submission import Target, Written, submission_folder
from renderer.templating import template

NAME = "lsf_array_job"
_LONGEST_ARRAY = 255  # characters of "name[1-N]%T": bsub(1), -J


def script_name(part: int, parts: int) -> str:
    """Return the name of the array script of ``part`` (from 0)."""
    return f"{NAME}.{part + 1}.sh" if parts > 1 else f"{NAME}.sh"


def script_path(run: str, submission: int, part: int, parts: int) -> str:
    """Return the path of the array script of a part."""
    return os.path.join(run, submission_folder(submission), script_name(part, parts))


def job_name(run_id: str, submission: int, shard: str) -> str:
    """Return the name of a shard's own job."""
    return f"{run_id}.{submission}.{shard}"


def array_name(run_id: str, submission: int, part: int) -> str:
    """Return the name of the array of ``part`` (from 0)."""
    return f"{run_id}.{submission}.array{part + 1}"


def shard_log(submission: int, index: int, name: str) -> str:
    """Return where LSF writes about a shard's own job, relative to the run."""
    return f"logs/{submission}/{block_of(index)}/{name}.%J.out"


def array_log(submission: int, part: int) -> str:
    """Return where LSF writes about the elements of ``part`` (from 0), relative to the run."""
    return f"logs/{submission}/array{part + 1}/%J.%I.out"


def render(target: Target) -> Written:
    """Write a script for each shard and one for each array, and what LSF needs to write itself.

    Raises:
        UserError: LSF cannot be told of this run, or to warn so early.
    """
    problem = path_problem(target.run)
    if problem:
        raise UserError(
            f"LSF cannot be told of the run's path: {problem}",
            where=ascii(target.run)[1:-1],
            hint="choose another directory with --out-dir, or rename it",
        )
    submission = target.submission
    arrays = Arrays(submission.shards, submission.shards_per_job, submission.arrays)
    names = [_array_spec(target, arrays, part) for part in range(len(arrays.sizes))]
    _write_chunks(target)
    mapped = array_map(target, arrays)
    for part, name in enumerate(names):
        _write_array(target, arrays, part, name, mapped)
    line = for_each_script(target, 'bsub < "$script";')
    return Written((line,), tuple(_notes(target, len(names))))


def _write_chunks(target: Target) -> None:
    number = target.submission.id
    common = list(_common(target, shards=1))
    for block in {block_of(index) for index in _members(target)}:
        os.makedirs(os.path.join(target.root, "logs", str(number), str(block)), exist_ok=True)

    def directives(index: int, name: str) -> list[str]:
        log = shard_log(number, index, name)
        return [*_own(target, job_name(target.run_id, number, name), log), *common]

    write_batch_scripts(target, f"{target.run_id}.{number}", directives)


def _members(target: Target) -> list[int]:
    submission = target.submission
    return Arrays(submission.shards, 1, ()).members


def _write_array(target: Target, arrays: Arrays, part: int, name: str, mapped: str | None) -> None:
    number, parts = target.submission.id, len(arrays.sizes)
    log = array_log(number, part)
    os.makedirs(os.path.join(target.root, os.path.dirname(log)), exist_ok=True)
    os.makedirs(os.path.join(target.root, target.folder), exist_ok=True)
    per_job, size = arrays.per_job, arrays.sizes[part]
    first = arrays.first_element(part)
    members = arrays.members[first * per_job : (first + size) * per_job]
    script = script_name(part, parts)
    text = template("lsf_array_job.sh.j2").render(
        directives=[*_own(target, name, log), *_common(target, shards=per_job)],
        run=sh(target.run),
        run_id=target.run_id,
        plan_id=target.plan_id,
        submission=number,
        path=shlex.quote(script_path(target.run, number, part, parts)),
        script=script,
        shards=len(members),
        elements=size,
        part=part + 1,
        parts=parts,
        first=first,
        first_shard=members[0],
        last_shard=members[-1],
        per_job=per_job,
        map=mapped,
        own_cpus=target.own_cpus,
    )
    path = os.path.join(target.root, target.folder, script)
    with open(path, "x", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, 0o755)  # noqa: S103 (for whoever may submit it)


def _array_spec(target: Target, arrays: Arrays, part: int) -> str:
    """Return the -J of a part.

    Raises:
        UserError: LSF would not take it, or worse, take it for something else.
    """
    most, parts, size = target.spec.max_running, len(arrays.sizes), arrays.sizes[part]
    throttle = ""
    if most is not None:  # in sum over the parts, which know nothing of one another
        share, more = divmod(most, parts)
        throttle = f"%{max(1, share + (part < more))}"
    name = array_name(target.run_id, target.submission.id, part)
    spec = f"{name}[1-{size}]{throttle}"
    if len(spec) > _LONGEST_ARRAY:
        raise UserError(
            f"the job array would be called {name[:40]}…, {len(spec)} characters in all; LSF takes "
            f"{_LONGEST_ARRAY}",
            hint="give a shorter --run-id",
        )
    return spec


def _own(target: Target, name: str, log: str) -> Iterator[str]:
    yield bsub_line("J", name, quoted=True)
    option = "oo" if target.spec.lsf.output == "overwrite" else "o"
    yield bsub_line(option, os.path.join(target.run, log), quoted=True)


def _common(target: Target, shards: int) -> Iterator[str]:
    """Yield the lines about resources and the site, for a job of so many shards."""
    resources, lsf = target.resources, target.spec.lsf
    walltime = None if resources.walltime is None else resources.walltime * shards
    if walltime is not None:
        yield bsub_line("W", bsub_minutes(walltime))
    if resources.grace is not None:
        _refuse_early_warning(resources.grace, walltime)
        yield bsub_line("wa", "USR1", quoted=True)
        yield bsub_line("wt", bsub_minutes(resources.grace))
    if resources.cpus is not None:
        yield bsub_line("n", str(resources.cpus))
    if resources.memory is not None and target.lsf.memory_limit is not False:
        yield bsub_line("M", bsub_size(resources.memory, target.lsf.memory_unit or "KB"))
    required = _requirement(target)
    if required:
        yield bsub_line("R", required, quoted=True)
    if resources.gpus is not None:
        text = ":".join(part for part in (f"num={resources.gpus}", lsf.gpu) if part)
        yield bsub_line("gpu", text, quoted=True)
    for name, value in lsf.options():
        yield bsub_line(name, value)


def _refuse_early_warning(grace: int, walltime: int | None) -> None:
    if walltime is not None and int(bsub_minutes(grace)) >= int(bsub_minutes(walltime)):
        early, limit = bsub_minutes(grace), bsub_minutes(walltime)
        raise UserError(
            f"resources.grace: LSF counts in whole minutes, and a warning {early} min before a run "
            f"limit of {limit} min would come at once",
            hint="ask for more walltime, or for less grace",
        )


def _requirement(target: Target) -> str:
    resources, lsf = target.resources, target.spec.lsf
    required = parse_requirement(lsf.select) if lsf.select else Requirement()
    memory = None
    if resources.memory is not None:
        per = target.lsf.rusage_per
        amount = resources.memory
        if per == "slot":
            amount = -(-amount // (resources.cpus or 1))
        memory = "mem=" + bsub_size(amount, target.lsf.memory_unit or "MB")
        memory += "/job" if per == "job" else ""
    return required.text(
        memory=memory,
        one_host=(resources.cpus or 1) > 1,
        without=(*lsf.exclude, *target.exclude),
    )


def _notes(target: Target, parts: int) -> Iterator[str]:
    number, most = target.submission.id, target.spec.max_running
    if parts == 1:
        path = shlex.quote(script_path(target.run, number, 0, parts))
        yield f"Or, in place of that, all as one job array: bsub < {path}"
    elif parts:
        folder = shlex.quote(os.path.join(target.run, target.folder, NAME))
        yield (
            f"Or, in place of that, as {parts} job arrays, since one holds {target.largest_array} "
            f'elements here at most: for script in {folder}.*.sh; do bsub < "$script"; done'
        )
    if most is not None:
        yield (
            "max_running holds in job arrays only; for single jobs, give lsf.job_group a group "
            "with a limit (bgadd -L)"
        )
        if parts > most:
            yield f"max_running: {most} is less than the {parts} arrays, so one of each may run"
    if target.resources.disk is not None:
        yield (
            "resources.disk is not asked of LSF; a site that counts it takes "
            "lsf.select: rusage[tmp=...]"
        )
    if target.spec.lsf.notify in ("end", "both"):
        yield (
            f"lsf.notify: {target.spec.lsf.notify} has LSF mail its job reports, so that they are "
            "missing in logs/ and collect has the records only"
        )
