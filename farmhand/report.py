"""``farmhand report``: what the jobs of a run come to, one module a report."""

from __future__ import annotations

import typer

from farmhand import report_timing
from farmhand.named import NamedGroup

app = typer.Typer(cls=NamedGroup, add_completion=False, rich_markup_mode=None)
app.command("timing")(report_timing.verb)


@app.callback(no_args_is_help=True, subcommand_metavar="REPORT [ARGS]...")
def _report() -> None:
    """Say what the jobs of a run come to."""
