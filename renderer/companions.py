"""Companions of outputs: files beside a destination that belong to what is stored there."""

from __future__ import annotations

from collections.abc import Iterable

from manifest.errors import UserError
from manifest.spec import Spec
from renderer.words import Names, Runtime, Word, parse_word


def companion_words(spec: Spec, names: Names) -> dict[str, list[Word]]:
    """Return output -> the names of its companions.

    Raises:
        UserError: a name that is not known at the render.
    """
    found = {}
    for name, output in spec.outputs.items():
        if output.companions:
            where = f"outputs.{name}.companions"
            found[name] = [_word(text, where, names) for text in output.companions]
    return found


def _word(text: str, where: str, names: Names) -> Word:
    word = parse_word(text, where, names)
    if any(isinstance(piece, Runtime) for piece in word.pieces):
        raise UserError(
            f"'{text}': the name of a companion is known at the render and cannot use a variable "
            "of the job",
            where=where,
            hint="use shard.*, part.*, work.* and params.*",
        )
    return word


def check_companions(texts: Iterable[str], output: str) -> list[str]:
    """Return the companions of one shard's output.

    Raises:
        UserError: one does not lie beside it, or below.
    """
    names = list(texts)
    for name in names:
        if name.startswith("/") or "://" in name or {"", ".", ".."} & set(name.split("/")):
            raise UserError(
                f"'{name}' is not the name of a file beside the destination",
                where=f"outputs.{output}.companions",
                hint="write a name, or a path that goes down from there, such as eval/x.root",
            )
    return names
