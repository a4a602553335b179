"""Break three chunks of a run in three ways, none of which an exit code or a log would tell.

    python break_chunks.py RUN

DYJets_Chunk1 gets a ROOT file that was cut short, TTJets_Chunk0 loses its cut flow, and the ROOT
file of WZ_Chunk2 is replaced by a sound one without the tree.
"""

from __future__ import annotations

import glob
import os
import sys

import uproot


def output(run: str, chunk: str, path: str) -> str:
    """Return the path of a chunk's output, in its only attempt."""
    (found,) = glob.glob(os.path.join(glob.escape(run), "shards", chunk, "*", path))
    return found


def main(run: str) -> None:
    """Break them, and say so."""
    events, cutflow = "analyzer1/out_events.root", "analyzer2/cutflow.txt"
    short = output(run, "DYJets_Chunk1", events)
    lost = output(run, "TTJets_Chunk0", cutflow)
    bare = output(run, "WZ_Chunk2", events)
    os.truncate(short, os.path.getsize(short) * 2 // 3)
    os.remove(lost)
    with uproot.open(bare) as file:
        kept = {name: file[name] for name in ("mass", "pt")}
    with uproot.recreate(bare) as file:
        for name, histogram in kept.items():
            file[name] = histogram
    for path, what in ((short, "cut short"), (lost, "removed"), (bare, "without its tree")):
        print(f"{os.path.relpath(path)}: {what}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: break_chunks.py RUN")
    main(sys.argv[1])
