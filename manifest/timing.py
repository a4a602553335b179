"""Phases of a job, and the lines of its log that say when each began and ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from manifest.checks import Frozen

TOTAL = "total"
"""The phase that is the whole job: the one that has a fallback, the wall time of the records."""


def _finds_a_time(value: str) -> str:
    try:
        groups = re.compile(value.encode()).groups  # logs are bytes: nobody knows their encoding
    except re.error as error:
        raise ValueError(f"'{value}' is not a regular expression: {error}") from error
    if not value:
        raise ValueError("an empty regular expression is in every line")
    if groups > 1:
        raise ValueError(f"'{value}' has {groups} groups; one at most, and that one is the time")
    return value


Tag = Annotated[str, AfterValidator(_finds_a_time)]
"""Searched in each line; the time, in seconds, is its group or else the line's last word."""


class Phase(Frozen):
    """When a part of a job begins and ends."""

    start: Tag
    end: Tag

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.start == self.end:
            raise ValueError("start: and end: are the same, so no line could be told for one")
        return self


def _between(words: str) -> Phase:
    return Phase(start=rf"(?<!\S)START{words} --", end=rf"(?<!\S)END{words} --")


USUAL: Mapping[str, Phase] = {
    TOTAL: _between(""),
    "dst": _between(" DST"),
    "eval": _between(" EVAL"),
}
"""What productions print around their parts, unless the spec names other lines."""
