"""What ROOT files add up to: the same objects in each, entries and bins of the sum.

hadd joins what it finds and says little: a tree that is missing in one input, or has another
branch there, changes the sum without an error. So the inputs are compared with the first, their
numbers are added here, and the result is held against that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from outputs.root_file import Content, Histogram, Tree

_NAMED = 3
"""Objects that are named in one sentence."""


@dataclass(slots=True)
class _Bins:
    """The bins of one histogram, added up so far."""

    entries: float
    total: NDArray[Any]
    size: NDArray[Any]
    """Sum of the absolute values, of which rounding is a share."""
    precision: float
    axes: tuple[object, ...]
    comparable: bool

    def add(self, other: Histogram) -> None:
        self.entries += other.entries
        self.precision = max(self.precision, other.precision)
        if self.axes != other.axes or self.total.shape != other.bins.shape or not other.adds:
            self.comparable = False
        if self.comparable:
            self.total = self.total + _wide(other.bins)
            self.size = self.size + abs(_wide(other.bins))


def _wide(bins: NDArray[Any]) -> NDArray[Any]:
    """Return bins in numbers wide enough for their sum: ROOT has TH1C of 8 and TH1S of 16 bits."""
    return bins.astype(np.int64 if bins.dtype.kind in "iu" else np.longdouble)


class Sums:
    """Adds the contents of files; the first says what all have to hold."""

    def __init__(self, first: Content, name: str) -> None:
        """Begin with the first file and what it is called in messages."""
        self._first = first
        self._name = name
        self._files = 1
        self.entries = {path: tree.entries for path, tree in first.trees.items()}
        """Entries of each tree, together."""
        self._histograms = {
            path: _Bins(
                one.entries,
                _wide(one.bins),
                abs(_wide(one.bins)),
                one.precision,
                one.axes,
                one.adds,
            )
            for path, one in first.histograms.items()
        }

    @property
    def unproved(self) -> list[str]:
        """Return the histograms whose bins cannot be compared: other axes, labels, averages."""
        return [path for path, bins in self._histograms.items() if not bins.comparable]

    def add(self, content: Content) -> str | None:
        """Add one more file, or return the sentence against it."""
        problem = self._other_objects(content, f"in {self._name}", f"; {self._name} has it")
        if problem is None:
            problem = next(filter(None, map(self._other_branches, *_pairs(content))), None)
        if problem is not None:
            return problem
        self._files += 1
        for path, tree in content.trees.items():
            self.entries[path] += tree.entries
        for path, one in content.histograms.items():
            self._histograms[path].add(one)
        return None

    def against(self, result: Content) -> str | None:
        """Return the sentence against a result, or None when it is the sum of all files."""
        problem = self._other_objects(result, "in the inputs", ", which all inputs have")
        if problem is not None:
            return problem
        for path, wanted in self.entries.items():
            found = result.trees[path].entries
            if found != wanted:
                return f"has {found} entries in the tree '{path}'; the inputs have {wanted}"
        for path, bins in self._histograms.items():
            problem = self._other_bins(path, bins, result.histograms[path])
            if problem:
                return problem
        return None

    def _other_objects(self, content: Content, there: str, has_it: str) -> str | None:
        ours, theirs = self._first.classes, content.classes
        absent = [path for path in ours if path not in theirs]
        if absent:
            return f"has no {_named(absent, ours)}{has_it}"
        extra = [path for path in theirs if path not in ours]
        if extra:
            return f"has {_named(extra, theirs)}, which is not {there}"
        for path, kind in theirs.items():
            if ours[path] != kind:
                return f"'{path}' is a {kind}; {there} a {ours[path]}"
        return None

    def _other_branches(self, path: str, tree: Tree) -> str | None:
        ours, theirs = dict(self._first.trees[path].branches), dict(tree.branches)
        differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        if not differing:
            return None
        names = ", ".join(differing[:_NAMED]) + (" …" if len(differing) > _NAMED else "")
        return f"the tree '{path}' has other branches than in {self._name}: {names}"

    def _other_bins(self, path: str, bins: _Bins, found: Histogram) -> str | None:
        if not bins.comparable:
            return None
        if not _close(found.entries, bins.entries, self._files * 2.0**-52 * abs(bins.entries)):
            return (
                f"has {found.entries:g} entries in the histogram '{path}'; the inputs have "
                f"{bins.entries:g}"
            )
        if found.bins.shape != bins.total.shape:
            return f"has other bins in the histogram '{path}' than the inputs"
        rounding = (self._files + 1) * bins.precision * bins.size
        with np.errstate(invalid="ignore"):
            got = _wide(found.bins)
            right = (abs(got - bins.total) <= rounding) | (got == bins.total)
            right |= np.isnan(got.astype(float)) & np.isnan(bins.total.astype(float))
        wrong = np.flatnonzero(~right)
        if not wrong.size:
            return None
        at = int(wrong[0])
        return (
            f"has {got[at]:g} in bin {at} of the histogram '{path}'; the inputs add up to "
            f"{bins.total[at]:g}"
        )


def _pairs(content: Content) -> tuple[list[str], list[Tree]]:
    return list(content.trees), list(content.trees.values())


def _named(paths: list[str], classes: dict[str, str]) -> str:
    told = ", ".join(f"{classes[path]} '{path}'" for path in paths[:_NAMED])
    return told + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")


def _close(one: float, other: float, rounding: float) -> bool:
    return one == other or abs(one - other) <= rounding
