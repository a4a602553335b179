"""Numbers in names: ``2.6`` is spelled ``2p6`` and ``-1.5`` is ``m1p5``, and both read back."""

from __future__ import annotations

from manifest.decimals import number_of

_SPELLED = str.maketrans({".": "p", "-": "m"})
_READ = str.maketrans({"p": ".", "m": "-"})
PATTERN = r"[m+]?[0-9]*p?[0-9]*(?:[eE][m+]?[0-9]+)?"
"""Regular expression of what ``spelled`` makes."""


def spelled(text: object) -> str:
    """Return a number as a part of a name.

    Raises:
        ValueError: it is no number.

    >>> spelled("2.60"), spelled("-1.5"), spelled("1e-3")
    ('2p60', 'm1p5', '1em3')
    """
    number = str(text)
    if number_of(number) is None:
        raise ValueError(f"'{number}' is no number, and the filter p spells numbers")
    return number.translate(_SPELLED)


def read(text: str) -> str:
    """Return the number that a part of a name spells.

    >>> read("2p60"), read("m1p5"), read("1em3")
    ('2.60', '-1.5', '1e-3')
    """
    return text.translate(_READ)
