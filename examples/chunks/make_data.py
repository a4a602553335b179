"""Make the data of the example: four samples of events in ROOT files, the same for everyone.

Writes ``data/<sample>/<number>.root`` beside this file, each with a tree ``events``: ``pt``,
``eta``, ``mass`` (in steps of 1/64) and ``weight`` (0.5, 1 or 2). Sums of such numbers are exact,
in whatever order they are added, so that chunks can be compared with a whole run digit for digit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import uproot

SEED = 20240229
HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 64  # to the unit
WEIGHTS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Sample:
    """What a sample looks like: a peak in the mass on a falling background."""

    name: str
    files: int
    peak: float
    """Mass of the peak."""
    share: float
    """Share of events in the peak."""


SAMPLES = (
    Sample("DYJets", files=10, peak=91.2, share=0.8),
    Sample("TTJets", files=6, peak=80.4, share=0.2),
    Sample("WZ", files=3, peak=91.2, share=0.5),
    Sample("Data", files=1, peak=91.2, share=0.6),
)


def stepped(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return values rounded to steps that add up exactly."""
    rounded: npt.NDArray[np.float32] = (np.round(values * STEPS) / STEPS).astype(np.float32)
    return rounded


def make_events(sample: Sample, number: int) -> dict[str, npt.NDArray[np.generic]]:
    """Return the columns of one file; it depends on the sample's name and the number only."""
    random = np.random.default_rng([SEED, *sample.name.encode(), number])
    count = int(random.integers(400, 1200))
    in_peak = random.random(count) < sample.share
    peak = random.normal(sample.peak, 2.5, count)
    falling = 40.0 + random.exponential(40.0, count)
    return {
        "pt": stepped(random.exponential(30.0, count)),
        "eta": stepped(random.normal(0.0, 1.8, count)),
        "mass": stepped(np.where(in_peak, peak, falling)),
        "weight": random.choice(WEIGHTS, count),
    }


def main() -> None:
    """Write each file by a temporary name, so that a reader never sees half of it."""
    for sample in SAMPLES:
        folder = os.path.join(HERE, "data", sample.name)
        os.makedirs(folder, exist_ok=True)
        total = 0
        for number in range(sample.files):
            events = make_events(sample, number)
            path = os.path.join(folder, f"{number}.root")
            with uproot.recreate(path + ".tmp") as file:
                file.mktree("events", {name: column.dtype for name, column in events.items()})
                file["events"].extend(events)
            os.replace(path + ".tmp", path)
            total += len(events["pt"])
        print(f"{os.path.relpath(folder)}: {sample.files} files, {total} events")


if __name__ == "__main__":
    main()
