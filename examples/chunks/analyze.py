"""The analysis: one chunk's files in, histograms, a tree, a cut flow and counters out.

    python3 analyze.py --sample DYJets --xsec 6025.2 FILE...

Writes into the directory it is started in: ``analyzer1/out_events.root`` with the histograms
``mass`` and ``pt`` and the tree ``selected``, ``analyzer2/cutflow.txt`` and ``counters.yaml``. It
knows nothing of chunks: given all files of a sample, it writes what the chunks add up to.
"""

from __future__ import annotations

import argparse
import json
import os

import numpy as np
import numpy.typing as npt
import uproot
from uproot.writing.identify import to_TAxis, to_TH1x

Columns = dict[str, npt.NDArray[np.float64]]
COLUMNS = ("pt", "eta", "mass", "weight")
CUTS = (
    ("|eta| < 2.4", lambda events: np.abs(events["eta"]) < 2.4),
    ("pt > 20", lambda events: events["pt"] > 20),
    ("60 < mass < 120", lambda events: (events["mass"] > 60) & (events["mass"] < 120)),
)


def read_events(path: str) -> Columns:
    """Return the columns of a file, as numbers whose sums are exact."""
    with uproot.open(path) as file:
        columns = file["events"].arrays(COLUMNS, library="np")
    return {name: columns[name].astype(np.float64) for name in COLUMNS}


def apply_cuts(events: Columns) -> tuple[Columns, list[int]]:
    """Return the events that pass all cuts, and how many are left after each."""
    left = [len(events["pt"])]
    for _, passes in CUTS:
        kept = passes(events)
        events = {name: column[kept] for name, column in events.items()}
        left.append(int(np.count_nonzero(kept)))
    return events, left


def histogram(
    title: str, name: str, values: Columns, bins: tuple[int, float, float]
) -> uproot.Model:
    """Return a TH1D of a column, with weights, overflows and the sums that ROOT keeps."""
    number, low, high = bins
    column, weight = values[name], values["weight"]
    edges = np.array([-np.inf, *np.linspace(low, high, number + 1), np.inf])
    contents, _ = np.histogram(column, edges, weights=weight)
    squares, _ = np.histogram(column, edges, weights=weight**2)
    inside = (column >= low) & (column < high)  # ROOT's sums leave the overflows out
    column, weight = column[inside], weight[inside]
    return to_TH1x(
        fName=None,
        fTitle=title,
        data=contents,
        fEntries=float(len(values[name])),
        fTsumw=weight.sum(),
        fTsumw2=(weight**2).sum(),
        fTsumwx=(weight * column).sum(),
        fTsumwx2=(weight * column**2).sum(),
        fSumw2=squares,
        fXaxis=to_TAxis(fName="xaxis", fTitle=name, fNbins=number, fXmin=low, fXmax=high),
    )


def write_root(path: str, selected: Columns) -> None:
    """Write the histograms and the tree; the tree is there even without an event."""
    with uproot.recreate(path) as file:
        file["mass"] = histogram("mass of the pair", "mass", selected, (30, 60, 120))
        file["pt"] = histogram("transverse momentum", "pt", selected, (32, 0, 128))
        file.mktree("selected", dict.fromkeys(COLUMNS, np.float64))
        file["selected"].extend(selected)


def write_cutflow(path: str, left: list[int]) -> None:
    """Write one cut a line; farmhand works out the efficiencies when it adds them up."""
    names = ["all events", *(name for name, _ in CUTS)]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{name:<18}  {count}\n" for name, count in zip(names, left, strict=True))


def write_counters(path: str, sample: str, xsec: str, counters: dict[str, float]) -> None:
    """Write numbers, which are added, and texts, which have to be the same in all chunks."""
    lines = [f"sample: {json.dumps(sample)}", f"xsec: {json.dumps(xsec)}"]
    lines += [f"{name}: {value!r}" for name, value in counters.items()]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def main() -> None:
    """Analyze the files."""
    parser = argparse.ArgumentParser(description="Analyze the files of one sample.")
    parser.add_argument("--sample", required=True)
    parser.add_argument("--xsec", required=True, help="cross-section in pb, noted as it is")
    parser.add_argument("files", nargs="+", metavar="FILE")
    told = parser.parse_args()
    parts = [read_events(path) for path in told.files]
    events = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    selected, left = apply_cuts(events)
    for folder in ("analyzer1", "analyzer2"):
        os.makedirs(folder, exist_ok=True)
    write_root("analyzer1/out_events.root", selected)
    write_cutflow("analyzer2/cutflow.txt", left)
    counters = {
        "files": len(told.files),
        "events": left[0],
        "selected": left[-1],
        "weights": float(events["weight"].sum()),
        "selected_weights": float(selected["weight"].sum()),
    }
    write_counters("counters.yaml", told.sample, told.xsec, counters)
    print(f"{told.sample}: {left[0]} events in {len(told.files)} files, {left[-1]} selected")


if __name__ == "__main__":
    main()
