"""Make the generator files of the example, and inputs.list with how many events each has.

    python3 make_data.py DIRECTORY URL

A generator file has one event a line: its number and the momenta of two particles.
"""

from __future__ import annotations

import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {"ep_0.txt": 5_000, "ep_1.txt": 4_000, "ep_2.txt": 3_500}


def main(folder: str, url: str) -> None:
    """Write the files into a directory that a server shows under a URL."""
    lines = ["# generator file on the server, and how many events are in it"]
    for name, events in FILES.items():
        stream = random.Random(name)
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            for number in range(events):
                momenta = (f"{stream.gauss(0, 10):.6f}" for _ in range(6))
                file.write(f"{number} {' '.join(momenta)}\n")
        lines.append(f"{url}/{name} {events}")
    with open(os.path.join(HERE, "inputs.list"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
