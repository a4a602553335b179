"""Asking a store what lies below a directory, by the command that lists its scheme."""

from __future__ import annotations

from collections.abc import Sequence

from manifest.transfers import pieces
from runners.asked import Answer, ask, complaint
from runners.time_limit import time_limit

VARIABLE = "FARMHAND_LISTING_TIMEOUT"
_TIMEOUT_S = 300.0


def list_below(words: Sequence[str], url: str) -> Answer:
    """Return what a store prints about a directory, or why it gave no answer.

    Raises:
        UserError: the variable that limits the time holds no number of seconds.
    """
    argv = ["".join(url if field else text for field, text in pieces(word)) for word in words]
    asked = ask(argv, time_limit(VARIABLE, _TIMEOUT_S))
    if asked.code == 0:
        return Answer(asked.out)
    return Answer(None, complaint(argv[0], asked))
