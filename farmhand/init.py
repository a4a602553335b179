"""``farmhand init``: a commented spec that renders as it is."""

from __future__ import annotations

import os
from importlib import resources
from typing import Annotated

import typer

from farmhand.talk import say
from manifest.errors import UserError


def verb(
    path: Annotated[
        str, typer.Argument(metavar="FILE", help="Where to write it; - for stdout.")
    ] = "farmhand.yaml",
) -> None:
    """Write a commented spec to start from; it renders and runs as it is."""
    text = resources.files("templates").joinpath("init.yaml").read_text(encoding="utf-8")
    if path == "-":
        typer.echo(text, nl=False)
        return
    try:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise UserError(
            "this file exists, and nothing is ever overwritten",
            where=os.path.abspath(path),
            hint="name another file, or print with: farmhand init -",
        ) from error
    say(f"written {path}; edit it, then type: farmhand render {path}")
