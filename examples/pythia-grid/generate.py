"""Generates heavy neutral leptons with Pythia, at one point of the grid; knows nothing of shards.

    generate.py MASS FLAVOUR MODE EVENTS SEED OUT.csv

MODE direct: from a W with the lepton of the flavour; fromTau: from a tau, which came from a W. Each
event is one row: the first such particle in it, and its decay.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

import pythia8mc

HEADER = ("mass", "flavour", "mode", "event", "pt", "eta", "phi", "decay_mm", "lepton")
HNL = 9900015
LEPTONS = {"electron": 11, "muon": 13, "tau": 15}
DECAYS = {  # of the lepton itself: it is its own antiparticle
    "electron": ("1 0.5 0 11 211", "1 0.5 0 -11 -211"),
    "muon": ("1 0.5 0 13 211", "1 0.5 0 -13 -211"),
    "tau": ("1 1.0 0 16 111",),
}


def settings(mass: str, flavour: str, mode: str, seed: int) -> Iterator[str]:
    """Yield what Pythia is told. The mass is the text of the grid, not rounded on the way."""
    yield from ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}")
    yield from ("Beams:eCM = 13000.", "WeakSingleBoson:ffbar2W = on", "PartonLevel:MPI = off")
    yield f"{HNL}:new = N void 2 0 0 {mass} 0. 0. 0. 10."
    yield f"{HNL}:isResonance = off"
    yield f"{HNL}:mayDecay = on"
    for channel in DECAYS[flavour]:
        yield f"{HNL}:addChannel = {channel}"
    if mode == "direct":
        # 101: Pythia does not know the width of a decay into a particle of ours
        yield f"24:oneChannel = 1 1.0 101 -{LEPTONS[flavour]} {HNL}"
    else:
        yield from ("24:onMode = off", "24:onIfAny = 15")
        yield f"15:oneChannel = 1 1.0 0 {HNL} -211"


def rows(mass: str, flavour: str, mode: str, events: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield one row for each event; numbers with all their digits."""
    pythia = pythia8mc.Pythia("", False)
    for setting in settings(mass, flavour, mode, seed):
        if not pythia.readString(setting):
            raise SystemExit(f"Pythia does not take: {setting}")
    if not pythia.init():
        raise SystemExit(f"Pythia cannot do {mode} {flavour} at {mass} GeV")
    done = 0
    while done < events:
        if not pythia.next():
            continue
        one = next(p for p in pythia.event if p.id() == HNL and decays(pythia, p))
        lepton = pythia.event[one.daughter1()].id()
        numbers = (one.pT(), one.eta(), one.phi(), one.tau() * one.pAbs() / one.m())
        yield (mass, flavour, mode, str(done), *map(repr, numbers), str(lepton))
        done += 1


def decays(pythia: pythia8mc.Pythia, particle: pythia8mc.Particle) -> bool:
    """Say whether this is the last copy of the particle in the event."""
    return not particle.isFinal() and pythia.event[particle.daughter1()].id() != HNL


def main() -> None:
    """Write the table."""
    mass, flavour, mode, events, seed, out = sys.argv[1:]
    with open(out, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows(rows(mass, flavour, mode, int(events), int(seed)))
    print(f"{events} events of {mode} {flavour} at {mass} GeV, seed {seed}")


if __name__ == "__main__":
    main()
