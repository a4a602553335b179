"""A shard's own files and items in the texts of a spec."""

from __future__ import annotations

from collections.abc import Iterable

from manifest.errors import UserError
from manifest.splitting import Part
from renderer.words import SEVERAL, Names, Runtime, Word, parse_word

CHUNK_WORDS = {
    Runtime("chunk", "files"): '"${fh_files[@]}"',
    Runtime("chunk", "comma"): '"$fh_comma"',
    Runtime("chunk", "list"): '"$FARMHAND_FILES"',
}
"""The files of a shard, as the payload's shell spells them."""
ITEM_WORDS = {
    Runtime("items", "each"): '"${fh_items[@]}"',
    Runtime("items", "list"): '"$FARMHAND_ITEMS"',
}
"""The items of a shard."""


def own_env(parts: Iterable[Part]) -> dict[str, str]:
    """Return variables that say what a shard's own share of the work is."""
    by_events = any(part.work.per_range for part in parts)
    return {"FARMHAND_FIRST_EVENT": "{{ shard.first_event }}"} if by_events else {}


def env_word(name: str, text: str, names: Names) -> Word:
    """Read the text of an environment variable.

    Raises:
        UserError: what becomes several words.
    """
    word = parse_word(text, f"env.{name}", names)
    for piece in word.pieces:
        if isinstance(piece, Runtime) and piece in SEVERAL:
            what, instead = SEVERAL[piece]
            raise UserError(
                f"a variable holds one text, and {{{{ {piece.space}.{piece.name} }}}} is one word "
                f"for each {what}",
                where=f"env.{name}",
                hint=f"use {instead}",
            )
    return word
