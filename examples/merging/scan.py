"""Stands for a generator: a row for each event, with its rank by length in the shard."""

from __future__ import annotations

import csv
import random
import sys


def main() -> None:
    """Write the events of one shard."""
    first, events, mass, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    lengths = {
        seed: random.Random(seed).expovariate(float(mass)) for seed in range(first, first + events)
    }
    order = sorted(lengths.values())
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["seed", "length", "rank"])
        for seed, length in lengths.items():
            rows.writerow([seed, f"{length:.6f}", order.index(length) + 1])


if __name__ == "__main__":
    main()
