"""Quoting for ``#SBATCH`` lines, which no shell reads, and the forms that sbatch takes values in.

How sbatch reads such a line (the manual is silent on it, the tests ask the real one):

- Words end at white space (of C's isspace, in the C locale), unless it is quoted.
- A word's unquoted ``#`` ends the line, also in the middle of the word.
- ``'`` and ``"`` quote, in the middle of a word too; a quote that is not closed is fatal.
- A backslash takes the next character as it is, between single quotes as well; only white space
  outside of quotes still ends the word.
- Nothing else is special: ``%``, ``$``, ``$()``, backticks, ``~`` and bytes beyond ASCII are text.
- There is no limit to a line in 22.05 (20,000 bytes go through; older releases had a buffer of
  8,192). slurmctld has limits: 1,024 bytes of a comment or a name, 4,096 of a path or an --array.
"""

from __future__ import annotations

import re
import shlex

_PLAIN = re.compile(r"[^\s\"'\\#]+")


def sbatch_line(option: str) -> str:
    r"""Return the directive line of one option given as ``name=value`` or ``name``.

    >>> print(sbatch_line("comment=it's # 1"))
    #SBATCH --comment="it's # 1"

    Raises:
        ValueError: the text would not stay on its line.
    """
    if not option.isprintable():
        message = f"{option!r} cannot be a directive: it is not one line of printable text"
        raise ValueError(message)
    name, equals, value = option.partition("=")
    if equals and not _PLAIN.fullmatch(value):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"#SBATCH --{name}{equals}{value}"


def sbatch_option(line: str) -> str:
    r"""Return the option of a directive line: the way back.

    >>> sbatch_option('#SBATCH --comment="it\'s # \\"1\\""')
    'comment=it\'s # "1"'

    Raises:
        ValueError: the line was not written by us.
    """
    _, word = shlex.split(line)  # between double quotes, both know the same two escapes
    return word.removeprefix("--")


def sbatch_pattern(folder: str, inner: str, pattern: str) -> str:
    r"""Return ``<folder>/<inner>/<pattern>`` as --output takes it, with --chdir=``<folder>``.

    Whatever --chdir holds becomes part of a relative pattern: a ``%`` in it is replaced too, and a
    backslash makes SLURM leave every ``%`` as it is, and drop the backslash. In an absolute pattern
    both can be escaped; but then, where there is a backslash, all jobs share one file.

    >>> print(sbatch_pattern("/a", "logs/1", "%A.out"))
    logs/1/%A.out
    >>> print(sbatch_pattern("/50%N", "logs/1", "%A.out"))
    /50%%N/logs/1/%A.out
    >>> print(sbatch_pattern("/a\\b%", "logs/1", "%A.out"))
    /a\\b%/logs/1/jobs.out
    """
    if "\\" in folder:
        return f"{folder}/{inner}/jobs.out".replace("\\", "\\\\")
    if "%" in folder:
        return f"{folder.replace('%', '%%')}/{inner}/{pattern}"
    return f"{inner}/{pattern}"


def sbatch_size(amount: int) -> str:
    """Return bytes as whole MiB, rounded up: sbatch refuses fractions (sbatch(1), --mem)."""
    return f"{-(-amount // (1 << 20))}M"


def sbatch_time(seconds: int) -> str:
    """Return seconds as ``[days-]hours:minutes:seconds`` (sbatch(1), --time)."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days}-" if days else "") + f"{hours:02}:{minutes:02}:{rest:02}"
