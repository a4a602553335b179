"""Expressions in HTCondor's language, ClassAds: can they be read at all?"""

from __future__ import annotations

import re

_MACRO = re.compile(r"\$\$?[A-Za-z_]*[(\[]")


def expression_problem(text: str) -> str | None:
    """Return why a text is no expression, or None: it is one, or nobody here can say.

    What holds macros is known to HTCondor alone, and its reader is there on Linux only.
    """
    if _MACRO.search(text):
        return None
    try:
        import classad2  # noqa: PLC0415 (only for HTCondor)
    except ImportError:
        return None
    try:
        classad2.ExprTree(text)
    except classad2.ClassAdException:
        return f"{text!r} is no ClassAd expression: look at its quotes and parentheses"
    return None
