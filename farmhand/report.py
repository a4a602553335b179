"""``farmhand report``: a page about a run; and what else can be said of it, one module a report."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

import typer

from farmhand import report_run, report_timing
from farmhand.named import NamedGroup

_PAGE = "run"


class ReportGroup(NamedGroup):
    """Reports by name; without a name, the page about a run."""

    def names(self) -> Collection[str]:
        """Return the names that are said; the page about a run has none."""
        return [name for name in self.commands if name != _PAGE]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 (Typer's interface)
        """Put in the name of the page where a run, an option of the page or nothing stands."""
        first = args[0] if args else ""
        if first != "--help" and first not in self.names() and _may_be_run(first):
            args = [_PAGE, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 (as above)
        """Return the command that is meant."""
        if args and args[0] == _PAGE:
            return _PAGE, self.get_command(ctx, _PAGE), args[1:]
        return super().resolve_command(ctx, args)


def _may_be_run(word: str) -> bool:
    return not word or word.startswith("-") or os.sep in word or os.path.exists(word)


app = typer.Typer(cls=ReportGroup, add_completion=False, rich_markup_mode=None)
app.command(_PAGE)(report_run.verb)
app.command("timing")(report_timing.verb)


@app.callback(subcommand_metavar="[RUN] | REPORT [ARGS]...")
def _report() -> None:
    """Write a page about a run: farmhand report RUN. Or one of the reports below.

    The page goes to stdout, or with --out-md FILE into a file; --json prints what is on it as data.
    RUN may be left out as for other verbs. What the page holds: farmhand report run --help.
    """
