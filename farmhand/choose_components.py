"""``--only`` and ``--skip``: some components of a spec."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from manifest.errors import UserError
from manifest.spec import Spec

OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="PATTERN", help="Only components like this (repeatable)."),
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="PATTERN", help="No components like this (repeatable)."),
]


def chosen(
    names: Iterable[str], only: Sequence[str] | None, skip: Sequence[str] | None
) -> list[str]:
    """Return the names that patterns such as ``DY*`` leave, in their order.

    Raises:
        UserError: a pattern matches nothing, or nothing is left.
    """
    known = list(names)
    for option, patterns in (("--only", only), ("--skip", skip)):
        for pattern in patterns or ():
            if not any(fnmatchcase(name, pattern) for name in known):
                raise UserError(
                    f"{option} {pattern}: there is no such component", hint=_known(known)
                )
    left = [
        name
        for name in known
        if (not only or any(fnmatchcase(name, pattern) for pattern in only))
        and not any(fnmatchcase(name, pattern) for pattern in skip or ())
    ]
    if not left:
        raise UserError("--only and --skip leave no component", hint=_known(known))
    return left


def choose(spec: Spec, only: Sequence[str] | None, skip: Sequence[str] | None) -> Spec:
    """Return a spec with the chosen components.

    Raises:
        UserError: as ``chosen`` does, or the spec has no components.
    """
    if not only and not skip:
        return spec
    if not spec.components:
        raise UserError("--only and --skip choose components, and this spec has none")
    left = set(chosen(spec.components, only, skip))
    components = {name: part for name, part in spec.components.items() if name in left}
    return spec.model_copy(update={"components": components})


def _known(names: Collection[str]) -> str:
    shown = sorted(names)
    return f"known are {', '.join(shown[:10])}" + ", ..." * (len(shown) > 10)  # noqa: PLR2004
