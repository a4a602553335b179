"""SLURM's job ids as sbatch, squeue and sacct write them.

Forms (sacct(1) JobID, squeue(1) %i, sbatch(1) --parsable): ``123``, an element ``123_4``, elements
that wait ``123_[5-9]``, ``123_[0-8:2%4]``, a component of a heterogeneous job ``123+1``; a
step of any of them ``123_4.batch``, ``123.0``; on a federation ``123;cluster``. A list of elements
longer than SLURM_BITSTR_LEN (64 bytes by default) ends in dots: ``123_[0,2,4,...]``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_INDEX = 4_000_000
"""The largest array index of any SLURM: MaxArraySize in slurm.conf(5) is at most 4000001."""

Elements = tuple[range, ...]


class JobId(NamedTuple):
    """A job id taken apart."""

    job: int
    """Of an array the array's own id, of a heterogeneous job its leader's."""
    elements: Elements | None
    """The array indices, None when it is no array."""
    truncated: bool
    """Whether SLURM cut the list of elements: there are more than ``elements``."""
    step: str | None
    component: int | None
    """The component of a heterogeneous job."""
    cluster: str | None


_ID = re.compile(
    r"([0-9]{1,10})"
    r"(?:\+([0-9]{1,10})|_([0-9]{1,10})|_\[([0-9,:.%-]*\]?))?"
    r"(?:\.([A-Za-z][A-Za-z_]*|[0-9]{1,10})(?:\+[0-9]{1,10})?)?"
    r"(?:;([A-Za-z0-9_.-]+))?"
)
_TERM = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10})(?::([0-9]{1,10}))?)?")
_LIST = re.compile(r"([0-9,:-]*)(\.{0,3})(?:%[0-9]+)?")


def parse_job_id(text: str) -> JobId | None:
    """Take a job id apart; None for anything that is none."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    job, component, element, listed, step, cluster = match.groups()
    elements: Elements | None = None
    truncated = False
    if element is not None:
        elements = _range(int(element), int(element), 1)
    elif listed is not None:
        # squeue's JobArrayID ends after 30 bytes, without dots, unless SLURM_BITSTR_LEN is set.
        whole = listed.removesuffix("]")
        elements, truncated = parse_elements(whole, cut=whole == listed)
    if elements is None and (element is not None or listed is not None):
        return None
    offset = None if component is None else int(component)
    return JobId(int(job), elements, truncated, step, offset, cluster)


def parse_elements(text: str, *, cut: bool = False) -> tuple[Elements | None, bool]:
    """Return the array indices of ``1,3,5-7%2`` and whether some are missing; None for no list.

    With ``cut`` the text ends anywhere, as one that ends in dots does. Nothing is expanded: a range
    of millions costs as much as one index.
    """
    match = _LIST.fullmatch(text)
    if match is None:
        return None, False
    listed, dots = match.groups()
    cut = cut or bool(dots)
    terms = listed.split(",") if listed else []
    if cut and terms:
        # The number at the cut may be the beginning of a longer one; before a dash one is whole.
        start, dash, _ = terms.pop().partition("-")
        if dash:
            terms.append(start)
    found: list[range] = []
    for term in terms:
        one = _term(term)
        if one is None:
            return None, False
        found += one
    if sum(map(len, found)) > MAX_INDEX + 1:
        return None, False
    return tuple(found), cut or not found


def _term(text: str) -> Elements | None:
    match = _TERM.fullmatch(text)
    if match is None:
        return None
    first, last, stride = match.groups()
    return _range(int(first), int(last or first), int(stride or 1))


def parse_mask(text: str) -> Elements | None:
    """Return the array indices of a bit mask ``0x7F``, the form that slurmdbd keeps them in."""
    if not re.fullmatch(r"0x[0-9A-Fa-f]+", text):
        return None
    bits = f"{int(text, 16):b}"[::-1]
    found = tuple(range(*match.span()) for match in re.finditer("1+", bits))
    return None if len(bits) > MAX_INDEX + 1 else found


def _range(first: int, last: int, stride: int) -> Elements | None:
    if not (first <= last <= MAX_INDEX and stride):
        return None
    return (range(first, last + 1, stride),)
