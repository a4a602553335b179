"""How LSF reads ``#BSUB`` lines: all of them, wherever they stand.

Written from the manual and from what was seen, not from the renderer, which is tested with it.
"""

from __future__ import annotations

_FLAGS = "ar B H I Ip Is IS ISp ISs IX K N Ne Nd r rn ul x XF Zs h V hl tty datachk"
FLAGS = frozenset(_FLAGS.split(" "))


class BadOptionError(Exception):
    """What bsub refuses."""


def embedded(script: str) -> list[str]:
    """Return the words of all ``#BSUB`` lines.

    >>> embedded('#!/bin/bash\\n#BSUB -J "a b" # c\\necho\\n##BSUB -x\\n # BSUB -y\\n#BSUB -q q')
    ['-J', 'a b', '-q', 'q']
    """
    words: list[str] = []
    for line in script.split("\n"):
        if line.startswith("#BSUB"):
            words += words_of(line[len("#BSUB") :])
    return words


def words_of(text: str) -> list[str]:
    """Split at blanks, but not between quotes; there is no way to write a quote inside its kind."""
    words: list[str] = []
    while text := text.lstrip(" \t"):
        if text[0] == "#":
            break
        if text[0] in "\"'":
            word, end, text = text[1:].partition(text[0])
            if not end:
                raise BadOptionError("a quote is not closed")
        else:
            cut = min((at for at in map(text.find, " \t") if at >= 0), default=len(text))
            word, text = text[:cut], text[cut:]
            if set(word) & set("\"'"):
                raise BadOptionError(f"{word}: a quote in the middle of a word")
        words.append(word)
    return words


def options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return options by name (a flag's value is "") and the command that follows them.

    Several -R are joined, of the others the last counts.
    """
    found: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name = rest.pop(0)[1:]
        if name in FLAGS:
            found[name] = ""
            continue
        if not rest:
            raise BadOptionError(f"option requires an argument -- {name}")
        value = rest.pop(0)
        found[name] = f"{found[name]} {value}" if name == "R" and name in found else value
    return found, rest
