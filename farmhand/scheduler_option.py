"""The options that say which scheduler, and which of its ways."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from manifest.errors import UserError
from manifest.nearest import nearest
from renderer.schedulers import SCHEDULERS

SchedulerOption = Annotated[
    str,
    typer.Option("--scheduler", metavar="NAME", help=f"One of: {', '.join(SCHEDULERS)}."),
]
ModeOption = Annotated[
    Literal["shared", "transfer"] | None,
    typer.Option("--mode", help="htcondor: which of its two submit files to name."),
]


def refuse_unknown(scheduler: str | None, mode: str | None) -> None:
    """Refuse a scheduler that is none, and a mode that it does not have.

    Raises:
        UserError: says which is meant.
    """
    if scheduler is not None and scheduler not in SCHEDULERS:
        guess = nearest(scheduler, SCHEDULERS)
        raise UserError(
            f"there is no scheduler '{scheduler}'"
            + (f"; did you mean '{guess}'?" if guess else ""),
            hint=f"known are {', '.join(SCHEDULERS)}",
        )
    if mode is not None and scheduler not in (None, "htcondor"):
        raise UserError(f"--mode: {scheduler} has only one", hint="it goes with htcondor")
