"""Compare the merged samples with runs that were never split, number for number.

    python compare.py RUN

Runs analyze.py once over all files of each sample, in a temporary directory, and compares what it
writes with what ``farmhand merge`` wrote: histograms (contents, errors, entries, sums), every
column of the tree, cut flow and counters. Exits with 0 when all are equal, with 1 when one is not.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from typing import Any

import uproot
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
EVENTS = "analyzer1/out_events.root"
CUTFLOW = "analyzer2/cutflow.txt"
COUNTERS = "counters.yaml"
SUMS = ("fEntries", "fTsumw", "fTsumw2", "fTsumwx", "fTsumwx2")


def read_histogram(path: str, name: str) -> dict[str, Any]:
    """Return everything that adds up in a histogram."""
    with uproot.open(path) as file:
        found = file[name]
        sums = {key: float(found.member(key)) for key in SUMS}
        return {
            "contents": found.values(flow=True).tolist(),
            "variances": found.variances(flow=True).tolist(),
            **sums,
        }


def read_tree(path: str) -> dict[str, Any]:
    """Return the columns of the tree."""
    with uproot.open(path) as file:
        columns = file["selected"].arrays(library="np")
    return {name: column.tolist() for name, column in columns.items()}


def read_cutflow(path: str) -> list[tuple[str, int]]:
    """Return the cuts and how many events are left; efficiencies follow from those."""
    with open(path, encoding="utf-8") as file:
        lines = [re.split(r"\s{2,}", line.strip()) for line in file if line.strip()]
    return [(words[0], int(words[1])) for words in lines]


def read_counters(path: str) -> dict[str, Any]:
    """Return the counters."""
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = yaml.safe_load(file)
    return found


def everything(folder: str) -> dict[str, Any]:
    """Return all results that lie in a directory."""
    events = os.path.join(folder, EVENTS)
    return {
        "histogram mass": read_histogram(events, "mass"),
        "histogram pt": read_histogram(events, "pt"),
        "tree selected": read_tree(events),
        "cut flow": read_cutflow(os.path.join(folder, CUTFLOW)),
        "counters": read_counters(os.path.join(folder, COUNTERS)),
    }


def unsplit(sample: str, xsec: str, folder: str) -> dict[str, Any]:
    """Analyze all files of a sample at once."""
    data = os.path.join(HERE, "data", sample)
    files = sorted(os.path.join(data, name) for name in os.listdir(data))
    program = os.path.join(HERE, "analyze.py")
    command = [sys.executable, program, "--sample", sample, "--xsec", xsec, *files]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return everything(folder)


def main(run: str) -> int:
    """Print a line for each sample, or one for each result that differs."""
    wrong = 0
    merged = os.path.join(run, "merged")
    samples = sorted(os.listdir(os.path.join(HERE, "data")))
    for sample in samples:
        ours = everything(os.path.join(merged, sample))
        with tempfile.TemporaryDirectory() as folder:
            theirs = unsplit(sample, ours["counters"]["xsec"], folder)
        differing = [name for name, value in theirs.items() if ours[name] != value]
        for name in differing:
            print(f"{sample}: {name} differs from an unsplit run's")
        wrong += len(differing)
        if not differing:
            events = ours["counters"]["events"]
            print(f"{sample}: equals an unsplit run, number for number ({events} events)")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: compare.py RUN")
    sys.exit(main(sys.argv[1]))
