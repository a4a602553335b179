"""Write data/<user>.csv for 60 users: a step response of each, with noise; always the same."""

from __future__ import annotations

import math
import random
from pathlib import Path

USERS, POINTS = 60, 200


def main() -> None:
    """Write the data."""
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for number in range(USERS):
        draw = random.Random(f"user {number}")
        tau, height = draw.uniform(1.0, 6.0), draw.uniform(0.5, 2.0)
        lines = ["t,y"]
        for point in range(POINTS):
            t = 20 * point / POINTS
            y = height * (1 - math.exp(-t / tau)) + draw.gauss(0, 0.05)
            lines.append(f"{t:.2f},{y:.5f}")
        (folder / f"user{number:02}.csv").write_text("\n".join([*lines, ""]))
    print(f"{USERS} users in {folder.name}/")


if __name__ == "__main__":
    main()
