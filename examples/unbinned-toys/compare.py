"""Compare a merged toy study with one that was never split, number for number.

    python compare.py merged.json unsharded.json

Exits with 0 when every array of ``results`` is the same in both, with 1 when one is not, and names
it then.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def read_results(path: str) -> dict[str, Any]:
    """Return the ``results`` object of a toy-study output."""
    with open(path, encoding="utf-8") as file:
        results: dict[str, Any] = json.load(file)["results"]
    return results


def differing(merged: dict[str, Any], unsharded: dict[str, Any]) -> list[str]:
    """Return one sentence for each array that is not the same, bit for bit, in both.

    Compared as text: Python writes a float in the shortest way that reads back as the same bits,
    so this tells 0.0 from -0.0, which ``==`` does not.
    """
    sentences = []
    for name in array_names(merged, unsharded):
        ours, theirs = merged.get(name), unsharded.get(name)
        if not isinstance(ours, list) or not isinstance(theirs, list):
            sentences.append(f"{name}: an array in only one of the two")
        elif len(ours) != len(theirs):
            sentences.append(f"{name}: {len(ours)} values merged, {len(theirs)} unsharded")
        else:
            pairs = zip(ours, theirs, strict=True)
            wrong = [i for i, (a, b) in enumerate(pairs) if json.dumps(a) != json.dumps(b)]
            if wrong:
                i = wrong[0]
                sentences.append(
                    f"{name}: {len(wrong)} of {len(ours)} differ, first [{i}]: "
                    f"{ours[i]!r} merged, {theirs[i]!r} unsharded"
                )
    return sentences


def array_names(*results: dict[str, Any]) -> list[str]:
    """Return the sorted names of everything that is an array in any of ``results``."""
    return sorted({name for one in results for name, value in one.items() if type(value) is list})


def main(arguments: list[str]) -> int:
    """Print one line for the whole comparison, or one for each array that differs."""
    merged, unsharded = (read_results(path) for path in arguments)
    arrays = array_names(unsharded)
    toys = unsharded["n_toys"]
    sentences = differing(merged, unsharded)
    if merged["n_toys"] != toys or not arrays:
        sentences.append(f"n_toys: {merged['n_toys']} merged, {toys} unsharded")
    if sentences:
        print("merged arrays differ from an unsharded run's:", *sentences, sep="\n  ")
        return 1
    print(
        "merged arrays equal an unsharded run's, number for number "
        f"({toys} toys, {len(arrays)} arrays)"
    )
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: compare.py MERGED UNSHARDED")
    sys.exit(main(sys.argv[1:]))
