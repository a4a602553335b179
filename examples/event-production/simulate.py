"""The event processor: reads a range of a generator file, writes what a detector would see.

    python3 simulate.py GENERATOR-FILE SKIP EVENTS OUT.csv OUT.meta

Each event is smeared with random numbers of its own (seeded by file and number), so that any
cut into ranges gives the same events.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import sys
import time


def say(tag: str) -> None:
    """Print a tag with the time, as the job's log is read by ``farmhand report timing``."""
    print(f" {tag} -- {time.time():.3f}", flush=True)


def detected(name: str, line: str) -> str:
    """Return one event as the detector sees it."""
    number, *words = line.split()
    stream = random.Random(f"{name} {number}")
    smeared = [float(word) + stream.gauss(0, 0.1) for word in words]
    first, second = smeared[:3], smeared[3:]
    energy = math.hypot(*first) + math.hypot(*second)
    momentum = math.hypot(*(a + b for a, b in zip(first, second, strict=True)))
    mass = math.sqrt(max(energy**2 - momentum**2, 0.0))
    return f"{name},{number},{energy:.6f},{mass:.6f}\n"


def main(source: str, skip: int, events: int, out: str, meta: str) -> None:
    """Simulate a range of events."""
    say("START")
    name = os.path.basename(source)
    say("START DST")
    with open(source, encoding="ascii") as file, open(out, "w", encoding="ascii") as result:
        result.write("file,event,energy,mass\n")
        lines = list(itertools.islice(file, skip, skip + events))
        if len(lines) != events:
            sys.exit(f"{source} has no {events} events behind the first {skip}")
        result.writelines(detected(name, line) for line in lines)
    say("END DST")
    with open(meta, "w", encoding="ascii") as file:
        file.write(f"input: {name}\nskip: {skip}\nevents: {events}\n")
    say("END")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
