"""Which run is meant."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from farmhand.talk import say, short_path
from manifest.errors import UserError
from manifest.layout import MANIFEST, is_run

RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Run directory or its manifest. Default: this directory, else the newest run "
        "under --out-dir.",
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
