"""Ranks the rows of a whole table by length: rank.py INPUT OUTPUT."""

from __future__ import annotations

import csv
import sys


def main() -> None:
    """Write the table again with new ranks; everything else stays as it is."""
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    order = {row["seed"]: rank for rank, row in enumerate(sorted(rows, key=length), start=1)}
    with open(sys.argv[2], "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(row | {"rank": order[row["seed"]]} for row in rows)


def length(row: dict[str, str]) -> float:
    """Return what rows are ranked by."""
    return float(row["length"])


if __name__ == "__main__":
    main()
