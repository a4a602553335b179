"""``merge --clean``: what was merged leaves the shards' directories, for an archive or for good.

First the archive is on the disk, then the list says what is gone, then it goes: whenever this is
interrupted, ``collect`` and ``merge`` know what they see.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import tarfile
from collections.abc import Sequence
from enum import StrEnum

import typer

from farmhand.merge_request import Outcome
from farmhand.talk import say, short_path
from manifest.errors import Refusal, UserError
from manifest.locking import merge_lock
from manifest.units import format_bytes
from outputs.cleaned import add_cleaned
from outputs.facts import Source
from outputs.staged import StagedFile, make_folder, writing

ARCHIVE = "archive"


class Clean(StrEnum):
    """What becomes of outputs that are merged."""

    archive = "archive"
    remove = "remove"


def refuse_without_answer(*, yes: bool, dry_run: bool) -> None:
    """Refuse before hours of merging what would be refused after it.

    Raises:
        UserError: nobody can be asked.
    """
    if not (yes or dry_run or sys.stdin.isatty()):
        raise UserError(
            "--clean asks before it takes anything away, and there is nobody to ask",
            hint="say --yes, or type this at a terminal",
        )


def clean(run: str, how: Clean, made: Outcome, *, yes: bool) -> None:
    """Take away what was merged.

    Args:
        run: the run directory.
        how: into an archive, or for good.
        made: what was merged.
        yes: do not ask.

    Raises:
        Refusal: the person said no, or a result lacks shards and its parts would be gone for good.
        UserError: the archive or the list cannot be written; nothing was taken away then.
    """
    if how is Clean.remove and not made.complete:
        raise Refusal(
            "merged, and nothing was removed: the result lacks shards, and without these parts "
            "it could never be made whole",
            where=short_path(run),
            hint="--clean archive keeps them",
        )
    merged = [(name, sources) for name, sources in made.used if sources]
    files = [source for _, sources in merged for source in sources]
    size = sum(os.stat(source.path).st_size for source in files)
    verb = "moved to an archive" if how is Clean.archive else "removed for good"
    what = f"{len(files)} files ({format_bytes(size)}) that are merged"
    if not yes and not typer.confirm(f"{what} will be {verb}. Go on?", err=True):
        raise Refusal("merged, and nothing was cleaned", where=short_path(run))
    with merge_lock(run):
        for name, sources in merged:
            archive = _archive(run, name, sources) if how is Clean.archive else None
            _list(run, name, archive, sources)
            for source in sources:
                _remove(source)
    say(f"{what} were {verb}.")


def _remove(source: Source) -> None:
    try:
        os.unlink(source.path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(
            f"merged, but not all was cleaned: {source.shown} cannot be removed: {error.strerror}",
            where=os.path.dirname(source.path),
            hint="make its directory writable and type the same again",
        ) from error


def _list(run: str, name: str, archive: str | None, sources: Sequence[Source]) -> None:
    files = {}
    for source in sources:
        status = os.stat(source.path)
        files[os.path.relpath(source.path, run)] = {
            "bytes": status.st_size,
            "mtime_ns": status.st_mtime_ns,
        }
    at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    add_cleaned(run, {"result": name, "at_utc": at, "archive": archive, "files": files})


def _archive(run: str, name: str, sources: Sequence[Source]) -> str:
    """Write the files into a new archive, read it back, and return its path in the run."""
    folder = os.path.join(run, ARCHIVE)
    make_folder(folder)
    number = 1
    while os.path.lexists(os.path.join(folder, f"{name}.{number}.tar")):
        number += 1
    target = os.path.join(folder, f"{name}.{number}.tar")
    with StagedFile(target) as staged:
        staged.finish()
        with writing(target), tarfile.open(staged.path, "w", dereference=True) as tar:
            for source in sources:
                tar.add(source.path, os.path.relpath(source.path, run), recursive=False)
        with writing(target), open(staged.path, "rb") as file:
            os.fsync(file.fileno())
        with tarfile.open(staged.path) as tar:
            held = {member.name: member.size for member in tar}
        for source in sources:
            if held.get(os.path.relpath(source.path, run)) != os.stat(source.path).st_size:
                raise Refusal(
                    f"merged, but nothing was cleaned: {source.shown} is not whole in the archive",
                    where=short_path(target),
                )
        staged.publish()
    return os.path.relpath(target, run)
