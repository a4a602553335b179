"""The components of a run, and patterns that choose some of their chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from collectors.run_facts import RunFacts
from manifest.errors import UserError
from manifest.nearest import nearest
from reports.by_component import Span

OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="PATTERN", help="Only chunks or components named so: 'DY*'."),
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="PATTERN", help="No chunks or components named so."),
]


def spans(facts: RunFacts) -> list[Span]:
    """Return the components in order; a run without any has none."""
    return [
        Span(part.name, part.first, part.shards)
        for part in facts.parts.values()
        if part.name is not None
    ]


def chooser(
    only: Sequence[str] | None, skip: Sequence[str] | None, known: Iterable[str]
) -> Callable[[str, str | None], bool]:
    """Return whether a chunk of a name and a component is chosen.

    Raises:
        UserError: a pattern fits nothing that is known.
    """
    names = list(known) if only or skip else []
    for option, patterns in (("--only", only), ("--skip", skip)):
        for pattern in patterns or ():
            if not any(fnmatchcase(name, pattern) for name in names):
                guess = nearest(pattern, names)
                raise UserError(
                    f"{option}: no chunk or component is named '{pattern}'"
                    + (f"; did you mean '{guess}'?" if guess else ""),
                    hint="patterns are those of file names, in quotes: 'DY*'",
                )

    def fits(patterns: Sequence[str], name: str, component: str | None) -> bool:
        return any(
            fnmatchcase(text, pattern) for text in (name, component) if text for pattern in patterns
        )

    def chosen(name: str, component: str | None) -> bool:
        if only and not fits(only, name, component):
            return False
        return not (skip and fits(skip, name, component))

    return chosen
