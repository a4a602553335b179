"""Quoting for ``#BSUB`` lines, which no shell reads, and the forms that bsub takes values in.

The manual says little of how such a line is read. What is known of LSF and its kin:

- The line begins with ``#BSUB`` at its first byte. All such lines count, wherever they stand in a
  script, also behind its commands and in a here-document.
- Words end at white space. One that begins with ``"`` or ``'`` goes on to the next quote of the
  same kind; nothing can be written inside to stand for that quote.
- A word that begins with ``#`` ends the line.
- ``$``, backticks and ``%`` are text, but in file names ``%J`` and ``%I`` are replaced, and nothing
  takes that meaning from them.

So a value stands between the quotes that it has not, and what cannot be written so is refused.
"""

from __future__ import annotations

import re

from manifest.bsub_options import text_problem

_PLAIN = re.compile(r"[A-Za-z0-9_.:+=-]+")
_NOT_IN_A_PATH = "%$`\\"
_LONGEST_PATH = 4094  # bsub(1), -o
_SHIFT = {"KB": 10, "MB": 20, "GB": 30, "TB": 40}


def bsub_line(option: str, value: str | None = None, *, quoted: bool = False) -> str:
    """Return the directive line of one option; ``quoted``: between quotes in any case.

    >>> print(bsub_line("R", "select[hname!='n1']"))
    #BSUB -R "select[hname!='n1']"

    Raises:
        ValueError: no line could hold the value.
    """
    if value is None:
        return f"#BSUB -{option}"
    problem = text_problem(value)
    if problem:
        raise ValueError(problem)
    if quoted or not _PLAIN.fullmatch(value) or value.startswith("-"):
        quote = "'" if '"' in value else '"'
        value = f"{quote}{value}{quote}"
    return f"#BSUB -{option} {value}"


def path_problem(path: str) -> str | None:
    """Return why LSF cannot be told of a file below this directory, or None."""
    bad = next((letter for letter in path if letter in _NOT_IN_A_PATH), None)
    if bad is not None:
        return f"it has a {bad}, which LSF might replace, and there is no way to tell it not to"
    if len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
        return f"LSF takes paths of {_LONGEST_PATH} bytes at most"
    return text_problem(path)


def bsub_minutes(seconds: int) -> str:
    """Return seconds as whole minutes, rounded up: ``hours:minutes`` would be no clearer.

    >>> bsub_minutes(61)
    '2'
    """
    return str(-(-seconds // 60))


def bsub_size(amount: int, unit: str) -> str:
    """Return bytes as a whole number of ``unit``, rounded up; ``suffix``: as MB, and saying so.

    >>> bsub_size(3 << 29, "GB"), bsub_size(3 << 29, "suffix")
    ('2', '1536MB')
    """
    if unit == "suffix":
        return bsub_size(amount, "MB") + "MB"
    return str(-(-amount // (1 << _SHIFT[unit])))
