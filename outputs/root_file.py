"""What is in a ROOT file, as far as adding files up needs it: objects, entries, bin contents.

uproot is imported where a file is read, not before: it takes a quarter of a second, and it is an
extra (``pip install 'farmhand[root]'``).
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from manifest.errors import UserError
from outputs.root_header import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_HISTOGRAMS = ("TH1", "TH2", "TH3", "TProfile")
_TREES = ("TTree", "TNtuple", "TNtupleD", "TChain", "ROOT::RNTuple")
_DIRECTORIES = ("TDirectory", "TDirectoryFile")
_AVERAGES = 1 << 18
"""TH1::kIsAverage: such histograms are averaged, not added."""


class RootError(ValueError):
    """A file cannot be trusted or read; the text says why."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree."""

    entries: int
    branches: tuple[tuple[str, tuple[str, ...]], ...]
    """Name of each branch and the types of its leaves."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram of any dimension, or a profile."""

    entries: float
    bins: NDArray[Any]
    """The contents as they are stored, flow included (a profile: sums of weighted values)."""
    precision: float
    """Relative rounding of one bin, 0 for integers."""
    axes: tuple[object, ...]
    """What the axes are: histograms of other axes are added otherwise than bin by bin."""
    adds: bool
    """Whether the contents of two add up at all."""


@dataclass(frozen=True, slots=True)
class Content:
    """The objects of a file by their path in it; of several cycles only the last counts."""

    classes: dict[str, str]
    trees: dict[str, Tree] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    cycles: dict[str, int] = field(default_factory=dict)
    """How many cycles there are of objects that have several."""


def read_root(path: str) -> Content:
    """Read a file: its header, its keys, the entries of its trees, its histograms.

    Raises:
        RootError: it was not closed, or is truncated, damaged, or no ROOT file.
        OSError: it cannot be read at all.
        UserError: uproot is not installed.
    """
    problem = problem_of(path)
    if problem:
        raise RootError(problem)
    uproot = _uproot()
    try:
        # A Path: in a text, uproot takes what follows a colon for an object in the file.
        with uproot.open(pathlib.Path(path)) as file:
            content = _content(file)
    except OSError as error:
        if error.errno is not None:
            raise
        raise RootError(f"is damaged: {_first_line(error)}") from error
    except Exception as error:  # whatever bytes make a deep parser raise
        raise RootError(f"is damaged: {_first_line(error)}") from error
    if not content.classes:
        raise RootError("holds no objects")
    return content


def _uproot() -> Any:  # noqa: ANN401 (an optional library without types)
    try:
        import uproot  # noqa: PLC0415 (slow, and an extra)
    except ImportError as error:
        raise UserError(
            "ROOT files are read with uproot, which is not installed here",
            hint="pip install 'farmhand[root]' (with pipx: pipx inject farmhand uproot)",
        ) from error
    return uproot


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{lines[0] if lines else 'uproot says'} ({type(error).__name__})"[:200]


def _content(file: Any) -> Content:  # noqa: ANN401 (uproot's)
    last: dict[str, tuple[int, str]] = {}
    content = Content({})
    for name, cycle, kind in _keys(file):
        if name in last:
            content.cycles[name] = content.cycles.get(name, 1) + 1
        if cycle >= last.get(name, (0, ""))[0]:
            last[name] = cycle, kind
    for name, (_, kind) in last.items():
        content.classes[name] = "TDirectory" if kind in _DIRECTORIES else kind
        if kind in _TREES:
            content.trees[name] = _tree(file[name])
        elif kind.startswith(_HISTOGRAMS):
            content.histograms[name] = _histogram(file[name])
    return content


def _keys(file: Any) -> Iterator[tuple[str, int, str]]:  # noqa: ANN401 (uproot's)
    for key, kind in file.iterclassnames(recursive=True, cycle=True):
        name, _, cycle = key.rpartition(";")
        yield name, int(cycle), kind


def _tree(tree: Any) -> Tree:  # noqa: ANN401 (uproot's)
    if not hasattr(tree, "branches"):  # RNTuple: a description of fields instead of branches
        return Tree(int(tree.num_entries), tuple((name, ()) for name in tree.keys()))  # noqa: SIM118
    return Tree(int(tree.num_entries), tuple(_branches(tree, "")))


def _branches(tree: Any, above: str) -> Iterator[tuple[str, tuple[str, ...]]]:  # noqa: ANN401
    for branch in tree.branches:
        name = f"{above}{branch.name}"
        yield name, tuple(leaf.classname for leaf in branch.member("fLeaves"))
        yield from _branches(branch, f"{name}/")


def _histogram(histogram: Any) -> Histogram:  # noqa: ANN401 (uproot's)
    bins = _stored(histogram)
    axes = [histogram.member(name) for name in ("fXaxis", "fYaxis", "fZaxis")]
    labels = any(axis.member("fLabels") is not None for axis in axes)
    held_back = histogram.member("fBufferSize", none_if_missing=True)
    averages = int(histogram.member("@fBits")) & _AVERAGES
    return Histogram(
        entries=float(histogram.member("fEntries")),
        bins=bins,
        precision=0.0
        if bins.dtype.kind in "iu"
        else 2.0 ** -(23 if bins.dtype.itemsize == 4 else 52),  # noqa: PLR2004
        axes=tuple(_axis(axis) for axis in axes) if not labels else (object(),),
        adds=not (averages or held_back),
    )


def _axis(axis: Any) -> tuple[object, ...]:  # noqa: ANN401 (uproot's)
    edges = axis.member("fXbins")
    return (
        axis.member("fNbins"),
        axis.member("fXmin"),
        axis.member("fXmax"),
        tuple(edges.tolist() if hasattr(edges, "tolist") else edges),
    )


def _stored(model: Any) -> NDArray[Any]:  # noqa: ANN401 (uproot's)
    """Return the array that a histogram is, whatever lies between."""
    import numpy as np  # noqa: PLC0415 (comes with uproot)

    for base in model.bases:
        if base.classname.startswith("TArray"):
            return np.asarray(base)
        if base.classname.startswith(_HISTOGRAMS):
            try:
                return _stored(base)
            except LookupError:
                continue
    raise LookupError("a histogram without bins")
