"""Words of a command that name files beside the spec: an error, or inputs in a one-liner."""

from __future__ import annotations

import os
from collections.abc import Sequence

from manifest.errors import UserError
from manifest.names import SAFE


def names_file(word: str, base: str, *, first: bool) -> str | None:
    """Return the path in ``word`` that exists beside the spec, if the job would not find it.

    A job runs in its attempt directory, so ``python run.py`` would look for run.py there. The
    first word is looked up on PATH unless it has a slash.
    """
    if "{{" in word or not word or "\0" in word:
        return None
    candidates = [word]
    if word.startswith("-") and "=" in word:
        candidates = [word.partition("=")[2]]
    for path in candidates:
        if not path or os.path.isabs(path) or set(os.path.normpath(path)) <= {".", "/"}:
            continue
        if (first or len(path) > 1024) and "/" not in path:  # noqa: PLR2004 (no file name)
            continue
        full = os.path.join(base, path)
        if os.path.isfile(full) or ("/" in path and os.path.isdir(full)):
            return path
    return None


def refuse_literal_files(words: Sequence[str], base: str, where: str) -> None:
    """Refuse a command with words that name files beside the spec.

    Raises:
        UserError: with the two lines that mend it.
    """
    for position, word in enumerate(words):
        path = names_file(word, base, first=position == 0)
        if path is not None:
            name = input_name(path, ())
            raise UserError(
                f"'{path}' lies beside the spec, but a job runs in its own directory "
                "and would not find it",
                where=f"{where}[{position}]",
                hint=f"declare it under inputs: ({name}: {path}) and write "
                f'"{word.replace(path, "{{ inputs." + name + " }}")}" in its place, or '
                f"\"{{{{ '{path}' }}}}\" where only the text is meant",
            )


def input_name(path: str, taken: Sequence[str]) -> str:
    """Return a name for an input: its file name without suffix, made safe and unique."""
    stem = os.path.splitext(os.path.basename(os.path.normpath(path)))[0]
    safe = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in stem)
    name = safe if SAFE.fullmatch(safe) else f"input{safe}"
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique
