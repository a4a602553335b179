"""Fit a step response, height * (1 - exp(-t / tau)), to each user's data.

Called as: fit.py DATA RESULT.csv USER...

A user is finished in this order: the row, handed to the system; then the line in the ledger. Each
fit takes SECONDS_A_FIT longer than it has to, since real ones do.
"""

from __future__ import annotations

import csv
import math
import os
import sys
import time
from pathlib import Path


def read(path: Path) -> list[tuple[float, float]]:
    """Return the points of one user."""
    with path.open(newline="") as stream:
        return [(float(row["t"]), float(row["y"])) for row in csv.DictReader(stream)]


def height_at(points: list[tuple[float, float]], tau: float) -> tuple[float, float]:
    """Return the best height for a given tau, which is linear, and what is left of the squares."""
    shapes = [1 - math.exp(-t / tau) for t, _ in points]
    pairs = [(s, y) for s, (_, y) in zip(shapes, points, strict=True)]
    height = sum(s * y for s, y in pairs) / sum(s * s for s in shapes)
    rest = sum((y - height * s) ** 2 for s, y in pairs)
    return height, rest


def fit(points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return tau, height and the mean square left: by golden section, in the logarithm of tau."""
    golden = (math.sqrt(5) - 1) / 2
    low, high = math.log(0.1), math.log(100.0)
    while high - low > 1e-10:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if height_at(points, math.exp(left))[1] < height_at(points, math.exp(right))[1]:
            high = right
        else:
            low = left
    tau = math.exp((low + high) / 2)
    height, rest = height_at(points, tau)
    return tau, height, rest / len(points)


def main() -> None:
    """Fit the users that are named, one after the other."""
    data, result, *users = sys.argv[1:]
    pace = float(os.environ.get("SECONDS_A_FIT", "0"))
    ledger_path = os.environ.get("FARMHAND_LEDGER", os.devnull)
    with open(result, "w", newline="") as table, open(ledger_path, "a") as ledger:
        rows = csv.writer(table)
        rows.writerow(["user", "tau", "height", "mean_square"])
        for user in users:
            tau, height, rest = fit(read(Path(data, f"{user}.csv")))
            time.sleep(pace)
            rows.writerow([user, f"{tau:.6f}", f"{height:.6f}", f"{rest:.3e}"])
            table.flush()
            print(user, file=ledger, flush=True)


if __name__ == "__main__":
    main()
