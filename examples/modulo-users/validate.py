"""Compare a merged table with one that was never split.

Called as: validate.py MERGED.csv UNSPLIT.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def read(path: str) -> dict[str, dict[str, str]]:
    """Return the rows by user; a user twice is an error."""
    found: dict[str, dict[str, str]] = {}
    with Path(path).open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["user"] in found:
                sys.exit(f"{path}: {row['user']} is there twice")
            found[row["user"]] = row
    return found


def main() -> None:
    """Compare."""
    merged, whole = (read(path) for path in sys.argv[1:])
    if merged.keys() != whole.keys():
        sys.exit(f"only in one of them: {', '.join(sorted(merged.keys() ^ whole.keys()))}")
    other = [user for user in merged if merged[user] != whole[user]]
    if other:
        sys.exit(f"not the same: {', '.join(sorted(other))}")
    print(f"{len(merged)} users, each once, equal to the run that was not split")


if __name__ == "__main__":
    main()
