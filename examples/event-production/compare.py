"""Compare what lies in the bucket with one unsplit run over all generator files.

    python3 compare.py

Exits with 0 when every event is there exactly once, digit for digit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def rows(path: str) -> list[str]:
    """Return the lines of a table without its header."""
    with open(path, encoding="ascii") as file:
        return file.readlines()[1:]


def main() -> int:
    """Fetch everything from both stores, simulate at once, compare."""
    found: list[str] = []
    wanted: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.join(folder, "bucket")
        copy = ["aws", "s3", "cp", "--recursive", "--only-show-errors", "s3://production/dst", here]
        subprocess.run(copy, check=True)
        names = sorted(name for name in os.listdir(here) if name.endswith(".csv"))
        for name in names:
            found += rows(os.path.join(here, name))
        with open(os.path.join(HERE, "inputs.list"), encoding="utf-8") as file:
            inputs = [line.split() for line in file if not line.startswith("#")]
        for url, events in inputs:
            local = os.path.join(folder, os.path.basename(url))
            subprocess.run(["xrdcp", "--nopbar", url, local], check=True)
            out = os.path.join(folder, "out.csv")
            words = [sys.executable, os.path.join(HERE, "simulate.py"), local, "0", events]
            words += [out, os.path.join(folder, "meta")]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            wanted += rows(out)
    if sorted(found) != sorted(wanted):
        print(f"{len(found)} events in the bucket differ from the {len(wanted)} of an unsplit run")
        return 1
    print(f"{len(names)} files in the bucket equal an unsplit run, event by event ({len(found)})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
