"""Make the data of the example: a mass spectrum with a signal peak on a falling background.

Writes ``artifacts/d.parquet`` beside this file: one float64 column ``mass`` with 2,500 values of a
normal distribution (mean 91, width 2.5) and 7,500 of 60 plus an exponential one (scale 30), those
in (60, 120) kept, shuffled. The seed is fixed, so everyone gets the same numbers.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet

SEED = 20240229
LOW, HIGH = 60.0, 120.0
HERE = os.path.dirname(os.path.abspath(__file__))


def make_masses() -> npt.NDArray[np.float64]:
    """Return the masses in random order, float64, all within (LOW, HIGH)."""
    random = np.random.default_rng(SEED)
    signal = random.normal(91.0, 2.5, 2_500)
    background = 60.0 + random.exponential(30.0, 7_500)
    masses = np.concatenate([signal, background])
    kept = masses[(masses > LOW) & (masses < HIGH)]
    random.shuffle(kept)
    return kept


def main() -> None:
    """Write the file by a temporary name, so that a reader never sees half of it."""
    masses = make_masses()
    folder = os.path.join(HERE, "artifacts")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "d.parquet")
    parquet.write_table(pa.table({"mass": masses}), path + ".tmp")
    os.replace(path + ".tmp", path)
    print(f"{os.path.relpath(path)}: {len(masses)} masses")


if __name__ == "__main__":
    main()
