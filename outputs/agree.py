"""Do two merged results of the same work say the same, however it was cut into shards?"""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import orjson

from manifest.errors import UserError
from outputs.root_file import read_root
from outputs.root_sums import Sums
from outputs.toys_document import PER_TOY
from outputs.tree import files_in

_TELLS_OF_ITS_RUN = ("processing.yaml",)
"""Files of a merge by component that name the run, and so differ from run to run."""
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_ROUNDING = 1e-9
"""Sums of sums are rounded in another order: 1e16 times the precision of a double, and more."""


def difference(kind: str | None, one: str, other: str) -> str | None:
    """Return the sentence that tells two merged results apart, or None: they agree.

    Args:
        kind: the ``merge.kind`` of both, None for a merge by component.
        one: path of the first, a file or a directory.
        other: path of the other.

    Raises:
        UserError: one of them cannot be read.
    """
    try:
        if os.path.isdir(one) and os.path.isdir(other):
            return _directories(one, other)
        return _KINDS.get(kind or "", _bytes)(one, other)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"merged results cannot be compared: {error}",
            where=f"{one}, {other}",
            hint="merge these runs again",
        ) from error


def _directories(one: str, other: str) -> str | None:
    ours, theirs = set(files_in(one)), set(files_in(other))
    for name in sorted(ours ^ theirs):
        return f"{name} is in only one of them"
    for name in sorted(ours):
        if os.path.basename(name) in _TELLS_OF_ITS_RUN:
            continue
        compare = _root if name.endswith(".root") else _sums
        told = compare(os.path.join(one, name), os.path.join(other, name))
        if told:
            return f"{name}: {told}"
    return None


def _toys(one: str, other: str) -> str | None:
    """Compare toy for toy; the summary follows from the toys, and rounds in the shards' order."""
    ours, theirs = _document(one), _document(other)
    for name in ("parameter_names", "poi_index"):
        if ours[name] != theirs[name]:
            return f"{name}: {ours[name]} and {theirs[name]}"
    if ours["gen"]["seed"] != theirs["gen"]["seed"]:
        return f"gen.seed: {ours['gen']['seed']} and {theirs['gen']['seed']}"
    mine, its = ours["results"], theirs["results"]
    counts = sorted(name for name in mine if name.startswith("n_") and name in its)
    for name in counts:
        if mine[name] != its[name]:
            return f"{name}: {mine[name]} and {its[name]}"
    for name in PER_TOY:
        unlike = [at for at, pair in enumerate(zip(mine[name], its[name], strict=True))
                  if pair[0] != pair[1]]  # fmt: skip
        if unlike:
            first = unlike[0]
            return (
                f"{name} of toy {first}: {mine[name][first]} and {its[name][first]} "
                f"({len(unlike)} of {len(mine[name])} toys differ)"
            )
    return None


def _document(path: str) -> dict[str, Any]:
    with open(path, "rb") as stream:
        found: dict[str, Any] = orjson.loads(stream.read())
    return found


def _root(one: str, other: str) -> str | None:
    return Sums(read_root(one), os.path.basename(one)).against(read_root(other))


def _bytes(one: str, other: str) -> str | None:
    return _lines(one, other, lambda ours, theirs: ours == theirs)


def _sums(one: str, other: str) -> str | None:
    return _lines(one, other, _close)


def _lines(one: str, other: str, same: Callable[[bytes, bytes], bool]) -> str | None:
    if filecmp.cmp(one, other, shallow=False):
        return None
    with open(one, "rb") as ours, open(other, "rb") as theirs:
        for number, (mine, its) in enumerate(zip_longest(ours, theirs), start=1):
            if mine is None or its is None:
                return f"one ends at line {number}"
            if not same(mine, its):
                return f"line {number}: {_clip(mine)} and {_clip(its)}"
    return None


def _close(ours: bytes, theirs: bytes) -> bool:
    """Say whether two lines are equal, but for the last digits of their numbers.

    >>> _close(b"sum: 0.30000000000000004", b"sum: 0.3"), _close(b"n: 3", b"n: 4")
    (True, False)
    """
    if ours == theirs:
        return True
    if _NUMBER.sub(b"#", ours) != _NUMBER.sub(b"#", theirs):
        return False
    pairs = zip(_NUMBER.findall(ours), _NUMBER.findall(theirs), strict=True)
    return all(
        abs(float(a) - float(b)) <= _ROUNDING * max(abs(float(a)), abs(float(b))) for a, b in pairs
    )


def _clip(line: bytes) -> str:
    return repr(line.rstrip(b"\n")[:60].decode("utf-8", "backslashreplace"))


_KINDS: dict[str, Callable[[str, str], str | None]] = {
    "toys": _toys,
    "root": _root,
    "counters": _sums,
    "cutflow": _sums,
}
"""Value of ``merge.kind`` -> what compares; others are compared byte for byte."""
