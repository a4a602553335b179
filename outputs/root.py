"""ROOT files, added up by ROOT's own hadd, of which nothing is believed.

hadd ends with 0 on files that it had to recover, and on inputs that lack a tree. So all files are
opened before and after it, by another reader (uproot): see ``root_header`` and ``root_sums``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from typing import TYPE_CHECKING

from manifest.errors import Refusal, UserError
from manifest.units import format_bytes
from outputs.job import MergeReport, reading, refuse
from outputs.read_back import check_result
from outputs.root_file import Content, RootError, read_root
from outputs.root_many import read_many
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedDirectory, StagedFile, writing

if TYPE_CHECKING:
    from outputs.facts import Source
    from outputs.job import MergeJob
    from outputs.root_sums import Sums

_AT_ONCE = 100
"""Files that hadd holds open together; more are added batch by batch (hadd -n)."""
_NAMED = 5


def merge(job: MergeJob) -> MergeReport:
    """Add the files with hadd, and prove the result.

    Raises:
        Refusal: a file was not closed, is truncated, or holds other objects than the first; hadd
            failed; the result does not hold the sum of its inputs.
        UserError: there is no hadd or no uproot, or the result cannot be written.
    """
    hadd = find_hadd()
    sums, parts = _add_up(job)
    with StagedFile(job.target) as result, StagedDirectory(job.target) as folder:
        result.finish()
        _run(job, hadd, folder.path)
        size = _take(job, folder.path, result.path)
        problem = _problem_of_result(result.path, sums)
        if problem:
            raise Refusal(
                f"not merged: hadd ended with exit code 0, but its result {problem}",
                where=job.target,
                hint=_room(job, folder.path)
                or "the accepted outputs are unchanged; run hadd on them by hand to see why",
            )
        rows = sum(sums.entries.values()) if sums.entries else None
        check_result(job, result.path, rows or 0)
        outputs = [{"path": os.path.basename(job.target), "bytes": size, "trees": sums.entries}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    table = [(f"entries of {path}", f"{entries:,}") for path, entries in sums.entries.items()]
    return MergeReport(
        "root",
        (job.target,),
        len(job.sources),
        rows,
        [*table[:_NAMED], ("size", format_bytes(size))],
        _warnings(sums),
        sidecar=sidecar,
        counts={"trees": sums.entries} if sums.entries else {},
    )


def find_hadd() -> str:
    """Return the path of hadd: from PATH, or of PyPI's ``root`` in this Python.

    Raises:
        UserError: there is none.
    """
    found = shutil.which("hadd")
    if found is not None:
        return os.path.abspath(found)
    package = importlib.util.find_spec("ROOT")
    for place in (package.submodule_search_locations or ()) if package else ():
        path = os.path.join(place, "bin", "hadd")
        if os.access(path, os.X_OK):
            return path
    raise UserError(
        "ROOT files are added up by ROOT's hadd, which is not on PATH",
        hint="source a ROOT set-up (thisroot.sh), or pip install root (with pipx: pipx inject "
        "farmhand root)",
    )


def _add_up(job: MergeJob) -> tuple[Sums, list[dict[str, int]]]:
    """Read all files, compare each with the first, and add their numbers."""
    first, *others = job.sources
    [content] = read_many([first.path])  # alone: where there is no uproot, this says so
    from outputs.root_sums import Sums  # noqa: PLC0415 (numpy, which uproot brings)

    sums = Sums(_good(first, content), first.label)
    with contextlib.closing(read_many([source.path for source in others])) as contents:
        for source, content in zip(others, contents, strict=True):
            problem = sums.add(_good(source, content))
            if problem:
                raise refuse(source, problem)
    return sums, [_size(source) for source in job.sources]


def _good(source: Source, content: Content | RootError | OSError) -> Content:
    if isinstance(content, RootError):
        raise refuse(source, str(content)) from content
    with reading(source):
        if isinstance(content, OSError):
            raise content
    return content


def _size(source: Source) -> dict[str, int]:
    with reading(source):
        return {"bytes": os.stat(source.path).st_size}


def _run(job: MergeJob, hadd: str, folder: str) -> None:
    """Run hadd in a directory of links: no byte of a user's path reaches it.

    ROOT reads names as URLs (``#``, ``?``, ``host:``) and expands ``$`` in them; and the command
    line has an end.
    """
    if job.run_command is None:
        raise UserError("merge kind root needs somebody who starts processes")
    names = [f"{number:06}.root" for number in range(len(job.sources))]
    with writing(job.target):
        for name, source in zip(names, job.sources, strict=True):
            os.symlink(os.path.abspath(source.path), os.path.join(folder, name))
        with open(os.path.join(folder, "inputs"), "w", encoding="ascii") as listing:
            listing.writelines(f"{name}\n" for name in names)
    # -ff: compressed as the first input is, so that most baskets are copied as they are
    words = [hadd, "-v", "0", "-ff", "-n", str(_AT_ONCE), "sum.root", "@inputs"]
    code, tail = job.run_command(words, folder=folder)
    if code:
        said = f": {tail.strip()[:200]}" if tail.strip() else ""
        raise Refusal(
            f"not merged: hadd ended with exit code {code}{_in_words(said, job)}",
            where=job.target,
            hint=_room(job, folder) or f"by hand: {hadd} OUT.root IN.root IN.root",
        )


def _room(job: MergeJob, folder: str) -> str | None:
    """Say that the disk is full, where it is: hadd does not."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    needed = sum(os.stat(source.path).st_size for source in job.sources)
    if free > needed:
        return None
    return (
        f"make room there ({format_bytes(free)} are free, the inputs have {format_bytes(needed)}), "
        "or name another place with --out"
    )


def _in_words(said: str, job: MergeJob) -> str:
    """Replace the links in a message by the shards behind them."""
    for number, source in enumerate(job.sources):
        name = f"{number:06}.root"
        if name in said:
            return said.replace(name, source.label)
    return said


def _take(job: MergeJob, folder: str, path: str) -> int:
    """Bring hadd's result to the disk under the staged name; return its size in bytes."""
    made = os.path.join(folder, "sum.root")
    if not os.path.isfile(made):
        raise Refusal("not merged: hadd ended with exit code 0 but wrote nothing", where=job.target)
    with writing(job.target):
        os.replace(made, path)
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        return os.stat(path).st_size


def _problem_of_result(path: str, sums: Sums) -> str | None:
    try:
        return sums.against(read_root(path))
    except RootError as error:
        return str(error)


def _warnings(sums: Sums) -> tuple[str, ...]:
    paths = sums.unproved
    if not paths:
        return ()
    names = ", ".join(paths[:_NAMED]) + (" …" if len(paths) > _NAMED else "")
    return (f"bins not compared (labels, other axes, or averages): {names}",)
