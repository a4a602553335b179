"""Compares each sample of a run with a direct call of Pythia, and its name with its parameters.

    compare.py runs/hnl

The parameters, the number of events and the seed are those of the manifest.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import generate

NAME = re.compile(r"HNL_(.+)GeV_(.+)_(.+)")


def table(path: Path) -> list[tuple[str, ...]]:
    """Read a table, header and all."""
    with open(path, encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def differences(run: Path, plan: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the sample of a shard."""
    name, point = plan["name"], plan["point"]
    mass, flavour, mode = NAME.fullmatch(name).groups()
    if {"mass": mass.replace("p", "."), "flavour": flavour, "mode": mode} != point:
        yield f"{name} does not read back as {point}"
    direct = list(generate.rows(**point, events=plan["size"], seed=plan["seed"]))
    if table(run / f"outputs/csv/{name}.csv") != [generate.HEADER, *direct]:
        yield f"{name} is not what a direct call gives"


def merged(run: Path, plans: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with the merged tables."""
    found = [row for path in (run / "merged").glob("*.csv") for row in table(path)[1:]]
    told = {(row[-1], *row[:4]) for row in found}
    wanted = {
        (plan["name"], *plan["point"].values(), str(event))
        for plan in plans
        for event in range(plan["size"])
    }
    if len(found) != len(wanted) or told != wanted:
        yield "the merged tables do not have each event of each sample once"


def main() -> None:
    """Compare all of them."""
    run = Path(sys.argv[1])
    plans = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["plans"]
    seeds = {plan["seed"] for plan in plans}
    wrong = [what for plan in plans for what in differences(run, plan)] + list(merged(run, plans))
    if len(seeds) < len(plans):
        wrong.append("two samples have one seed")
    if wrong:
        raise SystemExit("\n".join(wrong))
    events = sum(plan["size"] for plan in plans)
    print(f"{len(plans)} samples, {events} events: each equals a direct call with its seed")


if __name__ == "__main__":
    main()
