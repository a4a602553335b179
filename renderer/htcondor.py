"""HTCondor: two submit files over the same shards, with and without a shared filesystem."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping

from manifest.errors import UserError
from manifest.layout import block_of
from renderer import condor_files, portable
from renderer.condor_files import chunk_files, column
from renderer.condor_words import condor_environment, condor_path, condor_size
from renderer.shell_words import sh
from renderer.submission import Target, Written
from renderer.templating import template

SHARED, TRANSFER, WRAPPER = "condor_job.sub", "condor_job_transfer.sub", "condor_job.sh"


def event_log(submission: int) -> str:
    """Return the path of a submission's event log, relative to the run."""
    return f"logs/{submission}/condor.log"


def written_for(path: str) -> str | None:
    """Return the run that a submit file was rendered for; unreadable, or not ours: None."""
    try:
        with open(path, encoding="utf-8") as stream:
            line = next((line for line in stream if line.startswith("initialdir = ")), None)
    except (OSError, ValueError):
        return None
    if line is None:
        return None
    return line.rstrip("\n").partition(" = ")[2].replace("$(DOLLAR)", "$")


def render(target: Target) -> Written:
    """Write the item list, the wrapper and both submit files.

    Raises:
        UserError: the user asked for the transfer of what cannot be transferred.
    """
    files = chunk_files(target)
    obstacle = portable.obstacle(target.spec, target.root) or condor_files.obstacle(files)
    files = {} if obstacle else files
    if obstacle is not None and target.mode == "transfer":
        raise UserError(f"this run cannot be sent to workers: {obstacle}", hint="--mode shared")
    folder = os.path.join(target.root, target.folder)
    os.makedirs(folder, exist_ok=True)
    count = _write_items(target, files)
    _write(os.path.join(folder, WRAPPER), _wrapper(target), 0o755)
    _write(
        os.path.join(folder, SHARED),
        _submit_file(target, count, files=bool(files), transfer=False),
        0o644,
    )
    command = f"condor_submit {shlex.quote(os.path.join(target.run, target.folder, SHARED))}"
    notes = []
    fetched = target.spec.htcondor.urls()
    if fetched:
        notes.append(f"{SHARED} fetches no {', '.join(fetched)}; {TRANSFER} does")
    if target.spec.shards_per_job > 1:
        notes.append("shards_per_job is not used: with HTCondor every shard is a job")
    if obstacle is None:
        text = _submit_file(target, count, files=bool(files), transfer=True)
        _write(os.path.join(folder, TRANSFER), text, 0o644)
        other = shlex.quote(os.path.join(target.run, target.folder, TRANSFER))
        notes.append(f"Where workers do not see this filesystem: condor_submit {other}")
        if target.mode == "transfer":
            command, notes[-1] = (
                f"condor_submit {other}",
                f"Where workers see this filesystem: {command}",
            )
    else:
        notes.append(f"no {TRANSFER}: {obstacle}")
    return Written((command,), tuple(notes))


def _write(path: str, text: str, mode: int) -> None:
    with open(path, "x", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, mode)


def _write_items(target: Target, files: Mapping[int, list[str]]) -> int:
    """Write the item list, and make the directories of what jobs print; return the number.

    With it goes what is sent with each shard, where that has files of its own.
    """
    number = target.submission.id
    path = os.path.join(target.root, _items(number))
    count = 0
    made = set()
    with open(path, "x", encoding="utf-8") as stream:
        for index, name in target.shards:
            block = block_of(index)
            if block not in made:
                logs = os.path.join(target.root, "logs", str(number), str(block))
                os.makedirs(logs, exist_ok=True)
                made.add(block)
            sent = f" {column(block, files[index])}" if files else ""
            stream.write(f"{index} {block} {name}{sent}\n")
            count += 1
    return count


def _items(number: int) -> str:
    return f"submissions/{number}.items"


def _wrapper(target: Target) -> str:
    return template("condor_job.sh.j2").render(
        run=sh(target.run),
        run_id=target.run_id,
        plan_id=target.plan_id,
        submission=target.submission.id,
        nested=target.nested,
        walltime=target.resources.walltime or 0,
        own_cpus=target.own_cpus,
        files=target.has("plan/files"),
    )


def _submit_file(target: Target, count: int, *, files: bool, transfer: bool) -> str:
    name = TRANSFER if transfer else SHARED
    return template("condor_job.sub.j2").render(
        run_id=target.run_id,
        submission=target.submission.id,
        shards=count,
        transfer=transfer,
        path=shlex.quote(os.path.join(target.run, target.folder, name)),
        lines=list(_lines(target, count, transfer=transfer)),
        items=condor_path(os.path.join(target.run, _items(target.submission.id))),
        files=files,
    )


def _lines(target: Target, count: int, *, transfer: bool) -> Iterator[tuple[str, str]]:
    """Yield the submit commands in their fixed order."""
    run, number = condor_path(target.run), target.submission.id
    mode = "transfer" if transfer else "shared"
    yield "universe", "vanilla"
    yield "executable", condor_path(os.path.join(target.run, target.folder, WRAPPER))
    words = "$(fh_shard) $(fh_block) $(fh_name) $(ClusterId).$(ProcId)"
    yield "arguments", f'"{words} {mode}"'
    yield "initialdir", run
    yield "output", "/dev/null"
    yield "error", f"logs/{number}/$(fh_block)/$(fh_shard).err"
    yield "log", condor_path(os.path.join(target.run, event_log(number)))
    yield "submit_event_notes", f"farmhand {target.run_uuid} {number} $(fh_shard) {mode}"
    yield "batch_name", f"{target.run_id}.{number}"
    yield "My.FarmhandSubmission", f'"{target.run_uuid}.{number}"'
    yield from _transfer(target) if transfer else _shared()
    yield from _resources(target)
    yield from _requirements(target)
    if target.spec.htcondor.environment:
        yield "environment", condor_environment(target.spec.htcondor.environment)
    yield from target.spec.htcondor.lines()
    yield from _factory(target, count)


def _shared() -> Iterator[tuple[str, str]]:
    yield "transfer_executable", "False"
    yield "should_transfer_files", "NO"


def _transfer(target: Target) -> Iterator[tuple[str, str]]:
    """Everything goes below the job's own directory, and comes back, under its path in the run."""
    place = "shards/$(fh_block)/$(fh_name)" if target.nested else "shards/$(fh_name)"
    yield "should_transfer_files", "YES"
    yield "when_to_transfer_output", "ON_EXIT"
    yield "preserve_relative_paths", "True"
    wanted = ["plan/id", "plan/shard.sh", "plan/args/$(fh_block)"]
    wanted += [name for name in ("plan/script", "plan/stage", "plan/bundle") if target.has(name)]
    for folder in ("plan", target.folder):
        wanted += [f"{folder}/items/$(fh_block)"] if target.has(f"{folder}/items") else []
    wanted += ["$(fh_files)"] if target.has("plan/files") else []
    yield "transfer_input_files", ", ".join([*wanted, *target.spec.htcondor.urls()])
    native = "$(ClusterId).$(ProcId)"
    record = f"records/$(fh_block)/$(fh_shard).{native}.jsonl"
    yield "transfer_output_files", f"{place}/{native}, {record}"


def _resources(target: Target) -> Iterator[tuple[str, str]]:
    resources = target.resources
    if resources.cpus is not None:
        yield "request_cpus", str(resources.cpus)
    if resources.memory is not None:
        yield "request_memory", condor_size(resources.memory)
    if resources.disk is not None:
        yield "request_disk", condor_size(resources.disk)
    if resources.gpus is not None:
        yield "request_gpus", str(resources.gpus)


def _requirements(target: Target) -> Iterator[tuple[str, str]]:
    terms = [f"({text})" for text in [target.spec.htcondor.requirements] if text]
    terms += [f'(TARGET.Machine != "{name}")' for name in target.exclude]
    if terms:
        yield "requirements", " && ".join(terms)


def _factory(target: Target, count: int) -> Iterator[tuple[str, str]]:
    largest = target.spec.htcondor.max_per_submission
    running = target.spec.max_running
    if running is not None or count > largest:
        yield "max_materialize", str(min(running or largest, largest))
