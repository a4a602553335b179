"""Which run is meant, and which of its shards where their directories are named."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from farmhand.talk import say, short_path, some
from manifest.errors import UserError
from manifest.layout import MANIFEST, block_of, is_nested, is_run
from manifest.nearest import nearest
from manifest.rows import parse_row
from manifest.store import Manifest

RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Run directory or its manifest. Default: this directory, else the newest run "
        "under --out-dir.",
        show_default=False,
    ),
]
RunsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|SHARD...",
        help="Run directory or its manifest, or directories of shards of one run: "
        "RUN/shards/*Chunk*. Default: as for other verbs.",
        show_default=False,
    ),
]
ManifestOption = Annotated[
    str | None, typer.Option("--manifest", metavar="FILE", help="The manifest, instead of RUN.")
]
OutDirOption = Annotated[str, typer.Option("--out-dir", metavar="DIR", help="Where runs lie.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def find_run(
    run: str | None, manifest: str | None, out_dir: str = "runs", *, writes: bool
) -> tuple[str, str]:
    """Return (run directory, manifest path), both absolute.

    Raises:
        UserError: nothing there, or a verb that writes would have to guess.
    """
    if run is not None and manifest is not None:
        raise UserError("RUN and --manifest name the same thing twice", hint="give one of them")
    target = run if run is not None else manifest
    if target is not None:
        return _given(os.path.abspath(target))
    if is_run(os.getcwd()):
        return _given(os.getcwd())
    return _given(_newest(os.path.abspath(out_dir), writes=writes))


def _given(target: str) -> tuple[str, str]:
    if os.path.isdir(target):
        if not is_run(target):
            raise UserError(
                "this is not a run directory (no plan/ and manifest.json in it)",
                where=target,
                hint="name a directory that farmhand render made",
            )
        return target, os.path.join(target, MANIFEST)
    if not os.path.exists(target):
        raise UserError("there is no such run or manifest", where=target)
    folder = os.path.dirname(target)
    if not os.path.isdir(os.path.join(folder, "plan")):
        raise UserError(
            "this file does not lie in a run directory, which a manifest's paths are relative to",
            where=target,
            hint="name the run directory, or copy the manifest into it",
        )
    return folder, target


def _newest(out_dir: str, *, writes: bool) -> str:
    try:
        entries = [entry.path for entry in os.scandir(out_dir) if not entry.name.startswith(".")]
    except OSError:
        entries = []
    found = sorted(
        (
            (os.stat(os.path.join(path, "plan", "id")).st_mtime_ns, path)
            for path in entries
            if os.path.exists(os.path.join(path, "plan", "id"))
        ),
        reverse=True,
    )
    if not found:
        raise UserError(
            "no run here",
            where=out_dir,
            hint="name a run directory, or say where runs lie with --out-dir",
        )
    if writes and len(found) > 1:
        names = ", ".join(os.path.basename(path) for _, path in found[:3])
        raise UserError(
            f"{len(found)} runs lie here, and this verb writes: which one is meant?",
            where=out_dir,
            hint=f"name it; the newest are {names}",
        )
    say(f"run: {short_path(found[0][1])}" + (" (the newest)" if len(found) > 1 else ""))
    return found[0][1]


@dataclass(frozen=True, slots=True)
class ShardPath:
    """A path of the form RUN/shards/[BLOCK/]NAME."""

    given: str
    run: str
    block: str | None
    name: str


def find_shards(
    paths: Sequence[str] | None, manifest: str | None, out_dir: str = "runs", *, writes: bool
) -> tuple[str, str, list[ShardPath] | None]:
    """Return (run directory, manifest path) and the shards whose directories were named.

    No shard was named: None, all of the run are meant.

    Raises:
        UserError: paths of several runs, or a path that is no run and no shard.
    """
    known: dict[str, bool] = {}
    named = [_shard_path(path, known) for path in paths or ()]
    if not named or (len(named) == 1 and named[0] is None):
        run, path = find_run(paths[0] if paths else None, manifest, out_dir, writes=writes)
        return run, path, None
    if manifest is not None:
        raise UserError("--manifest goes with no other path", hint="name the shards of a run only")
    found = [one for one in named if one is not None]
    for given, one in zip(paths or (), named, strict=True):
        if one is None:
            what = "a run" if is_run(given) else "no shard of a run"
            raise UserError(
                f"several paths, and this one is {what}",
                where=given,
                hint="name one run, or directories of its shards: RUN/shards/*Chunk*",
            )
    runs = list(dict.fromkeys(one.run for one in found))
    if len(runs) > 1:
        raise UserError(
            f"these are shards of {len(runs)} runs: {some([short_path(run) for run in runs])}",
            hint="name those of one run at a time",
        )
    run, path = find_run(runs[0], None, writes=writes)
    return run, path, found


def _shard_path(given: str, known: dict[str, bool]) -> ShardPath | None:
    """Return the parts of a shard's path; also of a resubmission's, which has shards/, too."""
    folder, name = os.path.split(os.path.abspath(given))
    block = None
    if os.path.basename(folder) != "shards":
        folder, block = os.path.split(folder)
    if os.path.basename(folder) != "shards":
        return None
    run = os.path.dirname(folder)
    if re.fullmatch(r"resubmit-\d+", os.path.basename(run)):
        run = os.path.dirname(run)
    if run not in known:  # ten thousand paths are of one run
        known[run] = is_run(run)
    return ShardPath(given, run, block, name) if known[run] else None


def shards_at(manifest: Manifest, paths: Sequence[ShardPath]) -> set[int]:
    """Return the shards that paths name; a pattern that no shell has expanded counts, too.

    Raises:
        UserError: a path that is no shard's directory.
    """
    nested = is_nested(manifest.header.shards)
    rows = (parse_row(row, manifest.path) for row in manifest.plans)
    index_of = {row["name"]: row["shard_index"] for row in rows}
    found: set[int] = set()
    for path in paths:
        mine = _meant(path, index_of, nested=nested)
        if not mine:
            raise _not_a_shard(path, index_of)
        found.update(mine)
    return found


def _meant(path: ShardPath, index_of: dict[str, int], *, nested: bool) -> list[int]:
    index = index_of.get(path.name)
    if index is not None and path.block == (str(block_of(index)) if nested else None):
        return [index]
    if nested and path.block is None and path.name.isdecimal():  # a block's directory
        return [i for i in index_of.values() if str(block_of(i)) == path.name]
    if re.search(r"[*?\[]", path.name) and (path.block in (None, "*") or path.block.isdecimal()):
        return [
            i
            for name, i in index_of.items()
            if fnmatchcase(name, path.name) and path.block in (None, "*", str(block_of(i)))
        ]
    return []


def _not_a_shard(path: ShardPath, index_of: dict[str, int]) -> UserError:
    if re.search(r"[*?\[]", path.name):
        return UserError("no shard of the run fits this pattern", where=path.given)
    if path.block in index_of:
        return UserError(
            f"this lies in the directory of shard '{path.block}'",
            where=path.given,
            hint=f"name the shard: {os.path.dirname(path.given)}",
        )
    guess = nearest(path.name, index_of)
    return UserError(
        f"the run has no shard '{path.name}' here"
        + (f"; did you mean '{guess}'?" if guess else ""),
        where=path.given,
        hint="RUN/shards/* names them all; of what lies there farmhand reads only the names",
    )
